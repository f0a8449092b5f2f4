/**
 * A disk that fails at the k-th statement: once, or from then on until it is mended.
 *
 * Statements are counted where every one of them passes, in the prototypes of the SQLite binding.
 * ROLLBACK never fails, as in SQLite itself: it only forgets.
 */
import Database from "better-sqlite3"

type Sqlite = Database.Database
type Call = (this: unknown, ...parameters: ReadonlyArray<unknown>) => unknown

const probe = new Database(":memory:")
const statements = Object.getPrototypeOf(probe.prepare("SELECT 1")) as Record<string, Call>
const databases = Database.prototype as unknown as Record<string, Call>
probe.close()

const failure = (): Error => new Database.SqliteError("disk I/O error", "SQLITE_IOERR_WRITE")

export class FailingDisk {
  /** Statements run since the disk was put in. */
  count = 0
  readonly #failsAt: number
  readonly #onwards: boolean
  readonly #originals = new Map<Record<string, Call>, Map<string, Call>>()

  constructor(failsAt: number, onwards: boolean) {
    this.#failsAt = failsAt
    this.#onwards = onwards
    this.#replace(statements, ["run", "get", "all", "iterate"], () => false)
    this.#replace(databases, ["exec"], ([sql]) => sql === "ROLLBACK")
  }

  #replace(
    prototype: Record<string, Call>,
    names: ReadonlyArray<string>,
    spared: (parameters: ReadonlyArray<unknown>) => boolean,
  ): void {
    const originals = new Map(names.map((name) => [name, prototype[name]!]))
    this.#originals.set(prototype, originals)
    const fails = (parameters: ReadonlyArray<unknown>): boolean => {
      if (spared(parameters)) return false
      this.count += 1
      return this.#onwards ? this.count >= this.#failsAt : this.count === this.#failsAt
    }
    for (const [name, original] of originals) {
      prototype[name] = function (this: unknown, ...parameters) {
        if (fails(parameters)) throw failure()
        return original.apply(this, [...parameters])
      }
    }
  }

  mend(): void {
    for (const [prototype, originals] of this.#originals) {
      for (const [name, original] of originals) prototype[name] = original
    }
  }
}

/** A disk with room for so many pages of one database, and no more. */
export const limitPages = (sqlite: Sqlite, pages: number): void => {
  sqlite.pragma(`max_page_count = ${pages}`)
}

export const pagesOf = (sqlite: Sqlite): number =>
  sqlite.pragma("page_count", { simple: true }) as number

/** The largest page count SQLite knows: no limit. */
export const pagesMax = 4294967294
