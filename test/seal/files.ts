/**
 * Sealing and opening real files, in a folder that vanishes when the tests of the file are over.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { LamplogError } from "../../src/event/failure.ts"
import type { AgeLimits } from "../../src/seal/age-header.ts"
import { decryptFile } from "../../src/seal/decrypt.ts"
import type { AgeKeys } from "../../src/seal/decrypt.ts"
import { encryptTo } from "../../src/seal/encrypt.ts"
import type { SealFor } from "../../src/seal/encrypt.ts"

/** A little scrypt work is enough to see that it is done. */
export const limits: AgeLimits = {
  archiveBytes: 256 * 1024 * 1024,
  ageHeaderBytes: 64 * 1024,
  ageRecipients: 32,
  scryptWorkFactor: 10,
}

async function* inPieces(content: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += pieceBytes) {
    yield content.subarray(at, at + pieceBytes)
  }
}

/** Encrypts bytes that come in pieces. */
export const encrypted = async (
  content: Buffer,
  to: SealFor,
  pieceBytes = 10_000,
  within = limits,
): Promise<Buffer> => {
  const encrypt = await encryptTo(to, within)
  return Buffer.concat(await Array.fromAsync(encrypt(inPieces(content, pieceBytes))))
}

export interface Folder {
  readonly path: (name: string) => string
  /** Decrypts bytes by way of two files; gives what is in the second. */
  readonly decrypted: (content: Buffer, keys: AgeKeys, within?: AgeLimits) => Promise<Buffer>
}

export const folder = (): Folder => {
  const directory = mkdtempSync(join(tmpdir(), "lamplog-seal-"))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const path = (name: string): string => join(directory, name)
  return {
    path,
    decrypted: async (content, keys, within = limits) => {
      writeFileSync(path("sealed"), content)
      rmSync(path("opened"), { force: true })
      const file = await open(path("sealed"))
      try {
        await decryptFile(file, "a.lamplog", path("opened"), { keys, limits: within })
      } finally {
        await file.close()
      }
      return readFileSync(path("opened"))
    },
  }
}

/** The refusal that a promise ends in; anything else is passed on. */
export const refusalOf = async (run: () => unknown): Promise<LamplogError> => {
  try {
    await run()
  } catch (error) {
    if (error instanceof LamplogError) return error
    throw error
  }
  throw new Error("it was not refused")
}
