/**
 * What must hold when everything has been exchanged, whatever happened before.
 */
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import type { EntityState } from "../../src/state/entity.ts"
import { logEntries, openConflicts, snapshotLines } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import { digestOfSnapshot } from "../state/snapshot-digest.ts"
import { byOrder, oracleFold } from "../state/oracle.ts"
import { hold, same } from "./broken.ts"
import { appliedFacts, checkClock, factsOf, historyEventFrom, pathsOf } from "./evidence.ts"
import type { Fact, Path } from "./evidence.ts"
import { schemaName, schemaOf } from "./schemas.ts"
import type { SchemaVersion } from "./schemas.ts"
import { stateOf } from "./world.ts"
import type { Member } from "./world.ts"

interface SnapshotEntity {
  readonly type: string
  readonly id: string
  readonly deleted: boolean
  readonly fields: { readonly [field: string]: Json }
  readonly conflicts: EntityState["conflicts"]
}

const entitiesOf = (replica: Replica): ReadonlyMap<string, SnapshotEntity> =>
  new Map(
    [...snapshotLines(replica)].map((line) => {
      const entity = JSON.parse(line) as SnapshotEntity
      return [`${entity.type}/${entity.id}`, entity]
    }),
  )

/** Events of each entity; control events are of none. */
const byEntity = (facts: ReadonlyMap<string, Fact>): ReadonlyMap<string, ReadonlyArray<Fact>> =>
  Map.groupBy(
    [...facts.values()].filter(({ header }) => header.type !== "lamplog"),
    ({ header }) => `${header.type}/${header.id}`,
  )

/** The state is what the rules make of the events, entity by entity. */
const checkMeaning = (
  replica: Replica,
  facts: ReadonlyMap<string, Fact>,
  paths: ReadonlyArray<Path>,
  version: SchemaVersion,
): void => {
  const applied = appliedFacts(paths, version)
  const aside = replica.sqlite
    .prepare<[], string>("SELECT hash FROM events WHERE aside IS NOT NULL")
    .pluck()
    .all()
  const notApplied = [...facts.keys()].filter((hash) => !applied.has(hash))
  same(
    "set aside is what is not understood",
    aside.sort().join(),
    notApplied.sort().join(),
    "aside",
  )
  const entities = entitiesOf(replica)
  let expected = 0
  for (const [name, history] of byEntity(facts)) {
    const { type, id } = history[0]!.header
    const definition = schemaOf(version).types[type] ?? { version: 0, fields: {} }
    const events = history.map((fact) => historyEventFrom(fact, applied.has(fact.hash)))
    const meaning = oracleFold(type, id, events, definition)
    const entity = entities.get(name)
    if (meaning === undefined) {
      hold("what is not understood has no state", entity === undefined, () => name)
      continue
    }
    expected += 1
    const { heads, ...shown } = meaning
    const line = canonicalFromJson({ type, id, ...shown } as unknown as Json, 64)
    same(
      "the state is what the rules say",
      canonicalFromJson(entity as unknown as Json, 64),
      line,
      name,
    )
    hold("a living entity has heads", heads.length > 0, () => name)
  }
  hold("nothing stands without events", entities.size === expected, () => `${entities.size}`)
}

/** Whether all parents are deletes, understood or not: a patch of these counts as a put. */
const restartsByPatch = (
  parents: Fact["header"]["parents"],
  facts: ReadonlyMap<string, Fact>,
): boolean =>
  parents.length > 0 && parents.every(([, , hash]) => facts.get(hash)?.header.op === "delete")

/**
 * No edit disappears: a written value stands, or is a candidate of an open conflict, or a write of
 * the same field, a restart or a delete that had seen it came later.
 */
const checkNothingLost = (
  replica: Replica,
  facts: ReadonlyMap<string, Fact>,
  applied: ReadonlySet<string>,
): void => {
  const entities = entitiesOf(replica)
  for (const [name, history] of byEntity(facts)) {
    const seen = new Map<string, Set<string>>()
    for (const { hash, header } of history.toSorted(
      (a, b) => a.header.lamport - b.header.lamport,
    )) {
      const before = new Set<string>()
      for (const [, , parent] of header.parents) {
        before.add(parent)
        for (const older of seen.get(parent) ?? []) before.add(older)
      }
      seen.set(hash, before)
    }
    const entity = entities.get(name)
    for (const fact of history) {
      if (!applied.has(fact.hash) || fact.header.op === "delete" || entity?.deleted === true)
        continue
      const later = history.filter(
        (other) => applied.has(other.hash) && seen.get(other.hash)!.has(fact.hash),
      )
      const restarted = later.some(
        ({ header }) =>
          header.op === "put" || header.op === "delete" || restartsByPatch(header.parents, facts),
      )
      if (restarted) continue
      for (const field of ["x", "a/b", "1"]) {
        const written = fact.body.fields?.[field]
        if (written === undefined) continue
        const rewritten = later.some(
          ({ body }) => body.fields?.[field] !== undefined || body.unset?.includes(field),
        )
        const is = entity!.fields[field]
        const stands = is !== undefined && canonicalFromJson(is) === canonicalFromJson(written)
        const open = entity!.conflicts.some(({ candidates }) =>
          candidates.some(({ hash }) => hash === fact.hash),
        )
        hold(
          "no edit disappears",
          rewritten || stands || open,
          () => `${name} ${field} ${fact.hash}`,
        )
      }
    }
  }
}

/** The log as people read it: every event, in the total order, forwards and backwards. */
const checkLog = (replica: Replica, facts: ReadonlyMap<string, Fact>): void => {
  const ordered = [...facts.values()]
    .map((fact) => historyEventFrom(fact, true))
    .sort(byOrder)
    .map(({ hash }) => hash)
  const [forwards, backwards] = [false, true].map((reverse) =>
    [...logEntries(replica, { reverse })].map(({ hash }) => hash),
  )
  same("the log is in total order", forwards!.join(), ordered.join(), "forwards")
  same("the log is in total order", backwards!.join(), ordered.toReversed().join(), "backwards")
}

/** Replicas that hold the same and read alike are the same, byte for byte. */
export const checkAgreement = (members: ReadonlyArray<Member>, when: string): void => {
  const frontier = JSON.stringify(members[0]!.replica.lines.frontier())
  for (const { replica } of members) {
    same("equal events, equal frontiers", JSON.stringify(replica.lines.frontier()), frontier, when)
  }
  for (const group of Map.groupBy(members, ({ version }) => version).values()) {
    const state = stateOf(group[0]!.replica)
    for (const { replica } of group)
      same("equal events, equal state", stateOf(replica), state, when)
  }
}

/** What one reader sets aside changes nothing about entities that it understands whole. */
export const checkReadersApart = (members: ReadonlyArray<Member>): void => {
  const [old, young] = [1, 2].map((version) => members.find((member) => member.version === version))
  if (old === undefined || young === undefined) return
  const strange = new Set(
    [old, young].flatMap(({ replica }) =>
      replica.sqlite
        .prepare<[], string>(
          "SELECT DISTINCT type || '/' || id FROM events JOIN entities USING (entity) WHERE aside IS NOT NULL",
        )
        .pluck()
        .all(),
    ),
  )
  const [left, right] = [old, young].map(({ replica }) => entitiesOf(replica))
  for (const name of new Set([...left!.keys(), ...right!.keys()])) {
    // What was written as a register before `late` became a map means something else to each.
    if (strange.has(name) || left!.get(name)?.fields["late"] !== undefined) continue
    const [one, two] = [left!.get(name), right!.get(name)].map((entity) => JSON.stringify(entity))
    same("readers agree on what both understand", one ?? "nothing", two ?? "nothing", name)
  }
}

/** Everything about one replica that its events alone decide. */
export const checkReplica = (
  { replica, version }: Member,
  acknowledged: ReadonlySet<string>,
  forked: boolean,
): void => {
  const facts = factsOf(replica)
  const paths = pathsOf(facts)
  const ends = paths.map((path) => path.at(-1)!.hash)
  const heads = Object.values(replica.lines.frontier()).map(({ hash }) => hash)
  same("the frontier names every branch's end", heads.sort().join(), ends.sort().join(), "frontier")
  hold(
    "nothing is issued twice",
    forked || paths.length === new Set(paths.map((path) => path[0]!.header.node)).size,
    () => Object.keys(replica.lines.frontier()).join(),
  )
  checkClock(facts, paths)
  checkLog(replica, facts)
  checkMeaning(replica, facts, paths, version)
  checkNothingLost(replica, facts, appliedFacts(paths, version))
  for (const hash of acknowledged)
    hold("what was acknowledged is kept", facts.has(hash), () => hash)
  const schema = `${schemaName} ${version}`
  const digest = digestOfSnapshot(schema, snapshotLines(replica))
  same("the digest is that of the snapshot", replica.digest(), digest, "digest")
  const conflicts = openConflicts(replica)
  hold(
    "conflict ids are unique",
    new Set(conflicts.map(({ id }) => id)).size === conflicts.length,
    () => JSON.stringify(conflicts),
  )
}

/** Entities that every replica which has them shows as deleted, and every replica has. */
export const deletedEverywhere = (members: ReadonlyArray<Member>): ReadonlyArray<string> => {
  const states = members.map(({ replica }) => entitiesOf(replica))
  return [...states[0]!.keys()].filter((name) =>
    states.every((state) => state.get(name)?.deleted === true),
  )
}

export const checkStillDeleted = (replica: Replica, names: ReadonlyArray<string>): void => {
  const entities = entitiesOf(replica)
  for (const name of names) {
    const entity = entities.get(name)
    const gone = entity?.deleted === true && entity.conflicts.length === 0
    hold("what all deleted stays deleted", gone, () => `${name} ${JSON.stringify(entity)}`)
  }
}
