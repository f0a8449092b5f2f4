/**
 * Random histories of one entity: several authors, each of whom has seen some part of what there is.
 *
 * Values, names and deltas are chosen to be awkward: names with "/" and "~" and digits only, objects
 * whose keys look like numbers, equal values written twice, characters beyond the basic plane. Some
 * authors are sloppy: they name parents that are no heads, and write a register twice in one event.
 */
import { createHash } from "node:crypto"
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Operation } from "../../src/event/event.ts"
import type { HistoryEvent } from "../../src/state/entity.ts"
import type { FieldDefinition, TypeDefinition } from "../../src/state/schema.ts"
import type { Random } from "../simulation/random.ts"

const map: FieldDefinition = { kind: "map" }
const set: FieldDefinition = { kind: "set" }

export const oddDefinition: TypeDefinition = {
  version: 1,
  fields: { m: map, "m/k": map, "~m": map, "7": map, s: set, "s/~": set, "8": set },
}

const registers = ["x", "a/b", "m/x", "~", "~1", "1", "10", "9", "", "unset", "é", "\u{1F600}"]
const maps = ["m", "m/k", "~m", "7"]
const sets = ["s", "s/~", "8"]
const keys = ["k", "k/x", "~0", "2", "11", "", "b"]

const values: ReadonlyArray<Json> = [
  null,
  0,
  1,
  1.5,
  "",
  "a",
  "\uFF5E",
  "\u{1F600}",
  true,
  [],
  {},
  [1, [2]],
  { "10": 1, "9": { "2": [], "1": 0 }, a: 2 },
  { b: { "1": {} }, a: null },
]

/** What JSON.parse gives for canonical text: what every reader has in hand. */
const parsed = <A>(value: A): A => JSON.parse(canonicalFromJson(value as Json)) as A

const mapDelta = (random: Random): JsonObject => ({
  ...(random.chance(0.4) ? { remove: [random.pick(keys), random.pick(keys)] } : {}),
  ...(random.chance(0.8) ? { set: { [random.pick(keys)]: random.pick(values) } } : {}),
})

const setDelta = (random: Random): JsonObject => ({
  ...(random.chance(0.4) ? { remove: [random.pick(values), random.pick(values)] } : {}),
  ...(random.chance(0.8) ? { add: [random.pick(values), random.pick(values)] } : {}),
})

/** What an event writes: odd names, odd values, and now and then the same thing twice. */
export const randomContent = (random: Random): Pick<HistoryEvent, "fields" | "unset"> => {
  const fields: { [field: string]: Json } = {}
  // Few names, so that writes meet.
  const few = <A>(names: ReadonlyArray<A>): A =>
    random.chance(0.6) ? names[0]! : random.pick(names)
  for (let count = random.below(3); count > 0; count--) {
    const kind = random.below(4)
    if (kind < 2) fields[few(registers)] = random.pick(values)
    else if (kind === 2) fields[few(maps)] = mapDelta(random)
    else fields[few(sets)] = setDelta(random)
  }
  const unset = random.chance(0.2) ? [few(registers), few(registers)] : undefined
  return parsed({
    ...(Object.keys(fields).length > 0 ? { fields } : {}),
    ...(unset === undefined ? {} : { unset }),
  })
}

const operations: ReadonlyArray<Operation> = [
  "put",
  "patch",
  "patch",
  "patch",
  "patch",
  "delete",
  "delete",
  "resolve",
]

/** Events among these that no other of them names as an ancestor, by their parents alone. */
const headsAmong = (events: ReadonlyArray<HistoryEvent>): ReadonlyArray<HistoryEvent> => {
  const byHash = new Map(events.map((event) => [event.hash, event]))
  const covered = new Set<string>()
  const cover = (event: HistoryEvent): void => {
    for (const { hash } of event.parents) {
      if (covered.has(hash)) continue
      covered.add(hash)
      const parent = byHash.get(hash)
      if (parent !== undefined) cover(parent)
    }
  }
  for (const event of events) cover(event)
  return events.filter(({ hash }) => !covered.has(hash))
}

/** A history in an order in which it can have been written: parents first. */
export const randomHistory = (random: Random): ReadonlyArray<HistoryEvent> => {
  const authors = random.between(1, 4)
  const known = Array.from({ length: authors }, (): Array<HistoryEvent> => [])
  const history: Array<HistoryEvent> = []
  const length = random.between(1, 16)
  while (history.length < length) {
    const author = random.below(authors)
    const mine = known[author]!
    if (random.chance(0.35)) {
      // Hears of everything another author knows.
      for (const event of random.pick(known)) if (!mine.includes(event)) mine.push(event)
      continue
    }
    const seen = headsAmong(mine)
    const sloppy = random.chance(0.05)
    const parents = (sloppy ? random.some(mine, 0.3) : seen).map(({ node, seq, hash }) => ({
      node,
      seq,
      hash,
    }))
    const lamports = mine
      .filter(({ hash }) => parents.some((parent) => parent.hash === hash))
      .map(({ lamport }) => lamport)
    const applied = random.chance(0.93)
    const op = random.pick(operations)
    // Two authors may write under one node: a forked log.
    const node = `node${random.chance(0.1) ? 0 : author}`
    const event: HistoryEvent = {
      node,
      seq: 1 + mine.filter((known) => known.node === node).length,
      lamport: 1 + Math.max(0, ...lamports) + (random.chance(0.2) ? random.below(4) : 0),
      hash: createHash("sha256").update(`${random.next()} ${history.length}`).digest("hex"),
      op,
      parents,
      applied,
      actor: applied ? `actor${author}` : "",
      ...(applied && (op !== "delete" || random.chance(0.1)) ? randomContent(random) : {}),
    }
    mine.push(event)
    history.push(event)
  }
  return history
}
