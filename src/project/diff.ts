/**
 * What differs between this state (before) and a file (after): entity by entity, field by field, key
 * by key in maps.
 *
 * An archive speaks for every type; foreign files for the types that their format can hold, so what
 * they lack of other types is no difference.
 */
import * as Effect from "effect/Effect"
import { breathe, work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { typeOf } from "../state/schema.ts"
import { listEntities } from "../store/query.ts"
import type { Entity } from "../store/query.ts"
import type { Replica } from "../store/replica.ts"
import type { ForeignFormat } from "./format.ts"
import { readForeign } from "./foreign.ts"
import { openSource } from "./opening.ts"
import type { KeyOptions } from "./opening.ts"
import { ProgressReporter } from "./progress.ts"
import type { Difference } from "./project.ts"
import { eachSnapshotEntity } from "./restore.ts"
import { sourcesFrom } from "./sources.ts"
import { fieldDifferences, nameOf } from "./towards.ts"
import type { Wanted } from "./towards.ts"
import { attempt } from "./transaction.ts"
import type { Handle } from "./transaction.ts"
import type { Desk } from "./writing.ts"

const turnEntities = 1000

const fieldsOf = (
  replica: Replica,
  type: string,
  before: JsonObject,
  after: JsonObject,
): Difference["fields"] => {
  const definition = typeOf(replica.schema, type) ?? replica.projection.definitionOf(type)
  const entries = fieldDifferences(definition, before, after).map(
    ({ name, before: had, after: has }): readonly [string, { before?: Json; after?: Json }] => [
      name,
      {
        ...(had === undefined ? {} : { before: had }),
        ...(has === undefined ? {} : { after: has }),
      },
    ],
  )
  return Object.fromEntries(entries.sort((left, right) => (left[0] < right[0] ? -1 : 1)))
}

class Differences {
  readonly #replica: Replica
  readonly #found: Array<Difference> = []
  readonly #wanted = new Set<string>()
  readonly #living

  constructor(replica: Replica) {
    this.#replica = replica
    this.#living = replica.sqlite
      .prepare<[string, string], string>(
        "SELECT fields FROM entities WHERE type = ? AND id = ? AND deleted = 0 AND heads IS NOT NULL",
      )
      .pluck()
  }

  want({ type, id, fields }: Wanted): void {
    this.#wanted.add(nameOf({ type, id }))
    const here = this.#living.get(type, id)
    const before = here === undefined ? {} : (JSON.parse(here) as JsonObject)
    const differing = fieldsOf(this.#replica, type, before, fields)
    if (here === undefined) this.#found.push({ type, id, change: "added", fields: differing })
    else if (Object.keys(differing).length > 0) {
      this.#found.push({ type, id, change: "changed", fields: differing })
    }
  }

  /** Called for every living entity here, after everything wanted was. */
  have({ type, id, fields }: Entity): void {
    if (this.#wanted.has(nameOf({ type, id }))) return
    const lost = fieldsOf(this.#replica, type, fields, {})
    this.#found.push({ type, id, change: "removed", fields: lost })
  }

  list(): ReadonlyArray<Difference> {
    return this.#found.sort((left, right) =>
      left.type !== right.type
        ? left.type < right.type
          ? -1
          : 1
        : left.id < right.id
          ? -1
          : left.id > right.id
            ? 1
            : 0,
    )
  }
}

/** Notes what lives here and is not wanted there; of all types, or of those in scope. */
const noteRemoved = (
  handle: Handle,
  differences: Differences,
  scope: ReadonlySet<string> | undefined,
): Effect.Effect<void, LamplogError> =>
  work(handle.replica.path, async (signal) => {
    let looked = 0
    for (const entity of listEntities(handle.replica)) {
      if (scope === undefined || scope.has(entity.type)) differences.have(entity)
      if (++looked % turnEntities === 0) await breathe(signal)
    }
  })

const againstArchive = (
  { handle, policy }: Desk,
  path: string,
  options: KeyOptions,
): Effect.Effect<ReadonlyArray<Difference>, LamplogError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const archive = yield* openSource(path, policy, options)
      const listener = yield* ProgressReporter
      const differences = new Differences(handle.replica)
      yield* work(path, (signal) =>
        eachSnapshotEntity(
          archive,
          handle.replica.schema,
          (entity) => {
            if (!entity.deleted) differences.want(entity)
          },
          listener,
          signal,
        ),
      )
      // An extract says nothing of what is not in it.
      if (archive.manifest.extract === undefined) {
        yield* noteRemoved(handle, differences, undefined)
      }
      return differences.list()
    }),
  )

/** A file against the state as it is when the comparison begins. */
export const diff = (
  desk: Desk,
  formats: ReadonlyArray<ForeignFormat>,
  path: string,
  options: KeyOptions = {},
): Effect.Effect<ReadonlyArray<Difference>, LamplogError> =>
  Effect.gen(function* () {
    const { handle, policy } = desk
    const sources = yield* sourcesFrom([path], "auto", formats, policy.limits)
    const { replica } = handle
    if (sources.archives.length > 0) {
      return yield* handle.view(againstArchive(desk, path, options))
    }
    const documents = yield* attempt(() => sources.foreign.map(readForeign))
    const differences = new Differences(replica)
    const scope = new Set(documents.flatMap((document) => document.scope))
    const wanted = documents.flatMap(({ entities }) => entities)
    return yield* handle.view(
      Effect.gen(function* () {
        for (let done = 0; done < wanted.length; done += turnEntities) {
          const chunk = wanted.slice(done, done + turnEntities)
          yield* attempt(() => chunk.forEach((one) => differences.want(one)))
          yield* Effect.yieldNow
        }
        yield* noteRemoved(handle, differences, scope)
        return differences.list()
      }),
    )
  })
