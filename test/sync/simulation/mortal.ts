/**
 * A replica that can be killed between any two calls of its database: from then on nothing that its
 * process would still do reaches the file, and what was not committed is gone.
 *
 * Statements are counted where the database driver runs them, whoever prepared them and when.
 */
import type { Local } from "../../../src/sync/local.ts"
import type { Replica } from "../../../src/store/replica.ts"
import type { Sqlite } from "../../../src/store/database.ts"

/** What a dead process would have thrown, if it still could. */
export class Killed extends Error {
  override readonly name = "Killed"
}

interface Sentence {
  /** Calls that still go through. */
  left: number
  carriedOut: boolean
}

const sentences = new WeakMap<object, Sentence>()

const count = (sqlite: object): void => {
  const sentence = sentences.get(sqlite)
  if (sentence === undefined) return
  sentence.carriedOut ||= sentence.left === 0
  if (sentence.carriedOut) throw new Killed()
  sentence.left -= 1
}

type Method = (...given: Array<unknown>) => unknown
const watched = ["run", "get", "all", "iterate"] as const
let statements: object | undefined

/** Makes every statement of this driver count, once for all databases of the process. */
const watchStatements = (sqlite: Sqlite): void => {
  if (statements !== undefined) return
  const prototype = Object.getPrototypeOf(sqlite.prepare("SELECT 1")) as Record<string, Method>
  statements = prototype
  for (const name of watched) {
    const original = prototype[name]!
    prototype[name] = function (this: { readonly database: object }, ...given) {
      count(this.database)
      return original.apply(this, given)
    }
  }
}

/** Lets a replica die after so many calls of its database. */
export const killAfter = (replica: Replica, calls: number): void => {
  const { sqlite } = replica
  watchStatements(sqlite)
  sentences.set(sqlite, { left: calls, carriedOut: false })
  const exec = sqlite.exec.bind(sqlite)
  Object.defineProperty(sqlite, "exec", {
    configurable: true,
    value: (text: string) => {
      count(sqlite)
      return exec(text)
    },
  })
}

export const isKilled = ({ sqlite }: Replica): boolean => sentences.get(sqlite)?.carriedOut === true

/** Takes back a death that has not come yet. */
export const spare = ({ sqlite }: Replica): void => {
  sentences.delete(sqlite)
}

/** The same replica, whose calls fail once its process is dead. */
export const mortal = (local: Local, alive: () => boolean): Local => {
  const check = (): void => {
    if (!alive()) throw new Killed()
  }
  const guarded =
    <Given extends Array<unknown>, A>(call: (...given: Given) => Promise<A>) =>
    async (...given: Given): Promise<A> => {
      check()
      const result = await call(...given)
      check()
      return result
    }
  return {
    description: local.description,
    node: () => {
      check()
      return local.node()
    },
    stand: guarded(local.stand.bind(local)),
    unknownHeads: guarded(local.unknownHeads.bind(local)),
    pointsOf: guarded(local.pointsOf.bind(local)),
    take: guarded(local.take.bind(local)),
    cursor: guarded(local.cursor.bind(local)),
    lacking: async function* (known, options) {
      check()
      for await (const batch of local.lacking(known, options)) {
        check()
        yield batch
        check()
      }
    },
  }
}
