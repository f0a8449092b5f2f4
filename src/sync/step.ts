/**
 * What to do next with one remote: a pure function of what is known and what has just happened.
 *
 * A meeting compares frontiers once (the answer to a pull tells what the remote holds), pulls, pushes, and ends
 * when both hold the same or nothing more can be done. After it the remote rests until something new is heard of,
 * or the time for another look has come; a failure makes it rest longer each time. Nothing here waits,
 * reads a clock or draws a random number: those come in as inputs and go out as wishes.
 */
import type { Frontier, Head } from "../log/frontier.ts"

/** Pauses, in milliseconds. */
export const retryMillisMin = 1000
export const retryMillisMax = 30_000
/** Between two looks at a remote from which nothing was heard. */
export const lookMillis = 30_000
/** Pulls and pushes of one meeting; more only happen when others write without pause. */
export const roundsMax = 32

/** Where a pull or push has left both sides. */
export interface Comparison {
  /** What is held here. */
  readonly frontier: Frontier
  /** What the remote says that it holds. */
  readonly holdings: Frontier
  /** Logs of `holdings` whose heads are not held here. */
  readonly unknown: ReadonlyArray<string>
  /** Logs of ours whose heads are not held there, as the remote said. */
  readonly unsure: ReadonlyArray<string>
  /** Events that the last call moved. */
  readonly moved: number
}

export type Input =
  /** Meet now: somebody asked, something was written here, the remote told of news, time is up. */
  | { readonly kind: "meet" }
  | ({ readonly kind: "pulled" | "pushed" } & Comparison)
  /** `random` is from 0 up to 1. */
  | { readonly kind: "failed"; readonly transient: boolean; readonly random: number }
  | { readonly kind: "settled"; readonly random: number }

export type Output =
  /** Pull; for these logs tell the remote where to look for the place at which branches part. */
  | { readonly kind: "pull"; readonly points: ReadonlyArray<string> }
  /** Push what `known` lacks; `all` sends logs whole whose heads there are not known here. */
  | { readonly kind: "push"; readonly known: Frontier; readonly all: boolean }
  /** The meeting is over. */
  | { readonly kind: "settle"; readonly inSync: boolean }
  /** Do nothing for so long, unless a `meet` comes in. */
  | { readonly kind: "rest"; readonly millis: number }
  /** No further attempt makes sense by itself. */
  | { readonly kind: "give up" }

export interface MeetingState {
  readonly phase: "resting" | "pulling" | "pushing" | "settling"
  readonly rounds: number
  /** Logs for which points were given in this meeting. */
  readonly pointed: ReadonlyArray<string>
  /** Heads that were pushed and not taken, so that they are not pushed for ever. */
  readonly stuck: boolean
  /** Failures and vain meetings in a row. */
  readonly vain: number
}

export const newMeeting: MeetingState = {
  phase: "resting",
  rounds: 0,
  pointed: [],
  stuck: false,
  vain: 0,
}

type Stepped = readonly [MeetingState, Output]

/** Full jitter over a span that doubles (Brooker, "Exponential Backoff and Jitter"), never below 1 s. */
export const retryMillis = (vain: number, random: number): number => {
  const most = Math.min(retryMillisMax, retryMillisMin * 2 ** Math.min(vain, 10))
  return Math.round(retryMillisMin + random * (most - retryMillisMin))
}

const nodeOf = (log: string): string =>
  log.slice(0, log.indexOf("-") < 0 ? undefined : log.indexOf("-"))

const headKey = (log: string, { seq, hash }: Head): string => `${nodeOf(log)}:${seq}:${hash}`

/** Logs of `frontier` whose heads are not among those of `other`; branches are named differently. */
export const headsMissing = (frontier: Frontier, other: Frontier): ReadonlyArray<string> => {
  const there = new Set(Object.entries(other).map(([log, head]) => headKey(log, head)))
  return Object.entries(frontier).flatMap(([log, head]) =>
    there.has(headKey(log, head)) ? [] : [log],
  )
}

const pulling = (state: MeetingState, points: ReadonlyArray<string> = []): Stepped => [
  {
    ...state,
    phase: "pulling",
    rounds: state.rounds + 1,
    pointed: [...state.pointed, ...points],
  },
  { kind: "pull", points },
]

const settling = (state: MeetingState, inSync: boolean): Stepped => [
  { ...state, phase: "settling", vain: inSync ? 0 : state.vain + 1 },
  { kind: "settle", inSync },
]

/** Logs here that may have parted from what the remote holds, and were not asked about yet. */
const parted = (state: MeetingState, { unsure, unknown }: Comparison): ReadonlyArray<string> => {
  const strangers = new Set(unknown.map(nodeOf))
  return unsure.filter((log) => strangers.has(nodeOf(log)) && !state.pointed.includes(log))
}

const afterPull = (state: MeetingState, input: Comparison): Stepped => {
  if (state.rounds >= roundsMax) return settling(state, false)
  const points = parted(state, input)
  if (points.length > 0) return pulling(state, points)
  const lacking = headsMissing(input.frontier, input.holdings)
  if (lacking.length === 0) return settling(state, input.unknown.length === 0)
  // What was pushed and did not arrive would not arrive now.
  if (state.stuck) return settling(state, false)
  // Heads of theirs that could not be taken hide where their logs part from ours.
  const strangers = new Set(input.unknown.map(nodeOf))
  const all = lacking.some((log) => strangers.has(nodeOf(log)))
  const onlyBehind = lacking.every((log) => strangers.has(nodeOf(log)))
  if (onlyBehind && parted({ ...state, pointed: [] }, input).length === 0) {
    return settling(state, false)
  }
  return [
    { ...state, phase: "pushing", rounds: state.rounds + 1 },
    { kind: "push", known: input.holdings, all },
  ]
}

const afterPush = (state: MeetingState, input: Comparison): Stepped => {
  const lacking = headsMissing(input.frontier, input.holdings)
  if (lacking.length === 0 && input.unknown.length === 0) return settling(state, true)
  if (state.rounds >= roundsMax) return settling(state, false)
  // Either somebody wrote meanwhile, or what was pushed was not taken: a look tells which.
  return pulling({ ...state, stuck: lacking.length > 0 && input.moved === 0 })
}

/** Advances one remote by one input. */
export const step = (state: MeetingState, input: Input): Stepped | readonly [MeetingState] => {
  switch (input.kind) {
    case "meet":
      if (state.phase !== "resting") return [state]
      return pulling({ ...newMeeting, vain: state.vain })
    case "pulled":
      return afterPull(state, input)
    case "pushed":
      return afterPush(state, input)
    case "settled": {
      const resting: MeetingState = { ...newMeeting, vain: state.vain }
      const millis =
        state.vain === 0 ? spread(lookMillis, input.random) : retryMillis(state.vain, input.random)
      return [resting, { kind: "rest", millis }]
    }
    case "failed": {
      const resting: MeetingState = { ...newMeeting, vain: state.vain + 1 }
      if (!input.transient) return [resting, { kind: "give up" }]
      return [resting, { kind: "rest", millis: retryMillis(state.vain, input.random) }]
    }
  }
}

/** A quarter more or less, so that many replicas do not look at once. */
const spread = (millis: number, random: number): number => Math.round(millis * (0.75 + random / 2))
