/**
 * Looking at a project: where it stands, its entities, its log, its open conflicts.
 *
 * Long lists are streams, read a page at a time, so that memory does not grow with the project and
 * a write can pass between two pages. Each page is one consistent state.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { LamplogError } from "../event/failure.ts"
import { findConflict, getEntity, listEntities, logEntries, openConflicts } from "../store/query.ts"
import type { Entity, ListFilter, LogEntry, LogFilter, OpenConflict } from "../store/query.ts"
import type { Replica } from "../store/replica.ts"
import { waitingSummary } from "../store/waiting.ts"
import type { ItemCounts, Status } from "./project.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"

const pageItems = 500

/** Living entities by type. */
export const countEntities = (replica: Replica): ItemCounts =>
  Object.fromEntries(
    replica.sqlite
      .prepare<[], { type: string; count: number }>(
        "SELECT type, count(*) AS count FROM entities WHERE deleted = 0 AND heads IS NOT NULL GROUP BY type ORDER BY type",
      )
      .all()
      .map(({ type, count }) => [type, count]),
  )

/** Ids of all open conflicts. */
export const openConflictIds = (replica: Replica): ReadonlySet<string> =>
  new Set(
    replica.sqlite
      .prepare<[], string>(
        "SELECT value ->> 'id' FROM entities, json_each(conflicts) WHERE conflicts <> '[]'",
      )
      .pluck()
      .all() as ReadonlyArray<string>,
  )

const countOf = (replica: Replica, query: string): number =>
  (replica.sqlite.prepare<[], number | null>(query).pluck().get() as number | null) ?? 0

const statusOf = (replica: Replica): Status => {
  const frontier = replica.lines.frontier()
  const { name, version } = replica.schema
  return {
    project: replica.project,
    name: replica.name,
    schema: { name, version },
    node: replica.node,
    lamport: replica.top()?.lamport ?? 0,
    events: replica.lines.eventCount,
    entities: countEntities(replica),
    conflicts: countOf(
      replica,
      "SELECT sum(json_array_length(conflicts)) FROM entities WHERE conflicts <> '[]'",
    ),
    digest: replica.digest(),
    frontier,
    setAside: countOf(replica, "SELECT count(*) FROM events WHERE aside IS NOT NULL"),
    waiting: waitingSummary(replica),
    forks: Object.keys(frontier).filter((log) => log.includes("-")),
    fence: replica.fence,
    continues: replica.continuation,
  }
}

export const readStatus = (handle: Handle): Effect.Effect<Status, LamplogError> =>
  // What the digest has to compute is kept first; the consistent read then finds it done.
  Effect.andThen(handle.digest, handle.read(statusOf))

/** Items of a generator of the store, a page at a time. */
const pages = <A>(
  handle: Handle,
  open: (replica: Replica) => Generator<A>,
): Stream.Stream<A, LamplogError> =>
  Stream.paginate<Generator<A> | undefined, A, LamplogError>(undefined, (running) =>
    handle.alone(
      attempt(() => {
        const { replica } = handle
        // A first look at the file lets this handle see what other processes committed.
        const source = running ?? replica.read(() => open(replica))
        const items: Array<A> = []
        while (items.length < pageItems) {
          const next = source.next()
          if (next.done === true) return [items, Option.none()] as const
          items.push(next.value)
        }
        return [items, Option.some(source)] as const
      }),
    ),
  )

export const streamEntities = (
  handle: Handle,
  filter?: ListFilter,
): Stream.Stream<Entity, LamplogError> => pages(handle, (replica) => listEntities(replica, filter))

export const streamLog = (
  handle: Handle,
  filter?: LogFilter,
): Stream.Stream<LogEntry, LamplogError> => pages(handle, (replica) => logEntries(replica, filter))

export const readEntity = (
  handle: Handle,
  type: string,
  id: string,
): Effect.Effect<Entity | undefined, LamplogError> =>
  handle.read((replica) => getEntity(replica, type, id))

export const readConflicts = (
  handle: Handle,
): Effect.Effect<ReadonlyArray<OpenConflict>, LamplogError> => handle.read(openConflicts)

export const readConflict = (
  handle: Handle,
  id: string,
): Effect.Effect<OpenConflict, LamplogError> => handle.read((replica) => findConflict(replica, id))
