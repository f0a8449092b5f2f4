/**
 * Noticing that something was written into a project, by this process or another.
 *
 * SQLite counts what other connections commit (`PRAGMA data_version`); the file system's notice, where
 * there is one, makes that quick, and a slow look of its own makes it certain.
 */
import { watch } from "node:fs"
import type { FSWatcher } from "node:fs"
import { databaseFile } from "../store/database.ts"
import type { Replica } from "../store/replica.ts"

/** Between two looks, in milliseconds. */
const lookMillis = 1000

export class Changes {
  readonly #replica: Replica
  readonly #listeners = new Set<() => void>()
  #seen: unknown
  #timer: NodeJS.Timeout | undefined
  #watcher: FSWatcher | undefined

  constructor(replica: Replica) {
    this.#replica = replica
  }

  /** Calls `listener` after each change until the function given back is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#start()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#stop()
    }
  }

  /** Resolves after the next change, or when aborted. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        unsubscribe()
        signal.removeEventListener("abort", end)
        resolve()
      }
      const unsubscribe = this.subscribe(end)
      if (signal.aborted) end()
      else signal.addEventListener("abort", end)
    })
  }

  #start(): void {
    this.#seen = this.#version()
    this.#timer = setInterval(this.#look, lookMillis)
    try {
      this.#watcher = watch(this.#replica.directory, (_event, name) => {
        if (name === null || name.startsWith(databaseFile)) this.#look()
      })
      this.#watcher.on("error", () => this.#watcher?.close())
    } catch {
      // Some file systems tell nothing; the timer looks all the same.
    }
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#watcher?.close()
    this.#watcher = undefined
  }

  /** What differs after each commit: the count of others' commits, and this handle's own. */
  #version(): string {
    const others = this.#replica.sqlite.pragma("data_version", { simple: true }) as number
    return `${others}:${this.#replica.commits}`
  }

  readonly #look = (): void => {
    if (!this.#replica.sqlite.open || this.#replica.sqlite.inTransaction) return
    const version = this.#version()
    if (version === this.#seen) return
    this.#seen = version
    for (const listener of this.#listeners) listener()
  }
}
