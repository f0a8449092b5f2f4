/**
 * Deciding what to do next with a remote, over a model: each side holds logs, each log is a string whose
 * prefixes are what can be held of it; a fork is a string that goes on otherwise.
 */
import { describe, expect, it } from "vitest"
import { sha256 } from "../../src/event/hash.ts"
import type { Frontier } from "../../src/log/frontier.ts"
import {
  headsMissing,
  newMeeting,
  retryMillis,
  retryMillisMax,
  retryMillisMin,
  roundsMax,
  step,
} from "../../src/sync/step.ts"
import type { Input, MeetingState, Output } from "../../src/sync/step.ts"

/** Histories held: each with all that comes before it. */
type Held = Set<string>

const nodes = ["a", "b", "c"].map((letter) => letter.repeat(26))

/** Heads of what is held: histories that no other one goes on from. */
const frontierOf = (held: Held): Frontier => {
  const heads = [...held].filter(
    (history) => ![...held].some((other) => other !== history && other.startsWith(history)),
  )
  const entries = heads.sort().map((history) => {
    const head = { seq: history.length - 26, hash: sha256(history) }
    return [`${history.slice(0, 26)}-${head.hash.slice(0, 8)}`, head] as const
  })
  return Object.fromEntries(entries)
}

const hold = (held: Held, history: string): void => {
  for (let end = 27; end <= history.length; end++) held.add(history.slice(0, end))
}

const holdsHead = (held: Held, hash: string): boolean =>
  [...held].some((history) => sha256(history) === hash)

const all = (held: Held): string => JSON.stringify([...held].sort())

/** A meeting of two sides; `carry` says what of a transfer arrives. */
const meet = (mine: Held, theirs: Held, carry: (history: string) => boolean = () => true) => {
  let state: MeetingState = newMeeting
  let input: Input = { kind: "meet" }
  const outputs: Array<Output["kind"]> = []
  for (;;) {
    const [next, output] = step(state, input)
    state = next
    if (output === undefined) throw new Error("nothing to do in the middle of a meeting")
    outputs.push(output.kind)
    if (output.kind === "settle") return { inSync: output.inSync, outputs, state }
    if (output.kind !== "pull" && output.kind !== "push") throw new Error(output.kind)
    const [from, to] = output.kind === "pull" ? [theirs, mine] : [mine, theirs]
    const before = frontierOf(mine)
    const points = new Set(output.kind === "pull" ? output.points : [])
    const unsure = Object.entries(before)
      .filter(([, { hash }]) => !holdsHead(theirs, hash))
      .map(([log]) => log)
    let moved = 0
    for (const history of from) {
      if (to.has(history)) continue
      // A branch is found only by somebody who was told where to look.
      const lacksBase = unsure.some((log) => log.slice(0, 26) === history.slice(0, 26))
      const told = [...points].some((log) => log.slice(0, 26) === history.slice(0, 26))
      if (output.kind === "pull" && lacksBase && !told) continue
      if (!carry(history)) continue
      hold(to, history)
      moved += 1
    }
    const holdings = frontierOf(theirs)
    const unknown = Object.entries(holdings)
      .filter(([, { hash }]) => !holdsHead(mine, hash))
      .map(([log]) => log)
    const frontier = frontierOf(mine)
    input =
      output.kind === "pull"
        ? { kind: "pulled", frontier, holdings, unknown, unsure, moved }
        : { kind: "pushed", frontier, holdings, unknown, unsure: [], moved }
  }
}

const side = (...histories: ReadonlyArray<string>): Held => {
  const held: Held = new Set()
  for (const history of histories) hold(held, history)
  return held
}

describe("a meeting", () => {
  it("ends after one pull when both hold the same", () => {
    const { inSync, outputs } = meet(side(`${nodes[0]}xyz`), side(`${nodes[0]}xyz`))
    expect({ inSync, outputs }).toEqual({ inSync: true, outputs: ["pull", "settle"] })
  })

  it("takes one pull and one push when each side has news", () => {
    const { inSync, outputs } = meet(side(`${nodes[0]}xyz`), side(`${nodes[1]}xy`))
    expect({ inSync, outputs }).toEqual({ inSync: true, outputs: ["pull", "push", "settle"] })
  })

  it("asks again, with places, for the log that has parted, and for no other", () => {
    const mine = side(`${nodes[0]}xyz`, `${nodes[1]}x`)
    const theirs = side(`${nodes[0]}xzz`, `${nodes[1]}x`)
    const { inSync, outputs } = meet(mine, theirs)
    expect({ inSync, outputs }).toEqual({
      inSync: true,
      outputs: ["pull", "pull", "push", "settle"],
    })
    expect(all(mine)).toBe(all(theirs))
  })

  it("stops when the remote does not keep what it is given", () => {
    const { inSync, outputs } = meet(side(`${nodes[0]}xyz`), side(), () => false)
    expect({ inSync, outputs }).toEqual({
      inSync: false,
      outputs: ["pull", "push", "pull", "settle"],
    })
  })

  it("stops when what the remote has cannot be taken", () => {
    const { inSync, outputs } = meet(side(), side(`${nodes[0]}xyz`), () => false)
    expect({ inSync, outputs }).toEqual({ inSync: false, outputs: ["pull", "settle"] })
  })

  it("makes both sides equal whatever they held, and never goes round for ever", () => {
    for (let seed = 0; seed < 500; seed++) {
      const chance = (label: string): number =>
        Number.parseInt(sha256(`${seed}:${label}`).slice(0, 6), 16) / 2 ** 24
      const held = ["mine", "theirs"].map((who) =>
        side(
          ...nodes.flatMap((node, log) =>
            [0, 1].flatMap((branch) => {
              const length = Math.floor(chance(`${who}${log}${branch}`) * 5)
              if (length === 0) return []
              // Branches part after the second event.
              const text = branch === 0 ? "xyxyx" : "xyzzz"
              return [node + text.slice(0, length)]
            }),
          ),
        ),
      )
      const { inSync, state } = meet(held[0]!, held[1]!)
      expect([seed, inSync, all(held[0]!)]).toEqual([seed, true, all(held[1]!)])
      expect(state.rounds).toBeLessThan(roundsMax)
    }
  })
})

describe("a rest", () => {
  it("grows with each failure, with chance in it, from one second to thirty", () => {
    expect(retryMillis(0, 0.99)).toBe(retryMillisMin)
    expect(retryMillis(3, 0)).toBe(retryMillisMin)
    expect(retryMillis(3, 0.5)).toBeGreaterThan(retryMillis(2, 0.5))
    expect(retryMillis(1000, 0.999999)).toBeLessThanOrEqual(retryMillisMax)
  })

  it("follows a failure that may pass, and none follows one that stays", () => {
    const [, passing] = step(newMeeting, { kind: "failed", transient: true, random: 0.5 })
    const [, staying] = step(newMeeting, { kind: "failed", transient: false, random: 0.5 })
    expect([passing?.kind, staying?.kind]).toEqual(["rest", "give up"])
  })

  it("forgets earlier failures after a meeting that ended in sync", () => {
    const [failed] = step(newMeeting, { kind: "failed", transient: true, random: 0 })
    expect(failed.vain).toBe(1)
    const [pulling] = step(failed, { kind: "meet" })
    const nothing = { frontier: {}, holdings: {}, unknown: [], unsure: [], moved: 0 }
    const [settled] = step(pulling, { kind: "pulled", ...nothing })
    expect(settled.vain).toBe(0)
  })
})

describe("heads that the other side lacks", () => {
  it("are told by node, seq and hash, whatever the branches are called", () => {
    const head = { seq: 3, hash: "0".repeat(64) }
    const named = { [nodes[0]!]: head }
    const branch = { [`${nodes[0]}-00000000`]: head }
    expect(headsMissing(named, branch)).toEqual([])
    expect(headsMissing(named, { [nodes[1]!]: head })).toEqual([nodes[0]])
  })
})
