/**
 * Who writes here, and the fence that keeps a copy from writing under another's name.
 *
 * The secret key lives in a file of its own beside the database (mode 0600), never in it. Two marks
 * tell a copied, restored or rolled-back database from the one that wrote last:
 *  - the database remembers the inode and birth time of its own file; a copy has others;
 *  - a small record outside the project (the user's state folder) remembers the last seq and hash
 *    written; a database behind its record was put back from a backup.
 * Either mark, or a missing key, means: a new node id before the first write. A missing record alone
 * means nothing, or every new container would become a new node.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { isHash, keyPairFromSeed, nodeFromPublicKey, randomKeyPair } from "../event/hash.ts"
import type { KeyPair } from "../event/hash.ts"
import type { Head } from "../log/frontier.ts"

export type FenceReason = "copied" | "rolled-back" | "key-missing" | "ahead-elsewhere"

/** Where this replica goes on from, after a copy or a rollback was noticed. */
export interface Continuation {
  readonly node: string
  readonly seq: number
  readonly hash: string
  readonly reason: FenceReason
}

/** What the file system says about a database file. */
export const fileMark = (path: string): string => {
  const stat = statSync(path, { bigint: true })
  return `${stat.ino}:${stat.birthtimeNs}`
}

/** `$LAMPLOG_STATE_DIR`, else the platform's folder for state of this user. */
export const defaultStateDirectory = (): string =>
  process.env.LAMPLOG_STATE_DIR ??
  join(process.env.XDG_STATE_HOME ?? join(homedir(), ".local", "state"), "lamplog")

const keyPath = (directory: string, node: string): string => join(directory, "keys", `${node}.key`)

/** Writes a new key pair durably before anything is signed with it. */
export const storeKey = (directory: string, pair: KeyPair): string => {
  const node = nodeFromPublicKey(pair.publicKey)
  const path = keyPath(directory, node)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const file = openSync(path, "w", 0o600)
  try {
    // All of it, where one write on a nearly full disk may be a short one.
    writeFileSync(file, `lamplog ed25519 secret key\n${pair.seed}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  chmodSync(path, 0o600)
  return node
}

export const createKey = (directory: string, seed?: string): KeyPair => {
  const pair = seed === undefined ? randomKeyPair() : keyPairFromSeed(seed)
  storeKey(directory, pair)
  return pair
}

/** The key of a node; undefined when its file is missing or is not its key. */
export const loadKey = (directory: string, node: string): KeyPair | undefined => {
  const path = keyPath(directory, node)
  if (!existsSync(path)) return undefined
  const seed = readFileSync(path, "utf8").split("\n")[1]
  if (!isHash(seed)) return undefined
  const pair = keyPairFromSeed(seed)
  return nodeFromPublicKey(pair.publicKey) === node ? pair : undefined
}

/** Takes a key out of use here: a copy must not be able to write as the original. */
export const forgetKey = (directory: string, node: string): void =>
  rmSync(keyPath(directory, node), { force: true })

const recordBytes = 128

/**
 * The record outside the project. Written after each commit, in place, without fsync: one that is
 * behind after a power cut does no harm, and it can never be ahead of what was committed.
 */
export class Record {
  readonly #path: string
  #file: number | undefined
  constructor(stateDirectory: string, project: string, node: string) {
    this.#path = join(stateDirectory, `${project}-${node}`)
  }

  read(): Head | undefined {
    let text: string
    try {
      text = readFileSync(this.#path, "latin1")
    } catch {
      return undefined
    }
    const match = /^(\d{1,10}) ([0-9a-f]{64}) *\n$/.exec(text)
    return match ? { seq: Number(match[1]), hash: match[2]! } : undefined
  }

  write(head: Head): void {
    try {
      if (this.#file === undefined) {
        mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
        this.#file = openSync(this.#path, existsSync(this.#path) ? "r+" : "w", 0o600)
      }
      writeSync(this.#file, `${`${head.seq} ${head.hash}`.padEnd(recordBytes - 1)}\n`, 0, "latin1")
    } catch {
      // The commit stands; a record that is behind or missing only makes the fence blunter.
      this.close()
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
