/**
 * Every hash, signature and id Lamplog computes, each under a domain of its own.
 *
 * All preimages are text: a domain line, then fixed-length hexadecimal parts and at most one part of
 * free length, last. So no two different inputs share a preimage, and a stranger can rebuild each
 * one with string concatenation and SHA-256 (docs/FORMAT.md).
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  randomBytes,
  sign as signBytes,
  verify as verifyBytes,
} from "node:crypto"

/** SHA-256 of UTF-8 text or bytes, as 64 lower-case hexadecimal characters. */
export const sha256 = (content: string | Uint8Array): string => hash("sha256", content)

const hashPattern = /^[0-9a-f]{64}$/
export const isHash = (text: unknown): text is string =>
  typeof text === "string" && hashPattern.test(text)

const saltPattern = /^[0-9a-f]{32}$/
export const isSalt = (text: string): boolean => saltPattern.test(text)
/** Whether a text has the form of the nonce in a project's id. */
export const isNonce = isSalt

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

/** RFC 4648 base32, lower case, without padding: 128 bits become 26 characters. */
export const base32FromBytes = (bytes: Uint8Array): string => {
  let text = ""
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(value >> bits) & 31]
    }
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text
}

const identifierPattern = /^[a-z2-7]{26}$/
/** Whether a text has the form of a project or node id. */
export const isIdentifier = (text: unknown): text is string =>
  typeof text === "string" && identifierPattern.test(text)

/** The id of a new open project: 128 random bits. */
export const randomProjectId = (): string => base32FromBytes(randomBytes(16))

/** Who may take part in a project: anybody, or whom its members admit. Fixed for life by its id. */
export type MembershipRule = "open" | "members"

/** 26 characters hold two bits more than 128: in the last one `01` marks a project of members. */
const spareBits = 0b11
const membersMark = 0b01

/** The rule of a project, told by its id alone, so that nobody can take the rule away from it. */
export const membershipRule = (project: string): MembershipRule =>
  (alphabet.indexOf(project.at(-1)!) & spareBits) === membersMark ? "members" : "open"

/** A nonce for `projectIdOf`: 16 random bytes, as 32 hexadecimal characters. */
export const randomNonce = (): string => randomBytes(16).toString("hex")

/** The id of a project of members: it commits to the founder's key, so nobody else can be the founder. */
export const projectIdOf = (founderPublicKey: string, nonce: string): string => {
  const digest = sha256(`lamplog:project:1\n${founderPublicKey}\n${nonce}`)
  const id = base32FromBytes(Buffer.from(digest, "hex").subarray(0, 16))
  return id.slice(0, -1) + alphabet[alphabet.indexOf(id.at(-1)!) | membersMark]!
}

/** The id of the node that writes under a public key (64 hexadecimal characters). */
export const nodeFromPublicKey = (publicKey: string): string =>
  base32FromBytes(Buffer.from(sha256(`lamplog:node:1\n${publicKey}`), "hex").subarray(0, 16))

/** What the first event of a log stands on: it commits to the project and to the writer's key. */
export const genesisHash = (project: string, publicKey: string): string =>
  sha256(`lamplog:log:1\n${project}\n${publicKey}`)

/** The chain hash of an event: over the one before it and this header's exact bytes. */
export const chainHash = (previous: string, header: string): string =>
  sha256(`lamplog:chain:1\n${previous}\n${header}`)

/** The hash that stands in the header for a body; the salt keeps erased values from being guessed. */
export const bodyHash = (salt: string, body: string): string =>
  sha256(`lamplog:body:1\n${salt}\n${body}`)

/** A key pair: `seed` is the secret half (RFC 8032), both as 64 hexadecimal characters. */
export interface KeyPair {
  readonly seed: string
  readonly publicKey: string
}

const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex")
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex")

const privateKeyFromSeed = (seed: string) =>
  createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, Buffer.from(seed, "hex")]),
    format: "der",
    type: "pkcs8",
  })

export const keyPairFromSeed = (seed: string): KeyPair => {
  const spki = createPublicKey(privateKeyFromSeed(seed)).export({ format: "der", type: "spki" })
  return { seed, publicKey: spki.subarray(spkiPrefix.length).toString("hex") }
}

export const randomKeyPair = (): KeyPair => {
  const { privateKey } = generateKeyPairSync("ed25519")
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" })
  return keyPairFromSeed(pkcs8.subarray(pkcs8Prefix.length).toString("hex"))
}

const hmacBlockBytes = 64

/**
 * Gives each event of a log 16 bytes that only its node can compute: the first half of
 * HMAC-SHA256(seed, text). Written out (RFC 2104) over two reused buffers, because making a keyed
 * object for each event costs more than both hashes.
 */
export const saltsOf = (seed: string, project: string, node: string): ((seq: number) => string) => {
  const prefix = `lamplog:salt:1\n${project}\n${node}\n`
  const inner = Buffer.alloc(hmacBlockBytes + Buffer.byteLength(prefix) + 16, 0x36)
  const outer = Buffer.alloc(hmacBlockBytes + 32, 0x5c)
  for (const [index, byte] of Buffer.from(seed, "hex").entries()) {
    inner[index] = byte ^ 0x36
    outer[index] = byte ^ 0x5c
  }
  const seqAt = hmacBlockBytes + inner.write(prefix, hmacBlockBytes, "utf8")
  return (seq) => {
    const end = seqAt + inner.write(String(seq), seqAt, "latin1")
    outer.write(hash("sha256", inner.subarray(0, end)), hmacBlockBytes, "hex")
    return hash("sha256", outer).slice(0, 32)
  }
}

const headText = (project: string, node: string, seq: number, chain: string): Buffer =>
  Buffer.from(`lamplog:head:1\n${project}\n${node}\n${seq}\n${chain}`)

/** Signs a log up to `seq`: one Ed25519 signature (RFC 8032) covers everything before it. */
export const signHead = (
  seed: string,
  project: string,
  node: string,
  seq: number,
  chain: string,
): string =>
  signBytes(null, headText(project, node, seq, chain), privateKeyFromSeed(seed)).toString("hex")

const signaturePattern = /^[0-9a-f]{128}$/

/** Whether a signature fits; one that is spelled otherwise (capitals, something after it) does not. */
export const verifyHead = (
  publicKey: string,
  signature: string,
  project: string,
  node: string,
  seq: number,
  chain: string,
): boolean => {
  if (!isHash(publicKey) || !signaturePattern.test(signature)) return false
  try {
    const key = createPublicKey({
      key: Buffer.concat([spkiPrefix, Buffer.from(publicKey, "hex")]),
      format: "der",
      type: "spki",
    })
    const text = headText(project, node, seq, chain)
    return verifyBytes(null, text, key, Buffer.from(signature, "hex"))
  } catch {
    return false
  }
}
