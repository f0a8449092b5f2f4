/**
 * Choosing what goes next in a project of members, on made-up transactions of logs that refer to each
 * other at random.
 */
import { describe, expect, it } from "vitest"
import { sha256 } from "../../src/event/hash.ts"
import { segmentBytesMax } from "../../src/log/segment.ts"
import { SignedBatches } from "../../src/sync/signed-batches.ts"
import type { Unit } from "../../src/sync/signed-batches.ts"
import { Random } from "../simulation/random.ts"

interface Log {
  readonly node: string
}

interface Made extends Unit<Log> {
  readonly index: number
}

interface Shape {
  readonly logs: number
  readonly units: number
  /** How often a transaction is signed, refers to another log, and is longer than a segment. */
  readonly signed: number
  readonly refers: number
  readonly apart: number
}

/** Transactions in total order; the last of each log is signed. */
const history = (random: Random, { apart, logs, refers, signed, units }: Shape): Array<Made> => {
  const all = Array.from({ length: logs }, (_, at): Log => ({ node: `node ${at}` }))
  const last = new Map<Log, string>()
  const made: Array<Made> = []
  while (made.length < units) {
    const log = random.pick(all)
    const index = made.length
    const previous = last.get(log) ?? sha256(log.node)
    const hash = sha256(`event ${index}`)
    const others = random.chance(refers) ? random.some(made.slice(-8), 0.5) : []
    const parents = others.map((other) => [other.log.node, other.index, other.hashes[0]!])
    const headers = [JSON.stringify({ type: "thing", id: "a", op: "patch", parents })]
    const isWhole = !random.chance(apart)
    const bytes = isWhole ? random.between(1, segmentBytesMax / 16) : segmentBytesMax
    const signature = isWhole && random.chance(signed) ? "signed" : undefined
    made.push({ log, index, bytes, isWhole, signature, headers, hashes: [hash], previous })
    last.set(log, hash)
  }
  for (const log of all) {
    const at = made.findLastIndex((unit) => unit.log === log)
    if (at >= 0) made[at] = { ...made[at]!, isWhole: true, signature: "signed", bytes: 1 }
  }
  return made
}

/** After every so many transactions, signs the last one of each log. */
const signedTogether = (units: Array<Made>, stride: number): Array<Made> => {
  for (let end = stride; end < units.length; end += stride) {
    const last = new Map(units.slice(0, end).map((unit, at) => [unit.log, at]))
    for (const at of last.values()) units[at] = { ...units[at]!, signature: "signed" }
  }
  return units
}

const batchesOf = (units: ReadonlyArray<Made>): ReadonlyArray<ReadonlyArray<Made>> => {
  const left = units.values()
  const batches = new SignedBatches<Log, Made>(() => left.next().value)
  const taken: Array<ReadonlyArray<Made>> = []
  for (let batch = batches.take(); batch.length > 0; batch = batches.take()) taken.push(batch)
  return taken
}

const sizeOf = (batch: ReadonlyArray<Made>): number =>
  batch.reduce((sum, { bytes }) => sum + bytes, 0)

/** Whether every log ends signed in a batch, and nothing in it refers to what comes later. */
const isTakenAtOnce = (batch: ReadonlyArray<Made>, before: ReadonlySet<string>): boolean => {
  const here = new Set([...before, ...batch.flatMap(({ hashes }) => hashes)])
  const ends = new Map(batch.map((unit) => [unit.log, unit.signature]))
  const refers = batch.flatMap(({ headers }) => {
    const { parents } = JSON.parse(headers[0]!) as {
      parents: ReadonlyArray<[string, number, string]>
    }
    return parents.map(([, , hash]) => hash)
  })
  return (
    [...ends.values()].every((end) => end !== undefined) && refers.every((hash) => here.has(hash))
  )
}

/** Checks what holds of all batches, and counts those that are not taken at once. */
const waitingBatches = (units: ReadonlyArray<Made>, context: string): number => {
  const batches = batchesOf(units)
  expect(new Set(batches.flat()), context).toEqual(new Set(units))
  for (const log of new Set(units.map((unit) => unit.log))) {
    const order = batches.flat().filter((unit) => unit.log === log)
    expect(order, context).toEqual(units.filter((unit) => unit.log === log))
  }
  const before = new Set<string>()
  let waiting = 0
  for (const batch of batches) {
    expect(sizeOf(batch), context).toBeLessThanOrEqual(2.5 * segmentBytesMax)
    if (!isTakenAtOnce(batch, before)) waiting += 1
    for (const { hashes } of batch) for (const hash of hashes) before.add(hash)
  }
  return waiting
}

const seeds = Array.from({ length: 60 }, (_, seed) => seed)

describe("batches of a project of members", () => {
  it("carry everything once, each log in order, whatever the history", () => {
    for (const seed of seeds) {
      const random = new Random(seed)
      const shape = { logs: random.between(1, 6), units: random.between(1, 250) }
      const odds = { signed: random.next(), refers: random.next(), apart: random.next() * 0.05 }
      waitingBatches(history(random, { ...shape, ...odds }), `seed ${seed}`)
    }
  })

  it("are taken at once where logs are signed often, however closely they build on each other", () => {
    for (const seed of seeds) {
      const random = new Random(seed)
      const shape = { logs: random.between(1, 5), units: 250, signed: 1, refers: 0.8, apart: 0 }
      expect(waitingBatches(history(random, shape), `seed ${seed}`), `seed ${seed}`).toBe(0)
    }
  })

  it("are taken at once, and large, where all logs are signed together now and then", () => {
    for (const seed of seeds) {
      const random = new Random(seed)
      const shape = { logs: random.between(1, 5), units: 250, signed: 0, refers: 0.8, apart: 0 }
      const units = signedTogether(history(random, shape), 8)
      expect(waitingBatches(units, `seed ${seed}`), `seed ${seed}`).toBe(0)
      const most = Math.ceil((2 * sizeOf(units)) / segmentBytesMax)
      expect(batchesOf(units).length, `seed ${seed}`).toBeLessThanOrEqual(most)
    }
  })
})
