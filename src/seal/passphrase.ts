/**
 * Opening and sealing with a passphrase: age's scrypt recipient over node:crypto, whose scrypt runs
 * beside the main thread. A second of it in JavaScript would hold up everything else.
 */
import { randomBytes, scrypt } from "node:crypto"
import type { Identity, Recipient, Stanza } from "age-encryption"
import { sealed, unsealed } from "./stream.ts"

/** Base-2 logarithm of the work that a new file's passphrase costs: about a second, 256 MiB. */
const workFactorDefault = 18
const label = "age-encryption.org/v1/scrypt"
const saltBytes = 16
const blockSize = 8
/** A key of 16 bytes and what authenticates it. */
const wrappedKeyBytes = 32

const keyFrom = (passphrase: string, salt: Uint8Array, workFactor: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const N = 2 ** workFactor
    const options = { N, r: blockSize, p: 1, maxmem: 128 * blockSize * (N + 32) }
    const content = Buffer.concat([Buffer.from(label), salt])
    scrypt(passphrase, content, 32, options, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })

/** The key of each stanza is used once, so the nonce is always the same. */
const nonce = new Uint8Array(12)

/** `newStanza` because age's library is loaded only when a file is encrypted. */
export const passphraseRecipient = (
  passphrase: string,
  workFactorMax: number,
  newStanza: (args: Array<string>, body: Uint8Array) => Stanza,
): Recipient => ({
  wrapFileKey: async (fileKey) => {
    const workFactor = Math.min(workFactorDefault, workFactorMax)
    const salt = randomBytes(saltBytes)
    const key = await keyFrom(passphrase, salt, workFactor)
    const args = ["scrypt", salt.toString("base64").replaceAll("=", ""), String(workFactor)]
    return [newStanza(args, sealed(key, nonce, fileKey))]
  },
})

/** Tries a passphrase, on a header that was checked: one scrypt stanza, and its work is bounded. */
export const passphraseIdentity = (passphrase: string): Identity => ({
  unwrapFileKey: async ([stanza]) => {
    const [, salt, workFactor] = stanza!.args
    // A longer one could hold several keys, and tell by the answer which passphrase was tried.
    if (stanza!.body.length !== wrappedKeyBytes) throw new Error("it does not wrap a key")
    const key = await keyFrom(passphrase, Buffer.from(salt!, "base64"), Number(workFactor))
    return unsealed(key, nonce, stanza!.body) ?? null
  },
})
