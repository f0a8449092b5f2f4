/**
 * Encrypting and decrypting a large file, and what bounds them: the cipher alone, and copying the
 * file. The memory bar is the point: it stands below the file's size, above what copying takes.
 */
import { createCipheriv, randomBytes } from "node:crypto"
import { createReadStream, createWriteStream, statSync } from "node:fs"
import { open } from "node:fs/promises"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { limitsDefault } from "../src/archive/limits.ts"
import { decryptFile } from "../src/seal/decrypt.ts"
import { encryptTo } from "../src/seal/encrypt.ts"
import type { Encrypt } from "../src/seal/encrypt.ts"
import { makeIdentity, recipientOfIdentity } from "../src/seal/keys.ts"
import type { Question, Stopwatch, Subject } from "./measure.ts"

const mebibyte = 1024 * 1024
const chunkBytes = 64 * 1024

const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`the benchmark did not do what it says: ${what}`)
}

const timed = async (watch: Stopwatch, run: () => Promise<unknown>): Promise<void> => {
  watch.start()
  await run()
  watch.stop()
}

/** So much of what cannot be compressed, nor guessed by the disk. */
async function* bytesOf(mebibytes: number): AsyncGenerator<Buffer> {
  const block = randomBytes(mebibyte)
  for (let count = 0; count < mebibytes; count += 1) {
    block.writeUInt32BE(count)
    yield block
  }
}

const plainIn = (folder: string): string => join(folder, "plain")
const sealedIn = (folder: string): string => join(folder, "sealed.age")

const identity = await makeIdentity()

const sealing = async (): Promise<Encrypt> =>
  encryptTo({ recipients: [await recipientOfIdentity(identity, "the benchmark")] }, limitsDefault)

const copy: Subject = async ({ prepared, scratch, size }, watch) => {
  const to = createWriteStream(join(scratch, "copy"))
  await timed(watch, () => pipeline(createReadStream(plainIn(prepared)), to))
  return size
}

const cipher: Subject = ({ size }, watch) => {
  const chunk = randomBytes(chunkBytes)
  const key = randomBytes(32)
  watch.time(() => {
    for (let count = 0; count < (size * mebibyte) / chunkBytes; count += 1) {
      const nonce = Buffer.alloc(12)
      nonce.writeUInt32BE(count)
      const one = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 })
      expect(one.update(chunk).length === chunkBytes, "the chunk was encrypted")
      one.final()
    }
  })
  return size
}

const file = {
  unit: "MiB",
  size: 256,
  quickSize: 64,
  prepare: async ({ prepared, size }: { readonly prepared: string; readonly size: number }) => {
    await pipeline(bytesOf(size), createWriteStream(plainIn(prepared)))
  },
  limits: { "copying the file": copy, "ChaCha20-Poly1305 of the bytes": cipher },
  memoryBytesMax: 240e6,
}

export const seals: ReadonlyArray<Question> = [
  {
    ...file,
    name: "encrypt",
    asks: "encrypt 256 MiB to a key, from file to file",
    ours: async ({ prepared, scratch, size }, watch) => {
      const encrypt = await sealing()
      const from = createReadStream(plainIn(prepared))
      const to = createWriteStream(sealedIn(scratch))
      await timed(watch, () => pipeline(encrypt(from), to))
      expect(statSync(sealedIn(scratch)).size > size * mebibyte, "every byte was encrypted")
      return size
    },
  },
  {
    ...file,
    name: "decrypt",
    asks: "decrypt 256 MiB, from file to file",
    ours: async ({ prepared, scratch, size }, watch) => {
      const encrypt = await sealing()
      const sealed = createWriteStream(sealedIn(scratch))
      await pipeline(encrypt(createReadStream(plainIn(prepared))), sealed)
      const from = await open(sealedIn(scratch))
      const options = { keys: { identities: [identity] }, limits: limitsDefault }
      await timed(watch, () => decryptFile(from, "it", plainIn(scratch), options))
      await from.close()
      expect(statSync(plainIn(scratch)).size === size * mebibyte, "every byte was decrypted")
      return size
    },
  },
]
