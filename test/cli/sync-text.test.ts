/** What people read of remotes: lines that stay calm, narrow and safe to print. */
import { describe, expect, it } from "vitest"
import { LamplogError } from "../../src/event/failure.ts"
import type { FollowState, SyncSummary } from "../../src/project/meeting.ts"
import { paintFor } from "../../src/cli/paint.ts"
import { agoText, standingText, waitingText } from "../../src/cli/remote-standing.ts"
import { notInSync, syncText } from "../../src/cli/sync-text.ts"
import { watchLine } from "../../src/cli/watch-lines.ts"

const paint = paintFor(false, {})
const failure = new LamplogError({
  code: "remote-unreachable",
  message: "nats://h: \u001b[31mconnection refused",
  remedy: "Check the server.",
})

const following: FollowState = {
  phase: "in sync",
  pulled: 1200,
  pushed: 3,
  waiting: 0,
  refused: [],
  ahead: [],
  behind: [],
  error: undefined,
  nextAttemptMillis: undefined,
}

const met: SyncSummary = {
  remote: "office",
  where: "nats://h",
  pulled: 1,
  pushed: 2,
  conflicts: 0,
  digest: "abc",
  inSync: true,
  ahead: [],
  behind: [],
  waiting: 0,
  refused: [],
  forks: [],
  rounds: 1,
  assetsPushed: 0,
  assetsPulled: 0,
  assetsFailed: 0,
  assetProblems: [],
  durationSeconds: 0.1,
}

describe("a watched remote's line", () => {
  const line = (state: Partial<FollowState>, columns = 100) =>
    watchLine("office", 6, { ...following, ...state }, { columns, paint })

  it("tells the phase, what was moved, and what is left", () => {
    expect(line({})).toBe("office  in sync  pulled 1,200, pushed 3")
    expect(line({ phase: "meeting" })).toBe("office  meeting  pulled 1,200, pushed 3")
    expect(line({ waiting: 2 })).toContain("pushed 3, 2 waiting")
    const behind = line({ phase: "waiting", behind: ["a"], nextAttemptMillis: 900 })
    expect(behind).toContain("pushed 3; events there are not held here")
  })

  it("tells why a meeting failed, and when the next one is", () => {
    const failed = line({ phase: "waiting", error: failure, nextAttemptMillis: 4400 })
    expect(failed).toMatch(/^office {2}waiting {2}again in 4 s; nats:\/\/h: .*connection refused$/)
    const stopped = watchLine(
      "office",
      6,
      { phase: "stopped", error: failure },
      { columns: 200, paint },
    )
    expect(stopped).toContain("stopped  nats://h")
    expect(stopped).toContain("→ Check the server.")
  })

  it("is never wider than the terminal, and prints nothing that acts on it", () => {
    for (let columns = 20; columns < 90; columns++) {
      const text = line({ phase: "waiting", error: failure, nextAttemptMillis: 1 }, columns)
      expect(text.length).toBeLessThanOrEqual(columns)
      expect(text).not.toContain("\u001b")
    }
  })
})

describe("what comes of a meeting", () => {
  it("is a line for each remote, then where this replica stands", () => {
    const other = { remote: "usb", error: failure }
    const text = syncText([{ remote: "office", summary: met }, other], met, paint)
    expect(text.split("\n")).toEqual([
      "office  in sync  pulled 1, pushed 2 events",
      "usb     failed",
      "  nats://h: \\u{1b}[31mconnection refused",
      "  → Check the server.",
      "  digest  abc",
      "",
    ])
  })

  it("names forks, conflicts and assets", () => {
    const forks = [{ node: "n", seq: 7, hash: "h" }]
    const problem = { direction: "pull", sha256: "h", error: failure } as const
    const assets = { assetsPushed: 1, assetsPulled: 2, assetsFailed: 3, assetProblems: [problem] }
    const summary = { ...met, ...assets, forks, conflicts: 2 }
    const text = syncText([{ remote: "office", summary }], summary, paint)
    expect(text).toContain("pushed 2 events, sent 1 asset, fetched 2 assets\n")
    expect(text).toContain("The bytes of 3 assets were not moved: nats://h")
    expect(text).toContain("node n has two histories from event 7 on; both are kept")
    expect(text).toContain("2 open conflicts (lamplog conflicts)")
  })

  it("says why both sides do not hold the same, and what to do", () => {
    const logs = ["a", "b", "c", "d"]
    const run = { node: "n", from: 1, to: 2, error: failure }
    const waiting = notInSync({ ...met, inSync: false, waiting: 1, behind: logs })
    expect(waiting.message).toContain(
      "1 event from there waits; events there of a, b, c and 1 more",
    )
    expect(waiting.remedy).toContain("lamplog status")
    const refused = notInSync({ ...met, inSync: false, refused: [run], ahead: ["a"] })
    expect(refused.message).toContain("1 run of events refused")
    expect(refused.message).toContain("events here of a are not held there")
    expect(refused.remedy).toBe(failure.remedy)
  })
})

describe("a remote in status", () => {
  const now = "2026-11-24T12:00:00.000Z"
  const standing = {
    name: "office",
    where: "nats://h",
    lastMet: "2026-11-24T11:57:00.000Z",
    inSync: false,
    ahead: 12,
    behind: 1,
    waitingFor: [],
  }

  it("tells what is to be sent and taken, and when it was met", () => {
    expect(standingText(standing, now, paint)).toBe(
      "office  12 events to send, 1 event to take  met 3 min ago",
    )
    const never = { ...standing, lastMet: null, ahead: null, behind: null }
    expect(standingText(never, now, paint)).toBe("office  never met (lamplog sync office)")
  })

  it("tells ages in the largest unit that says something, and none of clocks that disagree", () => {
    const ages = ["2026-11-24T11:59:50Z", "2026-11-24T10:01:00Z", "2026-11-23T12:00:00Z"]
    expect(
      [...ages, "2026-11-20T12:00:00Z", "2026-12-01T00:00:00Z"].map((at) => agoText(at, now)),
    ).toEqual(["just now", "119 min ago", "24 h ago", "4 days ago", "just now"])
  })

  it("tells what events wait for, and what can be done", () => {
    const node = { node: "n", events: 2, bytes: 9 }
    expect(waitingText({ ...node, reason: "not-admitted" })).toBe(
      "2 events of n: for an admission (lamplog node admit n)",
    )
    const needs = { node: "m", seq: 4, hash: "h" }
    expect(waitingText({ ...node, reason: "gap", needs })).toContain("such as event 4 of m")
    expect(waitingText({ ...node, reason: "unsigned" })).toContain("signs when it syncs")
    expect(waitingText({ ...node, reason: "incomplete" })).toContain("sync again")
  })
})
