/**
 * Files with secrets or keys in them, read whole within bounds.
 *
 * Invariant: nothing that is read here is ever part of a message.
 */
import { isUtf8 } from "node:buffer"
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { LamplogError } from "../event/failure.ts"
import { fileFailure } from "../project/file-failure.ts"
import { identitiesFromText } from "../seal/keys.ts"
import type { Call } from "./command.ts"
import { pathFrom } from "./files.ts"
import { printable } from "./paint.ts"

const fileBytesMax = 1024 * 1024
const passphraseBytesMax = 1024
/** Permissions of the group and of everybody else to read. */
const readableByOthers = 0o044

const bytesOf = (file: number, most: number): Buffer => {
  const bytes = Buffer.alloc(most)
  let filled = 0
  for (;;) {
    const read = readSync(file, bytes, filled, most - filled, null)
    filled += read
    if (read === 0 || filled === most) return bytes.subarray(0, filled)
  }
}

interface Content {
  readonly bytes: Buffer
  /** Whether others on this machine may read it. */
  readonly open: boolean
}

const contentOf = (path: string, most: number): Content => {
  try {
    const file = openSync(path, "r")
    try {
      const stat = fstatSync(file)
      const open = process.platform !== "win32" && (stat.mode & readableByOthers) !== 0
      return { bytes: bytesOf(file, most), open: open && stat.isFile() }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw fileFailure(error, path)
  }
}

const warnIfOpen = (call: Call, path: string, content: Content): void => {
  if (!content.open) return
  call.terminal.writeError(
    `Others on this machine can read ${printable(path)}; \`chmod 600\` keeps it to you.\n`,
  )
}

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ code, message, remedy, where })

const textOf = (bytes: Buffer, path: string): string => {
  if (bytes.length < fileBytesMax && isUtf8(bytes)) return bytes.toString("utf8")
  const problem = isUtf8(bytes) ? "is too long to be a file of keys" : "is not text"
  throw refuse("key-file-invalid", `${path} ${problem}.`, "Check the path.", path)
}

/** The text of a file of public keys; undefined when there is no such file. */
export const readKeys = (path: string): string | undefined => {
  try {
    return textOf(contentOf(path, fileBytesMax).bytes, path)
  } catch (error) {
    if (error instanceof LamplogError && error.code === "file-missing") return undefined
    throw error
  }
}

/** The same for secret keys; tells the user when others can read them. */
export const readSecret = (call: Call, path: string): string | undefined => {
  try {
    const content = contentOf(path, fileBytesMax)
    warnIfOpen(call, path, content)
    return textOf(content.bytes, path)
  } catch (error) {
    if (error instanceof LamplogError && error.code === "file-missing") return undefined
    throw error
  }
}

/** The passphrase in a file that the user names: its first line. */
export const passphraseFromFile = (call: Call, name: string): string => {
  const path = pathFrom(call.terminal, name)
  const content = contentOf(path, passphraseBytesMax + 2)
  warnIfOpen(call, path, content)
  const end = content.bytes.indexOf("\n")
  const line = content.bytes.subarray(0, end < 0 ? undefined : end)
  const bytes = line.at(-1) === 0x0d ? line.subarray(0, -1) : line
  const problem =
    bytes.length === 0
      ? "is empty"
      : bytes.length > passphraseBytesMax
        ? `is longer than ${passphraseBytesMax} bytes`
        : isUtf8(bytes)
          ? undefined
          : "is not UTF-8 text"
  if (problem === undefined) return bytes.toString("utf8")
  const remedy = "Put the passphrase, and nothing else, on the first line of the file."
  throw refuse("passphrase-invalid", `The first line of ${path} ${problem}.`, remedy, path)
}

/** The identities in an age identity file that the user names. */
export const identitiesFromFile = (call: Call, name: string): ReadonlyArray<string> => {
  const path = pathFrom(call.terminal, name)
  const content = contentOf(path, fileBytesMax)
  warnIfOpen(call, path, content)
  return identitiesFromText(textOf(content.bytes, path), path)
}
