/**
 * What an archive's snapshot would have an entity be: taken in as values, entity by entity.
 */
import type * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import type { Archive, SnapshotEntity } from "../archive/read.ts"
import { breathe, work } from "../archive/work.ts"
import type { Conflict } from "../state/entity.ts"
import { typeOf } from "../state/schema.ts"
import type { ProjectSchema } from "../state/schema.ts"
import { upcastValues } from "../state/upcast.ts"
import type { Intake } from "./intake.ts"
import type { ProgressListener } from "./progress.ts"

const turnEntities = 1000

/** Brings an entity of an older version of this very schema into today's. */
const readAs = (
  entity: SnapshotEntity,
  written: Archive["manifest"]["schema"],
  schema: ProjectSchema,
): SnapshotEntity => {
  const definition = written.name === schema.name ? typeOf(schema, entity.type) : undefined
  if (definition === undefined || written.version >= definition.version) return entity
  return { ...entity, fields: upcastValues(definition, written.version, entity.fields) }
}

/** Goes through a snapshot as `schema` reads it, giving others their turn. */
export const eachSnapshotEntity = async (
  archive: Archive,
  schema: ProjectSchema,
  visit: (entity: SnapshotEntity) => Promise<void> | void,
  listener: ProgressListener,
  signal: AbortSignal,
): Promise<void> => {
  const total = archive.manifest.entities
  const report = (count: number): void =>
    listener({ stage: "comparing", done: Math.min(count, total), total, unit: "entities" })
  let done = 0
  report(done)
  for await (const entity of archive.snapshot()) {
    const visiting = visit(readAs(entity, archive.manifest.schema, schema))
    if (visiting !== undefined) await visiting
    if (++done % turnEntities !== 0) continue
    report(done)
    await breathe(signal)
  }
  report(done)
}

/** How a snapshot's values stand to what is there. */
export interface SnapshotManner {
  /** Which entities are deleted if they are not in it, or deleted there; none unless given. */
  readonly removes?: ((type: string, id: string) => boolean) | undefined
  /** Which open conflicts of an entity its values settle. */
  readonly settles: (entity: SnapshotEntity) => (conflict: Conflict) => boolean
}

/** Makes the living entities of a snapshot what they are there. */
export const takeSnapshot = (
  intake: Intake,
  archive: Archive,
  manner: SnapshotManner,
  listener: ProgressListener,
): Effect.Effect<void, LamplogError> =>
  work(archive.path, async (signal) => {
    const write = async (steps: Generator<number, void, void>): Promise<void> => {
      const total = intake.asked
      const tell = (done: number): void =>
        listener({ stage: "writing", done, total, unit: "events" })
      for (let step = steps.next(); step.done !== true; step = steps.next()) {
        tell(step.value)
        await breathe(signal)
      }
      tell(intake.events)
    }
    const visit = (entity: SnapshotEntity): Promise<void> | void => {
      if (!entity.deleted) intake.want(entity, manner.settles(entity))
      return intake.isFull ? write(intake.writeSteps()) : undefined
    }
    await eachSnapshotEntity(archive, intake.schema, visit, listener, signal)
    if (manner.removes !== undefined) {
      for (const _page of intake.removeUnwanted(manner.removes)) {
        if (intake.isFull) await write(intake.writeSteps())
        await breathe(signal)
      }
    }
    await breathe(signal)
    await write(intake.finish())
  })
