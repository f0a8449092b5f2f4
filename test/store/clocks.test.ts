/**
 * Wall clocks are written down for people to read and decide nothing: with any clocks at all, the
 * same edits give the same history.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import type { Reference } from "../../src/event/stamp.ts"
import { Author } from "../../src/store/author.ts"
import { listEntities, logEntries, openConflicts } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"
import { Random } from "../simulation/random.ts"
import { carry, seedOf, Shelf } from "./replicas.ts"

let shelf: Shelf
beforeEach(() => (shelf = new Shelf()))
afterEach(() => shelf.remove())

/** What a machine's clock says at its n-th look; undefined for a machine that tells no time. */
type WallClock = (look: number) => string | undefined

const names = ["ana", "ben", "cleo"] as const

const from = (start: string, stepSeconds: number): WallClock => {
  const origin = Date.parse(start)
  return (look) => new Date(origin + look * stepSeconds * 1000).toISOString()
}

const alike: Readonly<Record<string, WallClock>> = {
  ana: from("2026-01-01T00:00:00Z", 1),
  ben: from("2026-01-01T00:00:00Z", 1),
  cleo: from("2026-01-01T00:00:00Z", 1),
}

const apart: Readonly<Record<string, WallClock>> = {
  ana: from("2036-01-01T00:00:00Z", -3600),
  ben: from("2026-01-01T00:00:00Z", 86_400),
  cleo: () => undefined,
}

const randomChange = (random: Random): Change => {
  const id = `t${random.below(6)}`
  const roll = random.next()
  if (roll < 0.1) return { op: "delete", type: "token", id }
  if (roll < 0.2) return { op: "put", type: "token", id, fields: { value: `${random.below(9)}` } }
  const fields: JsonObject = {
    ...(random.chance(0.7) ? { value: `${random.below(9)}` } : {}),
    ...(random.chance(0.5)
      ? { [`modes/${random.pick(["dark", "light"])}`]: { v: random.below(9) } }
      : {}),
    ...(random.chance(0.3) ? { tags: random.some(["x", "y", "z"], 0.5) } : {}),
  }
  return { op: "patch", type: "token", id, fields }
}

/** The same people do the same things; only what their clocks say differs. */
const live = (world: string, clocks: Readonly<Record<string, WallClock>>, seed: number) => {
  const random = new Random(seed)
  const replicas = names.map((name) =>
    shelf.create(`${world} ${name}`, {
      seed: seedOf(name),
      project: "clockclockclockclockclockc",
      stateDirectory: shelf.path(`state of ${world}`),
    }),
  )
  const looks = names.map(() => 0)
  for (let round = 0; round < 40; round++) {
    const who = random.below(names.length)
    const changes = Array.from({ length: random.between(1, 3) }, () => randomChange(random))
    const at = clocks[names[who]!]!(looks[who]!++)
    new Author(replicas[who]!).write(changes, { actor: names[who]!, at })
    if (!random.chance(0.4)) continue
    const [left, right] = random.shuffle(replicas)
    carry(left!, right!)
  }
  // Everyone meets everyone.
  for (const left of replicas) for (const right of replicas) if (left !== right) carry(left, right)
  for (const left of replicas) for (const right of replicas) if (left !== right) carry(left, right)
  return replicas
}

const place = ({ node, seq }: Reference): string => `${node}:${seq}`

/** Everything about the events but wall times and the hashes over them. */
const eventsOf = (replica: Replica) =>
  [...logEntries(replica)].map(({ header, body, lamport, aside }) => {
    const { parents, anchor, body: _hash, ...rest } = header
    const { at: _at, ...content } = body
    const anchored = anchor === undefined ? undefined : place(anchor)
    return { ...rest, lamport, aside, parents: parents.map(place), anchored, content }
  })

/** Conflicts without their ids and hashes, which are over the events that stand against each other. */
const conflictsOf = (replica: Replica) =>
  openConflicts(replica).map(({ id: _id, candidates, ...rest }) => ({
    ...rest,
    candidates: candidates.map(({ hash: _hash, ...candidate }) => candidate),
  }))

const statesOf = (replica: Replica): Json =>
  [...listEntities(replica), ...listEntities(replica, { deleted: true })].map(
    ({ type, id, fields, deleted }) => ({ type, id, fields, deleted }),
  )

/** Begins every entity anew, so that no conflict and with it no hash is part of the state. */
const settle = (replica: Replica, at: string | undefined): void => {
  const ids = [...listEntities(replica)].map(({ id }) => id)
  const author = new Author(replica)
  const write = (changeOf: (id: string) => Change) =>
    author.write(ids.map(changeOf), { actor: "ana", at })
  write((id) => ({ op: "delete", type: "token", id }))
  write((id) => ({ op: "put", type: "token", id, fields: { value: "agreed" } }))
}

describe("wall clocks ten years apart, or running backwards, or missing", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`change no event, winner, conflict or state (seed ${seed})`, () => {
      const together = live("together", alike, seed)
      const scattered = live("scattered", apart, seed)
      for (const [index, replica] of scattered.entries()) {
        const other = together[index]!
        expect(eventsOf(replica)).toEqual(eventsOf(other))
        expect(statesOf(replica)).toEqual(statesOf(other))
        expect(conflictsOf(replica)).toEqual(conflictsOf(other))
      }
      const written = [...logEntries(scattered[0]!)].map(({ body }) => body.at)
      expect(written).toContain(undefined)
      expect(written).toContain("2036-01-01T00:00:00.000Z")
      expect(openConflicts(together[0]!).length).toBeGreaterThan(0)
    })

    it(`give the same digest once nothing is contested (seed ${seed})`, () => {
      const together = live("together", alike, seed)[0]!
      const scattered = live("scattered", apart, seed)[0]!
      settle(together, "2026-06-01T00:00:00Z")
      settle(scattered, "1999-06-01T00:00:00Z")
      expect(openConflicts(together)).toEqual([])
      expect(openConflicts(scattered)).toEqual([])
      expect(scattered.digest()).toBe(together.digest())
      expect(scattered.lines.frontier()).not.toEqual(together.lines.frontier())
    })
  }
})
