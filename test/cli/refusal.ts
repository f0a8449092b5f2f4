/**
 * What every refusal has in common, whatever was refused.
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import type { ErrorDocument } from "./documents.ts"
import type { Outcome } from "./stage.ts"

const stages = ["archive", "manifest", "schema", "structure", "referential"]
const keys = new Set(["code", "message", "remedy", "stage", "where"])

/** Checks the one document on stdout, and the exit status; gives the error. */
export const expectRefusal = (
  { status, stdout, stderr }: Outcome,
  code: string,
  expectedStatus: number,
): ErrorDocument["error"] => {
  const document = JSON.parse(stdout) as ErrorDocument
  const { error } = document
  expect(Object.keys(document)).toEqual(["error"])
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: .`))
  expect(error.remedy.trim()).not.toBe("")
  expect(Object.keys(error).filter((key) => !keys.has(key))).toEqual([])
  if (error.stage !== undefined) expect(stages).toContain(error.stage)
  if (error.where !== undefined) expect(error.where).not.toBe("")
  expect(status).toBe(expectedStatus)
  expect(stderr).toBe("")
  expect(stdout).not.toMatch(/\n\s+at /)
  return error
}

/** A fingerprint of every file below a folder. */
export const bytesBelow = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file, createHash("sha256").update(readFileSync(file)).digest("hex")]),
  )
