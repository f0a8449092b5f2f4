/**
 * Meeting one remote: carries out what `step` decides, and tells it what came of it.
 *
 * Invariants
 *  1. A session keeps nothing that must survive: killed at any point, the next one goes on from what
 *     the replica holds.
 *  2. Sessions of several remotes share nothing but the replica; trouble with one never stops another.
 *  3. Time and chance come in from outside, so that a simulation can replay every run.
 */
import { LamplogError } from "../event/failure.ts"
import type { Frontier } from "../log/frontier.ts"
import type { Local } from "./local.ts"
import { isTransient } from "./remote.ts"
import type { Hello, Holdings, RefusedRun, Remote, Taken } from "./remote.ts"
import type { Batch } from "./segment.ts"
import { protocolVersion } from "./segment.ts"
import { headsMissing, newMeeting, step } from "./step.ts"
import type { Input, MeetingState, Output } from "./step.ts"

/** Time and chance, as a session needs them. */
export interface Timing {
  /** From 0 up to 1. */
  readonly random: () => number
  /** Resolves after so many milliseconds; rejects with the signal's reason when it is aborted. */
  readonly pause: (millis: number, signal: AbortSignal) => Promise<void>
}

/** What a session has done so far, and where both sides stand. */
export interface Tally {
  readonly phase: "meeting" | "in sync" | "waiting"
  /** Events taken and handed over. */
  readonly pulled: number
  readonly pushed: number
  /** Events that came or went so far, taken or not: it stands still when nothing moves. */
  readonly moved: number
  /** Pulls and pushes made. */
  readonly rounds: number
  /** Events that came and wait for something. */
  readonly waiting: number
  /** What was refused, here or there, at the last meeting. */
  readonly refused: ReadonlyArray<RefusedRun>
  readonly forks: Taken["forks"]
  /** What the remote said last that it holds. */
  readonly holdings: Frontier | undefined
  /** Logs whose heads here are not held there, and whose heads there are not held here. */
  readonly ahead: ReadonlyArray<string>
  readonly behind: ReadonlyArray<string>
  readonly inSync: boolean
  /** Why the last attempt failed. */
  readonly error: LamplogError | undefined
  /** Milliseconds until the next attempt, while waiting for one. */
  readonly nextMillis: number | undefined
}

export const newTally: Tally = {
  phase: "meeting",
  pulled: 0,
  pushed: 0,
  moved: 0,
  rounds: 0,
  waiting: 0,
  refused: [],
  forks: [],
  holdings: undefined,
  ahead: [],
  behind: [],
  inSync: false,
  error: undefined,
  nextMillis: undefined,
}

export interface SessionOptions {
  /** The remote's name here: under it the cursor is kept. */
  readonly name: string
  readonly timing: Timing
  /** Hears of each change of the tally. */
  readonly onTally?: (tally: Tally) => void
}

/** Meetings in a row that changed nothing before a single sync says that it cannot go on. */
const vainMeetingsMax = 2
/** Refused runs that a tally lists. */
const refusedListedMax = 100

/** Failures that somebody may mend while a remote is followed, and that are told at once otherwise. */
const mayPass: ReadonlySet<string> = new Set(["remote-full"])

/** Something that one waits for, and others ring, however often, also before. */
class Bell {
  #rung = false
  #wake: () => void = () => {}

  readonly ring = (): void => {
    this.#rung = true
    this.#wake()
  }

  /** Resolves at the next ring, or at once after one since the bell was hushed. */
  heard(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#rung) resolve()
    })
  }

  /** What has rung so far was heard. Only whoever acts on it may say so, not whoever waited once. */
  hush(): void {
    this.#rung = false
  }
}

export class Session {
  readonly #local: Local
  readonly #remote: Remote
  readonly #options: SessionOptions
  /** Rung by what is written here, and by the remote. */
  readonly #here = new Bell()
  readonly #there = new Bell()
  #state: MeetingState = newMeeting
  #tally: Tally = newTally
  #isFollowing = false

  constructor(local: Local, remote: Remote, options: SessionOptions) {
    this.#local = local
    this.#remote = remote
    this.#options = options
  }

  get tally(): Tally {
    return this.#tally
  }

  /** Something was written here. */
  readonly changed = (): void => this.#here.ring()

  #tell(change: Partial<Tally>): void {
    this.#tally = { ...this.#tally, ...change }
    this.#options.onTally?.(this.#tally)
  }

  #hello(): Hello {
    const { project } = this.#local.description
    return { version: protocolVersion, project, node: this.#local.node() }
  }

  /** Meets until both hold the same; ends earlier when nothing more can be done. */
  async meet(signal: AbortSignal): Promise<Tally> {
    for (let input: Input = { kind: "meet" }; ;) {
      const output = this.#step(input)
      if (output === undefined) return this.#tally
      const next = await this.#act(output, signal)
      if (next === undefined) {
        const { error, inSync } = this.#tally
        if (output.kind === "give up") throw error!
        if (inSync || (error === undefined && this.#state.vain >= vainMeetingsMax)) {
          return this.#tally
        }
        const { nextMillis } = this.#tally
        await this.#options.timing.pause(nextMillis!, signal)
        input = { kind: "meet" }
      } else input = next
    }
  }

  /** Meets again and again, whenever there is something new, until aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    this.#isFollowing = true
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    const watching = this.#watch(either)
    try {
      for (let input: Input = { kind: "meet" }; ;) {
        signal.throwIfAborted()
        const output = this.#step(input)
        const next = output === undefined ? undefined : await this.#act(output, signal)
        if (next !== undefined) {
          input = next
          continue
        }
        if (output?.kind === "give up") throw this.#tally.error!
        await this.#rest(this.#tally.nextMillis!, signal)
        input = { kind: "meet" }
      }
    } finally {
      stop.abort()
      await watching
    }
  }

  /**
   * Rests until time is up, or there is news. After a failure only the remote itself can end the rest
   * earlier: what is written here meanwhile would not get further.
   */
  async #rest(millis: number, signal: AbortSignal): Promise<void> {
    const { timing } = this.#options
    // Those who write or tell of news all the time are met at most so often.
    await timing.pause(Math.min(millis, restMillisMin), signal)
    const rested = new AbortController()
    const either = AbortSignal.any([signal, rested.signal])
    const pause = timing.pause(millis, either).catch(() => undefined)
    const bells = this.#tally.error === undefined ? [this.#here, this.#there] : [this.#there]
    await Promise.race([pause, ...bells.map((bell) => bell.heard())])
    // A meeting follows, which sees all that they told of.
    for (const bell of bells) bell.hush()
    rested.abort()
    await pause
    signal.throwIfAborted()
  }

  /** Listens to the remote for as long as it can be heard; a lost one is asked by meetings anyway. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { timing } = this.#options
    const watch = this.#remote.watch?.bind(this.#remote)
    if (watch === undefined) return
    while (!signal.aborted) {
      await watch(this.#hello(), this.#there.ring, signal).catch(() => undefined)
      if (signal.aborted) return
      await timing.pause(rewatchMillis, signal).catch(() => undefined)
    }
  }

  #step(input: Input): Output | undefined {
    const [state, output] = step(this.#state, input)
    this.#state = state
    return output
  }

  /** Does one thing; undefined when there is nothing to do until something happens. */
  async #act(output: Output, signal: AbortSignal): Promise<Input | undefined> {
    switch (output.kind) {
      case "pull":
        return this.#tried(() => this.#pull(output.points, signal), signal)
      case "push":
        return this.#tried(() => this.#push(output.known, output.all, signal), signal)
      case "settle":
        this.#tell({
          inSync: output.inSync,
          phase: output.inSync ? "in sync" : "waiting",
          error: undefined,
        })
        return { kind: "settled", random: this.#options.timing.random() }
      case "rest":
        this.#tell({ nextMillis: output.millis })
        return undefined
      case "give up":
        return undefined
    }
  }

  /** Runs a call of the remote; what it fails with becomes an input, unless it is a fault of ours. */
  async #tried(call: () => Promise<Input>, signal: AbortSignal): Promise<Input> {
    signal.throwIfAborted()
    try {
      return await call()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof LamplogError)) throw error
      this.#tell({ error, inSync: false, phase: "waiting" })
      return {
        kind: "failed",
        transient: isTransient(error) || (this.#isFollowing && mayPass.has(error.code)),
        random: this.#options.timing.random(),
      }
    }
  }

  readonly #take = async (batch: Batch, cursor?: string): Promise<Taken> => {
    const { name } = this.#options
    const taken = await this.#local.take(
      batch,
      cursor === undefined ? undefined : { remote: name, text: cursor },
    )
    const { pulled, refused, forks } = this.#tally
    this.#tell({
      pulled: pulled + taken.events,
      moved: this.#tally.moved + taken.events + taken.waiting,
      waiting: this.#tally.waiting + taken.waiting,
      refused: [...refused, ...taken.refused].slice(0, refusedListedMax),
      forks: [...forks, ...taken.forks],
    })
    return taken
  }

  async #pull(logs: ReadonlyArray<string>, signal: AbortSignal): Promise<Input> {
    const first = this.#state.rounds === 1
    this.#tell({
      phase: "meeting",
      nextMillis: undefined,
      ...(first ? { refused: [], waiting: 0 } : {}),
    })
    const before = this.#tally.pulled
    const { since } = await this.#local.stand()
    const points = logs.length === 0 ? undefined : await this.#local.pointsOf(logs)
    const cursor = await this.#local.cursor(this.#options.name)
    const request = { ...this.#hello(), since, cursor, ...(points === undefined ? {} : { points }) }
    const holdings = await this.#remote.pull(request, this.#take, signal)
    return this.#compared("pulled", holdings, this.#tally.pulled - before)
  }

  async #push(known: Frontier, all: boolean, signal: AbortSignal): Promise<Input> {
    const { description } = this.#local
    const batches = this.#counted(this.#local.lacking(known, { all }))
    const pushed = await this.#remote.push(
      { ...this.#hello(), description, known, batches },
      signal,
    )
    const { pushed: sent, refused } = this.#tally
    this.#tell({
      pushed: sent + pushed.events,
      refused: [...refused, ...pushed.refused].slice(0, refusedListedMax),
    })
    return this.#compared("pushed", pushed, pushed.events)
  }

  async *#counted(batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
    for await (const batch of batches) {
      yield batch
      // Whoever asks for the next one has sent this one.
      const events = batch.reduce((sum, { from, to }) => sum + to - from + 1, 0)
      this.#tell({ moved: this.#tally.moved + events })
    }
  }

  async #compared(
    kind: "pulled" | "pushed",
    { frontier: holdings, unsure }: Holdings,
    moved: number,
  ): Promise<Input> {
    const { frontier } = await this.#local.stand()
    const unknown = await this.#local.unknownHeads(holdings)
    this.#tell({
      rounds: this.#tally.rounds + 1,
      holdings,
      ahead: headsMissing(frontier, holdings),
      behind: unknown,
      error: undefined,
    })
    return { kind, frontier, holdings, unknown, unsure, moved }
  }
}

/** Between two meetings, at least. */
const restMillisMin = 50
/** Between losing sight of a remote and watching it again. */
const rewatchMillis = 2000
