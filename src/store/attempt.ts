/**
 * Something that may be refused in the middle of a transaction, without undoing what came before it.
 */
import type { Replica } from "./replica.ts"

/** Runs a part of a transaction. When it throws, everything is as before it, and the error goes on. */
export const attempt = <A>(replica: Replica, run: () => A): A => {
  const { lines, members, projection, sqlite } = replica
  // What waits in memory belongs to what came before.
  projection.flush()
  lines.flush()
  sqlite.exec("SAVEPOINT attempt")
  try {
    const result = run()
    projection.flush()
    lines.flush()
    sqlite.exec("RELEASE attempt")
    return result
  } catch (error) {
    // SQLite takes some failures of the disk back by itself, with the whole transaction.
    if (sqlite.inTransaction) sqlite.exec("ROLLBACK TO attempt; RELEASE attempt")
    lines.reload()
    projection.reset()
    members.reset()
    throw error
  }
}
