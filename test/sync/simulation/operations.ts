/**
 * What may happen to replicas that meet, as plain data: who there is, who knows which place, and a list
 * of operations.
 *
 * Operations name replicas, links, places and conflicts by any number; who carries them out takes it
 * modulo what there is. So every part of a history is a history, which is what shrinking needs.
 */
import type { Json } from "../../../src/event/canonical.ts"
import type { Change } from "../../../src/state/change.ts"
import { randomHistory } from "../../simulation/operations.ts"
import type { Operation as Edit } from "../../simulation/operations.ts"
import { Random } from "../../simulation/random.ts"
import type { SchemaVersion } from "../../simulation/schemas.ts"
import { attackKinds } from "./attack-kinds.ts"
import type { AttackKind } from "./attack-kinds.ts"
import { calm } from "./network.ts"
import type { Weather } from "./network.ts"

export type PlaceKind = "shelf" | "stream"

/** What a place loses: its oldest or newest part, anything here and there, or all. */
export type Loss = "oldest" | "newest" | "some" | "all"

/** Somebody's way to a place, or to another replica itself. */
export type Link = {
  readonly from: number
  readonly to: { readonly place: number } | { readonly replica: number }
}

export type Operation =
  | {
      readonly do: "write"
      readonly at: number
      readonly changes: ReadonlyArray<Change>
      /** What the clock on the wall says there. */
      readonly wall: string
    }
  | {
      readonly do: "resolve"
      readonly at: number
      readonly conflict: number
      readonly take: number
      readonly value?: Json
    }
  /** Of a project of members: lets another replica's node write, or write no more. */
  | { readonly do: "admit" | "retire"; readonly at: number; readonly node: number }
  /** Begins a meeting over one of a replica's links, or one after the other; others may run meanwhile. */
  | {
      readonly do: "meet"
      readonly at: number
      readonly link: number
      readonly seed: number
      readonly follow: boolean
    }
  /** Stops whatever meetings a replica has. */
  | { readonly do: "stop"; readonly at: number }
  | { readonly do: "wait"; readonly millis: number }
  /** Cuts a link, or mends it. */
  | { readonly do: "part"; readonly at: number; readonly link: number; readonly open: boolean }
  | { readonly do: "weather"; readonly weather: Weather }
  /** The process dies after so many calls of its database, and starts again later. */
  | {
      readonly do: "crash"
      readonly at: number
      readonly calls: number
      readonly downMillis: number
    }
  | { readonly do: "save"; readonly at: number }
  | {
      readonly do: "restore"
      readonly at: number
      readonly inPlace: boolean
      readonly recordLost: boolean
    }
  /** A copied database that goes on, unnoticed when hidden. */
  | { readonly do: "copy"; readonly at: number; readonly hidden: boolean }
  | { readonly do: "lose"; readonly place: number; readonly loss: Loss; readonly seed: number }
  | { readonly do: "attack"; readonly at: number; readonly kind: AttackKind; readonly seed: number }

export interface SyncHistory {
  readonly seed: number
  /** Whether only those may write whom members admit; the first replica's node is the founder. */
  readonly members: boolean
  readonly replicas: ReadonlyArray<SchemaVersion>
  readonly places: ReadonlyArray<PlaceKind>
  readonly links: ReadonlyArray<Link>
  readonly operations: ReadonlyArray<Operation>
}

const walls = [
  "1970-01-01T00:00:00.000Z",
  "2026-02-30T25:61:61.000Z",
  "9999-12-31T23:59:59.999Z",
  "2026-11-24T12:00:00.000Z",
  "yesterday",
]

const edits = (random: Random): ReadonlyArray<Edit> =>
  randomHistory(random.below(2 ** 31)).operations.filter(
    (edit) => edit.do === "write" || edit.do === "resolve",
  )

const randomWeather = (random: Random): Weather => {
  if (random.chance(0.3)) return calm
  const rate = (most: number) => (random.chance(0.5) ? random.next() * most : 0)
  return {
    lost: rate(0.4),
    cut: rate(0.3),
    twice: rate(0.5),
    skipped: rate(0.3),
    swapped: rate(0.5),
    torn: rate(0.6),
    slow: rate(0.3),
  }
}

const losses: ReadonlyArray<Loss> = ["oldest", "newest", "some", "all"]

const meetOver = (random: Random, at: number): Operation => ({
  do: "meet",
  at,
  link: random.below(4),
  seed: random.below(2 ** 31),
  follow: random.chance(0.1),
})

const randomRestore = (random: Random, at: number): Operation => ({
  do: "restore",
  at,
  inPlace: random.chance(0.6),
  recordLost: random.chance(0.4),
})

/** A twin goes on under the same key, unnoticed, and both write. */
const twins = (random: Random, at: number, write: Write): ReadonlyArray<Operation> => [
  { do: "copy", at, hidden: true },
  // The twin is the newest replica: -1 from the end.
  ...random.shuffle([write(at), write(-1), write(random.pick([at, -1]))]),
  ...(random.chance(0.5) ? [meetOver(random, -1), { do: "wait" as const, millis: 3000 }] : []),
]

/** A backup is put back after others have seen what came later; then work goes on. */
const rollback = (random: Random, at: number, write: Write): ReadonlyArray<Operation> => [
  write(at),
  { do: "save", at },
  write(at),
  meetOver(random, at),
  { do: "wait", millis: 3000 },
  randomRestore(random, at),
  ...(random.chance(0.5) ? [meetOver(random, at), { do: "wait" as const, millis: 3000 }] : []),
  write(at),
]

type Write = (at: number) => Operation

const rare = (random: Random, at: number, write: Write): ReadonlyArray<Operation> => {
  switch (random.below(14)) {
    case 0:
      return [{ do: "save", at }]
    case 1:
      return [randomRestore(random, at)]
    case 2:
      return rollback(random, at, write)
    case 3:
      return [{ do: "copy", at, hidden: false }]
    case 4:
      return twins(random, at, write)
    case 5:
    case 6: {
      const seed = random.below(2 ** 31)
      return [{ do: "lose", place: random.below(4), loss: random.pick(losses), seed }]
    }
    case 7:
      return [{ do: "stop", at }]
    case 8:
    case 9:
    case 10:
    case 11:
      return [{ do: "attack", at, kind: random.pick(attackKinds), seed: random.below(2 ** 31) }]
    default: {
      const calls = random.below(random.pick([5, 40, 200]))
      return [{ do: "crash", at, calls, downMillis: random.below(5000) }]
    }
  }
}

const linksFor = (random: Random, replicas: number, places: number): ReadonlyArray<Link> => {
  const target = (from: number): Link["to"] =>
    places > 0 && random.chance(0.6)
      ? { place: random.below(places) }
      : { replica: (from + 1 + random.below(Math.max(1, replicas - 1))) % replicas }
  return Array.from({ length: replicas }, (_, from) =>
    Array.from({ length: random.pick([1, 1, 2, 3]) }, () => ({ from, to: target(from) })),
  ).flat()
}

const randomOperations = (
  random: Random,
  at: number,
  write: Write,
  members: boolean,
): ReadonlyArray<Operation> => {
  if (members && random.chance(0.1)) {
    return [{ do: random.pick(["admit", "admit", "retire"]), at, node: random.below(12) }]
  }
  const kind = random.below(20)
  if (kind < 9) return [meetOver(random, at)]
  if (kind < 12) return [{ do: "wait", millis: random.pick([10, 50, 300, 3000, 60_000]) }]
  if (kind < 13) return [{ do: "part", at, link: random.below(4), open: random.chance(0.5) }]
  if (kind < 14) return [{ do: "weather", weather: randomWeather(random) }]
  return rare(random, at, write)
}

/** The founder admits most of the others, and word of it gets round. */
const beginningOfMembers = (random: Random, replicas: number): Array<Operation> => {
  const others = Array.from({ length: replicas - 1 }, (_, index) => index + 1)
  const admits = random.some(others, 0.85).map((node): Operation => ({ do: "admit", at: 0, node }))
  const meets = [0, ...others, ...others].flatMap((at): ReadonlyArray<Operation> => [
    meetOver(random, at),
    { do: "wait", millis: 3000 },
  ])
  return [...admits, ...meets]
}

/** Mostly few replicas, which are quick; sometimes up to twelve. */
const sizes = [2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 8, 12]

/** A history chosen by its seed alone. */
export const randomSyncHistory = (seed: number): SyncHistory => {
  const random = new Random(seed ^ 0x5eed)
  const mixed = random.chance(0.15)
  const replicas = Array.from({ length: random.pick(sizes) }, (): SchemaVersion =>
    mixed && random.chance(0.5) ? 1 : 2,
  )
  const places = Array.from({ length: random.pick([0, 1, 1, 2, 3]) }, () =>
    random.pick<PlaceKind>(["shelf", "stream"]),
  )
  const links = linksFor(random, replicas.length, places.length)
  const members = random.chance(0.3)
  const operations = members ? beginningOfMembers(random, replicas.length) : []
  operations.push({ do: "weather", weather: randomWeather(random) })
  const length = operations.length + random.between(8, 30) + replicas.length * 3
  const written: Array<Edit> = []
  const edit = (at: number): Operation => {
    for (;;) {
      if (written.length === 0) written.push(...edits(random))
      const next = written.shift()
      if (next?.do === "resolve") return { ...next, at }
      if (next?.do !== "write") continue
      return { do: "write", at, changes: next.changes, wall: random.pick(walls) }
    }
  }
  while (operations.length < length) {
    const at = random.below(replicas.length)
    if (random.chance(0.4)) operations.push(edit(at))
    else operations.push(...randomOperations(random, at, edit, members))
  }
  return { seed, members, replicas, places, links, operations }
}
