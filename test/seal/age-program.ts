/**
 * The reference `age` program: the one on PATH, else Debian's package, unpacked below node_modules.
 *
 * Nothing is installed, so no rights are needed. A machine without either cannot check that our files
 * are age's files, and is told so; the test is never passed over.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs"
import { delimiter, join } from "node:path"

export interface AgePrograms {
  readonly age: string
  readonly keygen: string
}

const root = join(import.meta.dirname, "../..")
const cache = join(root, "node_modules", ".cache")
const unpacked = join(cache, "age")

const programsIn = (folder: string): AgePrograms | undefined => {
  const programs = { age: join(folder, "age"), keygen: join(folder, "age-keygen") }
  return existsSync(programs.age) && existsSync(programs.keygen) ? programs : undefined
}

const quietly = (program: string, words: ReadonlyArray<string>, folder: string): void => {
  execFileSync(program, words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
}

const download = (folder: string): void => {
  try {
    quietly("apt-get", ["download", "age"], folder)
  } catch {
    // A new machine has no list of packages yet.
    quietly("apt-get", ["update"], folder)
    quietly("apt-get", ["download", "age"], folder)
  }
}

/** Unpacks Debian's package. The folder gets its name when it is whole. */
const unpack = (): void => {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "age-"))
  try {
    download(folder)
    const file = readdirSync(folder).find((name) => name.endsWith(".deb"))!
    quietly("dpkg-deb", ["--extract", file, "content"], folder)
    try {
      renameSync(join(folder, "content"), unpacked)
    } catch (error) {
      // Another test run was first.
      if (!existsSync(unpacked)) throw error
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const agePrograms = (): AgePrograms => {
  const folders = [...(process.env.PATH ?? "").split(delimiter), join(unpacked, "usr", "bin")]
  const found = folders.map(programsIn).find((programs) => programs !== undefined)
  if (found !== undefined) return found
  try {
    unpack()
  } catch (error) {
    throw new Error("These tests need the age program. Install it: apt-get install age.", {
      cause: error,
    })
  }
  return programsIn(join(unpacked, "usr", "bin"))!
}
