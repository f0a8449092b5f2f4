/**
 * Replays one three-way merge with real replicas: base, then two people offline, then archives both
 * ways; and holds the outcome against `expectation.ts`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { dtcgFromEntities, entitiesFromTokenFiles } from "../../adapters/tokens/index.ts"
import { openArchive } from "../../src/archive/open.ts"
import { receiveArchive } from "../../src/archive/receive.ts"
import { writeArchive } from "../../src/archive/write.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { canonicalFromJson, equalJson } from "../../src/event/canonical.ts"
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import type { Change } from "../../src/state/change.ts"
import { Author } from "../../src/store/author.ts"
import { listEntities, openConflicts } from "../../src/store/query.ts"
import { Replica } from "../../src/store/replica.ts"
import { collides, movedShape, onlyOneSide } from "./expectation.ts"
import type { Authored, ThreeWay } from "./expectation.ts"

export interface Outcome {
  readonly tokens: number
  readonly oneSided: number
  /** Tokens that must conflict by their authored JSON, and those that do. */
  readonly expectedConflicts: number
  readonly reportedConflicts: number
  /** What went wrong, a sentence each; empty when all is as it must be. */
  readonly faults: ReadonlyArray<string>
}

type Side = "base" | "ours" | "theirs"

const fieldsByToken = (tokens: ReadonlyArray<ThreeWay>, side: Side) => {
  const file: { [name: string]: Json } = {}
  for (const token of tokens) if (token[side] !== undefined) file[token.name] = token[side]
  if (Object.keys(file).length === 0) return new Map<string, JsonObject>()
  const text = JSON.stringify(file)
  const { entities } = entitiesFromTokenFiles([{ path: "tokens.json", text }])
  return new Map(entities.map(({ id, fields }) => [id, fields as JsonObject]))
}

const write = (
  replica: Replica,
  actor: string,
  before: ReadonlyMap<string, JsonObject>,
  after: ReadonlyMap<string, JsonObject>,
): void => {
  const changes: Array<Change> = [...after].map(([id, fields]) => ({
    op: "put",
    type: "token",
    id,
    fields,
  }))
  for (const id of before.keys()) {
    if (!after.has(id)) changes.push({ op: "delete", type: "token", id })
  }
  new Author(replica).write(changes, { actor })
}

/** What a state is in the eyes of people and scripts, as bytes. */
const viewOf = (replica: Replica): string => {
  const view = {
    digest: replica.digest(),
    entities: [...listEntities(replica)],
    conflicts: openConflicts(replica),
  }
  return canonicalFromJson(view as unknown as Json)
}

const exportedShapes = (replica: Replica, names: ReadonlySet<string>): ReadonlyArray<string> => {
  const text = dtcgFromEntities([...listEntities(replica)])
  const { entities } = entitiesFromTokenFiles([{ path: "exported.json", text }])
  return entities
    .filter(({ type, id }) => type === "token" && names.has(id))
    .filter(({ fields }) => fields.value !== undefined && fields.modes !== undefined)
    .map(({ id }) => `${id} is exported in two shapes`)
}

const judge = (
  tokens: ReadonlyArray<ThreeWay>,
  replica: Replica,
  sides: { readonly [side in Side]: ReadonlyMap<string, JsonObject> },
): Outcome => {
  const faults: Array<string> = []
  const state = new Map([...listEntities(replica)].map((entity) => [entity.id, entity.fields]))
  const contested = new Set(openConflicts(replica).map((conflict) => conflict.entity))
  const expected = new Set<string>()
  let oneSided = 0
  for (const token of tokens) {
    const side = onlyOneSide(token)
    if (side !== undefined) {
      oneSided += 1
      const left = sides[side].get(token.name)
      const is = state.get(token.name)
      const same = left === undefined || is === undefined ? left === is : equalJson(left, is)
      if (!same) faults.push(`${token.name}: changed by ${side} alone, but not as it left it`)
    }
    if (collides(token)) expected.add(token.name)
  }
  for (const name of expected)
    if (!contested.has(name)) faults.push(`${name}: no conflict reported`)
  for (const name of contested)
    if (!expected.has(name)) faults.push(`${name}: conflict without cause`)
  faults.push(...exportedShapes(replica, new Set(tokens.filter(movedShape).map((t) => t.name))))
  return {
    tokens: tokens.length,
    oneSided,
    expectedConflicts: expected.size,
    reportedConflicts: contested.size,
    faults,
  }
}

/** Runs the whole story in a temporary folder. */
export const replay = async (tokens: ReadonlyArray<ThreeWay>): Promise<Outcome> => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-merge-"))
  const schemas = builtInSchemas()
  const common = { schemas, stateDirectory: join(folder, "state") }
  const create = (name: string, project?: string): Replica =>
    Replica.create(join(folder, name), {
      ...common,
      name: "merge",
      schema: "design-system",
      ...(project === undefined ? {} : { project }),
    })
  const give = (from: Replica, to: Replica, name: string) =>
    Effect.gen(function* () {
      const path = join(folder, name)
      yield* writeArchive(from, path)
      const archive = yield* openArchive(path)
      to.begin()
      yield* receiveArchive(archive, to)
      to.commit()
    }).pipe(Effect.scoped, Effect.runPromise)
  const sides = {
    base: fieldsByToken(tokens, "base"),
    ours: fieldsByToken(tokens, "ours"),
    theirs: fieldsByToken(tokens, "theirs"),
  }
  const ours = create("ours")
  const theirs = create("theirs", ours.project)
  try {
    write(ours, "base", new Map(), sides.base)
    await give(ours, theirs, "base.lamplog")
    write(ours, "ours", sides.base, sides.ours)
    write(theirs, "theirs", sides.base, sides.theirs)
    await give(ours, theirs, "ours.lamplog")
    await give(theirs, ours, "theirs.lamplog")
    const outcome = judge(tokens, ours, sides)
    const faults = [...outcome.faults]
    if (viewOf(ours) !== viewOf(theirs)) faults.push("the two sides ended in different states")
    return { ...outcome, faults }
  } finally {
    ours.close()
    theirs.close()
    rmSync(folder, { recursive: true })
  }
}

/** Joins three versions of one set of token files into what both sides did to each token. */
export const threeWays = (
  base: ReadonlyMap<string, Authored>,
  ours: ReadonlyMap<string, Authored>,
  theirs: ReadonlyMap<string, Authored>,
): ReadonlyArray<ThreeWay> =>
  [...new Set([...base.keys(), ...ours.keys(), ...theirs.keys()])].map((name) => ({
    name,
    base: base.get(name),
    ours: ours.get(name),
    theirs: theirs.get(name),
  }))
