/**
 * Carrying events in a real archive file.
 */
import * as Effect from "effect/Effect"
import { openArchive } from "../../src/archive/open.ts"
import { takeArchive } from "../../src/archive/receive.ts"
import { writeArchive } from "../../src/archive/write.ts"
import { LamplogError } from "../../src/event/failure.ts"
import type { Replica } from "../../src/store/replica.ts"

/** What comes after a frontier can only be told by who holds that frontier. */
const expected = new Set(["frontier-unknown"])

const never = new AbortController().signal

/** Writes an archive of one replica and merges it into another; false when it was refused. */
export const carryArchive = async (
  from: Replica,
  to: Replica,
  path: string,
  since: boolean,
): Promise<boolean> => {
  const options = { store: true, ...(since ? { since: to.lines.frontier() } : {}) }
  const carry = Effect.scoped(
    Effect.gen(function* () {
      yield* writeArchive(from, path, options)
      const archive = yield* openArchive(path)
      yield* Effect.promise(async () => {
        to.begin()
        try {
          await takeArchive(archive, to, {}, never)
        } catch (error) {
          to.rollback()
          throw error
        }
        to.commit()
      })
    }),
  )
  try {
    await Effect.runPromise(carry)
    return true
  } catch (error) {
    if (error instanceof LamplogError && expected.has(error.code)) return false
    throw error
  }
}
