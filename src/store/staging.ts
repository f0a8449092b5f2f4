/**
 * Files and folders that are being made, under names that say who makes them.
 *
 * What a process did not finish because it was killed is found by its name and removed by the next
 * that makes something in the same folder.
 *
 * Invariants
 *  1. Removed is only what has exactly such a name, of this host and user, by a process that is dead.
 *  2. A link is removed, never followed.
 */
import { hash, randomBytes } from "node:crypto"
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { isAlive } from "./database.ts"

/** Folders are shared between hosts, and process ids mean nothing on another one. */
const thisHost = hash("sha256", hostname()).slice(0, 8)

const maker = /([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{12}$/
/** What SQLite puts beside a database while it writes. */
const sidecar = /-(journal|wal|shm)$/

/** A name of this process's own: `<prefix><host>-<process>-<random><suffix>`. */
export const stagingName = (prefix: string, suffix = ""): string =>
  `${prefix}${thisHost}-${process.pid}-${randomBytes(6).toString("hex")}${suffix}`

/** What comes before the maker in a name: this text, or whatever fits. */
type Prefix = string | RegExp

const isAbandoned = (name: string, prefix: Prefix, suffix: string): boolean => {
  const main = name.replace(sidecar, "")
  if (!main.endsWith(suffix)) return false
  const made = main.slice(0, main.length - suffix.length)
  const found = maker.exec(made)
  if (found === null) return false
  const [, host, process] = found
  const begin = made.slice(0, found.index)
  const fits = typeof prefix === "string" ? begin === prefix : prefix.test(begin)
  return fits && host === thisHost && !isAlive(Number(process))
}

const isOwn = (path: string): boolean =>
  process.getuid === undefined || lstatSync(path).uid === process.getuid()

/**
 * Removes what dead processes left in a folder under names with this prefix and suffix, databases
 * with what SQLite puts beside them. What cannot be removed stays: it is in nobody's way.
 */
export const sweepStaging = (folder: string, prefix: Prefix, suffix = ""): void => {
  let names: ReadonlyArray<string>
  try {
    names = readdirSync(folder)
  } catch {
    return
  }
  for (const name of names) {
    if (!isAbandoned(name, prefix, suffix)) continue
    const path = join(folder, name)
    try {
      if (isOwn(path)) rmSync(path, { recursive: true, force: true })
    } catch {
      continue
    }
  }
}

/**
 * A folder of this process's own for what is thrown away afterwards, open to nobody else. Whoever
 * makes it removes it.
 */
export const makeStagingFolder = (purpose: string): string => {
  const prefix = `lamplog-${purpose}-`
  sweepStaging(tmpdir(), prefix)
  const folder = join(tmpdir(), stagingName(prefix))
  mkdirSync(folder, { mode: 0o700 })
  return folder
}
