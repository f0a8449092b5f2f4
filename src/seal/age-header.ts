/**
 * The header of an age file, looked at before anything is computed from it or a key is tried.
 *
 * It is text that nothing vouches for yet, and it decides how much work opening costs: how many
 * recipients there are to try, and what a passphrase's scrypt may take (at 2^20, 5 seconds and 1
 * GiB). So its length, its recipients and that factor are bounded here.
 */
import { bytesFromBase64 } from "./base64.ts"
import { beyondLimit, refuse } from "./refuse.ts"
import { damaged, truncated } from "./stream.ts"

/** The limits of an archive that are about its encryption. */
export interface AgeLimits {
  /** Bytes of the decrypted file. */
  readonly archiveBytes: number
  readonly ageHeaderBytes: number
  readonly ageRecipients: number
  /** Base-2 logarithm of the work of scrypt. */
  readonly scryptWorkFactor: number
}

const intro = "age-encryption.org/"
const versionLine = `${intro}v1`
const armorLine = "-----BEGIN AGE ENCRYPTED FILE-----"

/** Bytes that are enough to tell an encrypted file from others. */
export const ageMarkBytes = armorLine.length

/** Whether a file that begins with these bytes is an encrypted one, in whatever form. */
export const isEncrypted = (start: Buffer): boolean => {
  const text = start.toString("latin1")
  return text.startsWith(intro) || text.startsWith(armorLine)
}

export interface AgeHeader {
  /** From the first line to the one with the code that authenticates it. */
  readonly bytes: Buffer
  readonly opensWith: "passphrase" | "identity"
}

const lastPattern = /^--- [A-Za-z0-9+/]{43}$/
const workFactorPattern = /^[1-9][0-9]*$/
const bodyLineLength = 64
const lineFeed = 0x0a

/** Takes line after line from the start of a file that goes on after it. */
class Lines {
  at = 0
  readonly #start: Buffer
  readonly #limits: AgeLimits
  readonly #where: string

  constructor(start: Buffer, limits: AgeLimits, where: string) {
    this.#start = start
    this.#limits = limits
    this.#where = where
  }

  next(): string {
    const end = this.#start.indexOf(lineFeed, this.at)
    const most = this.#limits.ageHeaderBytes
    if (end >= most || (end < 0 && this.#start.length > most)) {
      throw beyondLimit("ageHeaderBytes", this.#start.length, most, "the encryption header")
    }
    if (end < 0) throw truncated(this.#where)
    const line = this.#start.toString("latin1", this.at, end)
    this.at = end + 1
    return line
  }
}

const malformed = (where: string) => damaged(where, "the header of the encrypted file is malformed")

const checkVersion = (line: string, where: string): void => {
  if (line === versionLine) return
  if (line.startsWith(armorLine)) {
    throw refuse(
      "archive",
      "archive-armored",
      `${where} is encrypted and written as text (age armor), which is not read.`,
      where,
      "Ask for it in age's binary form, or decrypt it with `age --decrypt` and open the result.",
    )
  }
  if (!/^[!-~]+$/.test(line) || !line.startsWith(intro)) throw malformed(where)
  throw refuse(
    "archive",
    "archive-newer",
    `${where} is encrypted in a newer form of age (${line.slice(0, 60)}).`,
    where,
    "Upgrade Lamplog, or ask for it encrypted in the form age-encryption.org/v1.",
  )
}

/**
 * The arguments of one recipient's stanza, whose first line this is. Its body is read over: whether
 * that is well formed, age's library sees.
 */
const stanzaFrom = (line: string, lines: Lines, where: string): ReadonlyArray<string> => {
  const [arrow, ...args] = line.split(" ")
  if (arrow !== "->" || args.length === 0) throw malformed(where)
  for (;;) {
    const { length } = lines.next()
    if (length > bodyLineLength) throw malformed(where)
    if (length < bodyLineLength) return args
  }
}

const checkPassphrase = (
  stanzas: ReadonlyArray<ReadonlyArray<string>>,
  limits: AgeLimits,
  where: string,
): void => {
  const [, salt, factor, ...rest] = stanzas.find(([type]) => type === "scrypt")!
  // Whoever opens with a passphrase may rely on it that only those who know it could write.
  if (stanzas.length > 1) throw damaged(where, "it opens with a passphrase and with other keys")
  const fits = factor !== undefined && workFactorPattern.test(factor) && rest.length === 0
  // Sixteen bytes in their only spelling, without padding.
  if (!fits || bytesFromBase64(`${salt}==`)?.length !== 16) throw malformed(where)
  const work = Number(factor)
  if (work <= limits.scryptWorkFactor) return
  throw beyondLimit("scryptWorkFactor", work, limits.scryptWorkFactor, "the encryption header")
}

/**
 * Reads the header at the start of a file. `start` is the whole file, or more of it than
 * `ageHeaderBytes`.
 */
export const headerFromStart = (start: Buffer, limits: AgeLimits, where: string): AgeHeader => {
  const lines = new Lines(start, limits, where)
  checkVersion(lines.next(), where)
  const stanzas: Array<ReadonlyArray<string>> = []
  for (;;) {
    const line = lines.next()
    if (lastPattern.test(line) && stanzas.length > 0) break
    stanzas.push(stanzaFrom(line, lines, where))
    const { ageRecipients: most } = limits
    if (stanzas.length > most) {
      throw beyondLimit("ageRecipients", stanzas.length, most, "the encryption header")
    }
  }
  const usesPassphrase = stanzas.some(([type]) => type === "scrypt")
  if (usesPassphrase) checkPassphrase(stanzas, limits, where)
  return {
    bytes: start.subarray(0, lines.at),
    opensWith: usesPassphrase ? "passphrase" : "identity",
  }
}
