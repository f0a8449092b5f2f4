/**
 * Sessions over time that a test moves by hand: when they meet, when they rest, what ends them.
 */
import { describe, expect, it } from "vitest"
import { LamplogError } from "../../src/event/failure.ts"
import type { Frontier } from "../../src/log/frontier.ts"
import type { Local } from "../../src/sync/local.ts"
import type { Holdings, Remote } from "../../src/sync/remote.ts"
import { Session } from "../../src/sync/session.ts"
import type { Tally, Timing } from "../../src/sync/session.ts"
import { lookMillis, retryMillisMax } from "../../src/sync/step.ts"

const node = "a".repeat(26)

/** Pauses that end when the test says so. */
class Time implements Timing {
  readonly random = (): number => 0.5
  readonly #pauses = new Set<{ readonly millis: number; readonly end: () => void }>()
  #changed: () => void = () => {}

  readonly pause = (millis: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#pauses.delete(pause)
        reject(signal.reason as Error)
      }
      const end = (): void => {
        this.#pauses.delete(pause)
        signal.removeEventListener("abort", stop)
        resolve()
      }
      const pause = { millis, end }
      if (signal.aborted) return reject(signal.reason as Error)
      signal.addEventListener("abort", stop, { once: true })
      this.#pauses.add(pause)
      this.#changed()
    })

  readonly #given = new Set<unknown>()

  /** Waits for a new pause of at least so many milliseconds, and gives it. */
  async next(least: number): Promise<{ readonly millis: number; readonly end: () => void }> {
    for (;;) {
      const fresh = [...this.#pauses].filter((pause) => !this.#given.has(pause))
      const found = fresh.find(({ millis }) => millis >= least)
      if (found !== undefined) {
        this.#given.add(found)
        return found
      }
      // Shorter ones are passed.
      for (const pause of fresh) pause.end()
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }
}

/** A side that holds so many events of one log. */
class Side {
  seq = 0
  get frontier(): Frontier {
    return this.seq === 0
      ? {}
      : { [node]: { seq: this.seq, hash: String(this.seq).padStart(64, "0") } }
  }
}

const localOf = (side: Side): Local => ({
  description: { project: node, name: "one", schema: { name: "open", version: 1 } },
  node: () => node,
  stand: () => Promise.resolve({ frontier: side.frontier, since: side.frontier }),
  unknownHeads: (frontier) =>
    Promise.resolve(
      Object.entries(frontier).flatMap(([log, { seq }]) => (seq > side.seq ? [log] : [])),
    ),
  pointsOf: () => Promise.resolve({}),
  lacking: () => ({ async *[Symbol.asyncIterator]() {} }),
  take: () => {
    side.seq += 1
    return Promise.resolve({ events: 1, waiting: 0, refused: [], forks: [] })
  },
  cursor: () => Promise.resolve(undefined),
})

interface Script {
  /** What the next calls fail with, one after another. */
  readonly failures: Array<LamplogError>
  readonly calls: Array<string>
  news: () => void
  /** Happens at the end of the next pull, once. */
  meanwhile?: (() => void) | undefined
}

const remoteOf = (side: Side, mine: Side, script: Script): Remote => {
  const answer = (name: string): Promise<Holdings> => {
    script.calls.push(name)
    const failure = script.failures.shift()
    return failure === undefined
      ? Promise.resolve({ frontier: side.frontier, unsure: [] })
      : Promise.reject(failure)
  }
  return {
    where: "there",
    capabilities: { watches: true, assets: false, presence: false },
    describe: () => Promise.resolve([]),
    pull: async (_request, take) => {
      while (side.seq > mine.seq) await take([])
      const answered = answer("pull")
      const { meanwhile } = script
      script.meanwhile = undefined
      meanwhile?.()
      return answered
    },
    push: async () => {
      const events = mine.seq - side.seq
      side.seq = mine.seq
      return { ...(await answer("push")), events, refused: [] }
    },
    watch: (_hello, news, signal) => {
      script.news = news
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()))
    },
    close: () => Promise.resolve(),
  }
}

const failure = (code: string): LamplogError =>
  new LamplogError({ code, message: "It did not work.", remedy: "Try again.", where: "there" })

const stage = () => {
  const mine = new Side()
  const theirs = new Side()
  const time = new Time()
  const script: Script = { failures: [], calls: [], news: () => {} }
  const tallies: Array<Tally> = []
  const session = new Session(localOf(mine), remoteOf(theirs, mine, script), {
    name: "there",
    timing: time,
    onTally: (tally) => tallies.push(tally),
  })
  const stop = new AbortController()
  return { mine, theirs, time, script, session, stop, tallies }
}

describe("a single meeting", () => {
  it("pulls, pushes and ends when both hold the same", async () => {
    const { mine, theirs, script, session, stop } = stage()
    theirs.seq = 3
    const met = await session.meet(stop.signal)
    expect([met.inSync, met.pulled, mine.seq, script.calls]).toEqual([true, 3, 3, ["pull"]])
    mine.seq = 5
    const again = await session.meet(stop.signal)
    expect([again.inSync, again.pushed, theirs.seq]).toEqual([true, 2, 5])
  })

  it("tries again after what may pass, and fails with what stays", async () => {
    const { time, script, session, stop } = stage()
    script.failures.push(failure("remote-unreachable"), failure("remote-denied"))
    const met = session.meet(stop.signal)
    const rest = await time.next(1000)
    expect(script.calls).toEqual(["pull"])
    rest.end()
    await expect(met).rejects.toMatchObject({ code: "remote-denied" })
    expect(script.calls).toEqual(["pull", "pull"])
  })

  it("ends with the reason it was stopped for, while it rests", async () => {
    const { time, script, session, stop } = stage()
    script.failures.push(failure("remote-unreachable"))
    const met = session.meet(stop.signal)
    await time.next(1000)
    stop.abort(new Error("enough"))
    await expect(met).rejects.toThrow("enough")
  })
})

describe("a remote that is followed", () => {
  it("is met again when something was written here, and when the remote tells of news", async () => {
    const { mine, theirs, time, script, session, stop } = stage()
    const following = session.follow(stop.signal)
    await time.next(lookMillis / 2)
    mine.seq = 1
    session.changed()
    await time.next(lookMillis / 2)
    expect([theirs.seq, script.calls]).toEqual([1, ["pull", "pull", "push"]])
    theirs.seq = 2
    script.news()
    await time.next(lookMillis / 2)
    expect([mine.seq, script.calls.length]).toEqual([2, 4])
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
  })

  it("is met again for news that come while it is being met", async () => {
    const { mine, theirs, time, script, session, stop } = stage()
    const following = session.follow(stop.signal)
    await time.next(lookMillis / 2)
    script.meanwhile = () => {
      theirs.seq = 1
      script.news()
    }
    session.changed()
    await time.next(lookMillis / 2)
    await time.next(lookMillis / 2)
    expect(mine.seq).toBe(1)
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
  })

  it("is tried again when it was full: there may be room by then", async () => {
    const { time, script, session, stop } = stage()
    script.failures.push(failure("remote-full"))
    const following = session.follow(stop.signal)
    const rest = await time.next(1000)
    rest.end()
    await time.next(lookMillis / 2)
    expect(script.calls).toEqual(["pull", "pull"])
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
  })

  it("is looked at from time to time when nothing is heard of it", async () => {
    const { theirs, mine, time, session, stop } = stage()
    const following = session.follow(stop.signal)
    const look = await time.next(lookMillis / 2)
    theirs.seq = 1
    look.end()
    await time.next(lookMillis / 2)
    expect(mine.seq).toBe(1)
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
  })

  it("is left alone for longer after each failure, whatever is written here meanwhile", async () => {
    const { time, script, session, stop } = stage()
    script.failures.push(...Array.from({ length: 8 }, () => failure("remote-unreachable")))
    const following = session.follow(stop.signal)
    const rests: Array<number> = []
    for (let failed = 1; failed <= 8; failed++) {
      const rest = await time.next(1000)
      session.changed()
      expect(script.calls.length).toBe(failed)
      rests.push(rest.millis)
      rest.end()
    }
    await time.next(lookMillis / 2)
    expect(rests).toEqual(rests.toSorted((left, right) => left - right))
    expect(rests.at(-1)).toBeGreaterThan(rests[0]! * 4)
    expect(Math.max(...rests)).toBeLessThanOrEqual(retryMillisMax)
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
  })

  it("is met at once when it comes back and says so", async () => {
    const { time, script, session, stop, tallies } = stage()
    script.failures.push(failure("remote-unreachable"))
    const following = session.follow(stop.signal)
    await time.next(1000)
    expect(tallies.at(-1)?.error?.code).toBe("remote-unreachable")
    script.news()
    await time.next(lookMillis / 2)
    expect([script.calls.length, tallies.at(-1)?.error]).toEqual([2, undefined])
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
  })

  it("is given up for what no other attempt would mend", async () => {
    const { script, session, stop } = stage()
    script.failures.push(failure("other-project"))
    await expect(session.follow(stop.signal)).rejects.toMatchObject({ code: "other-project" })
  })
})
