/**
 * Checking an archive's logs by themselves: bytes, hashes, chains, transactions and signatures.
 *
 * For archives that hold only later parts of logs: clock, ancestry and state need what is not at hand.
 */
import { CanonicalError } from "../event/canonical.ts"
import { bodyFromText, EventError, headerFromText } from "../event/event.ts"
import type { Transaction } from "../event/event.ts"
import {
  bodyHash,
  chainHash,
  genesisHash,
  isSalt,
  membershipRule,
  verifyHead,
} from "../event/hash.ts"
import { lineFromText } from "../log/segment.ts"
import { manifestPath } from "./archive.ts"
import type { ManifestLog, ProgressOption } from "./archive.ts"
import type { Archive } from "./read.ts"
import { refuse } from "./refuse.ts"
import { breathe } from "./work.ts"

class ChainCheck {
  readonly #log: ManifestLog
  #seq: number
  #hash: string
  /** The transaction that is under way, as its last member names it. */
  #open: Transaction | undefined

  constructor(log: ManifestLog, project: string) {
    const { from, log: name, previous, publicKey } = log
    if (from === 1 && previous !== genesisHash(project, publicKey)) {
      const message = `The log ${name} does not belong to project ${project}.`
      throw refuse("structure", "other-project", message, `log ${name}`)
    }
    this.#log = log
    this.#seq = log.from - 1
    this.#hash = log.previous
  }

  line(text: string, where: string): void {
    const { header: headerLine, salt, body } = lineFromText(text, where)
    const header = headerFromText(headerLine)
    const seq = this.#seq + 1
    const name = `${header.node}:${header.seq}`
    if (header.node !== this.#log.node || header.seq !== seq) {
      const message = `${where}: ${name} stands where event ${seq} of ${this.#log.node} belongs.`
      throw refuse("structure", "out-of-sequence", message, where)
    }
    if (!isSalt(salt) || bodyHash(salt, body) !== header.body) {
      const message = `${where}: the body of ${name} is not the one its header names.`
      throw refuse("structure", "body-hash", message, where)
    }
    bodyFromText(body)
    this.#transaction(header.transaction, seq, where)
    this.#seq = seq
    this.#hash = chainHash(this.#hash, headerLine)
  }

  #transaction(next: Transaction | undefined, seq: number, where: string): void {
    const open = this.#open
    // What goes on after an event of another branch may do so inside a transaction.
    const branches = seq === this.#log.from && seq > 1
    const fits =
      open === undefined
        ? next === undefined || next.index === 0 || branches
        : next?.index === open.index + 1 && next.count === open.count
    if (!fits) {
      const message = `${where}: the event is not the next member of its transaction.`
      throw refuse("structure", "transaction-broken", message, where)
    }
    this.#open = next === undefined || next.index === next.count - 1 ? undefined : next
  }

  end(project: string): void {
    const { log, node, to, head, publicKey, signature, members } = this.#log
    const where = members.at(-1)!
    if (this.#open !== undefined) {
      throw refuse(
        "structure",
        "transaction-cut",
        `The log ${log} ends inside a transaction.`,
        where,
      )
    }
    if (this.#seq !== to || this.#hash !== head) {
      const message = `The log ${log} does not end as the manifest says.`
      throw refuse("structure", "log-end", message, where)
    }
    if (signature === undefined && membershipRule(project) === "members") {
      const message = `The log ${log} is not signed by its node, as in a project of members it must be.`
      throw refuse("structure", "unsigned", message, `log ${log}`)
    }
    if (signature !== undefined && !verifyHead(publicKey, signature, project, node, to, head)) {
      const message = `The signature over the log ${log} does not fit.`
      throw refuse("structure", "signature-invalid", message, `log ${log}`)
    }
  }
}

/** Reads every log of an archive; throws for the first fault of any. */
export const checkChains = async (
  archive: Archive,
  { onProgress }: ProgressOption,
  signal: AbortSignal,
): Promise<void> => {
  const { events: total, logs, project } = archive.manifest
  let done = 0
  for (const log of logs) {
    const check = new ChainCheck(log, project)
    for (const member of log.members) {
      let line = 0
      for await (const batch of archive.lines(member)) {
        for (const text of batch) checkLine(check, text, `${member} line ${(line += 1)}`)
        done += batch.length
        onProgress?.({ stage: "checking", done, total, unit: "events" })
        await breathe(signal)
      }
    }
    check.end(project)
  }
  if (done !== total) {
    const message = `The archive has ${done} events; its manifest says ${total}.`
    throw refuse("structure", "event-count", message, `${manifestPath} events`)
  }
}

const checkLine = (check: ChainCheck, text: string, where: string): void => {
  try {
    check.line(text, where)
  } catch (error) {
    if (!(error instanceof CanonicalError) && !(error instanceof EventError)) throw error
    throw refuse("schema", error.code, `${where}: ${error.message}.`, where)
  }
}
