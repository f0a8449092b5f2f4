/**
 * Meeting remotes: a new replica takes 100,000 events, and one that lacks ten of as many takes those.
 *
 * The other side runs in a process of its own, so that memory and processor time are those of the replica
 * that catches up. Notes tell what went over the wire.
 */
import { spawn } from "node:child_process"
import { cpSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { openFolder } from "../adapters/folder/index.ts"
import { openHttp } from "../adapters/http/index.ts"
import { openNats } from "../adapters/nats/index.ts"
import { openProject } from "../src/index.ts"
import type { Remote } from "../src/remote.ts"
import { Author } from "../src/store/author.ts"
import { memoryRemote } from "../src/testing/memory-peer.ts"
import type { Place, Question, Stopwatch, Subject } from "./measure.ts"
import { hashLines, linesFile, perTransaction, rawInsert, replicaIn, writeLines } from "./rows.ts"
import { editedTokens, newTokens } from "./tokens.ts"
import { receiveLines } from "./write.ts"

const authorship = { actor: "ana@example.com", at: "2026-01-01T00:00:00Z" }
const lackingEvents = 10

const openIn = (folder: string) =>
  openProject({ directory: folder, stateDirectory: join(folder, "state") })

/** A replica with all events, a folder that it has met, and a replica that lacks the last ten. */
const prepare = async ({ prepared, size, seed }: Omit<Place, "scratch">): Promise<void> => {
  const whole = replicaIn(join(prepared, "replica"))
  const author = new Author(whole)
  for (const changes of newTokens(size - lackingEvents, perTransaction, seed)) {
    author.write(changes, authorship)
  }
  const line = whole.ownLine()!
  writeLines(whole, line, 1, linesFile(prepared, "lacking"))
  const lacking = replicaIn(join(prepared, "lacking"), whole.project)
  receiveLines(lacking, line, linesFile(prepared, "lacking"))
  lacking.close()
  const newcomer = replicaIn(join(prepared, "newcomer"), whole.project)
  newcomer.close()
  for (const changes of editedTokens(lackingEvents, size / 10, lackingEvents, seed)) {
    author.write(changes, authorship)
  }
  writeLines(whole, whole.ownLine()!, 1, linesFile(prepared, "whole"))
  whole.close()
  const share = join(prepared, "share")
  mkdirSync(share)
  const project = await openIn(join(prepared, "replica"))
  const remote = await openFolder(share)
  await project.sync(remote, { name: "bench" })
  await remote.close()
  await project.close()
}

interface Met {
  readonly remote: Remote
  /** Lets go of the other side, and tells what went over the wire. */
  readonly end: () => Promise<{ readonly [name: string]: number }>
}

const farSide = async (
  kind: "http" | "nats",
  prepared: string,
  open: (url: string) => Promise<Remote>,
): Promise<Met> => {
  const program = join(import.meta.dirname, "far-side.ts")
  const child = spawn(process.execPath, [program, kind, prepared], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const url = (await lines.next()).value as string
  const remote = await open(url)
  return {
    remote,
    end: async () => {
      await remote.close()
      child.stdin.end()
      return JSON.parse((await lines.next()).value as string) as { [name: string]: number }
    },
  }
}

const meet = {
  memory: async (prepared: string): Promise<Met> => {
    const project = await openIn(join(prepared, "replica"))
    const remote = memoryRemote(await project.peer())
    const end = async () => {
      const { receivedBytes, roundTrips, sentBytes } = remote.traffic
      await project.close()
      return { bytes: receivedBytes + sentBytes, turns: roundTrips }
    }
    return { remote, end }
  },
  folder: async (prepared: string): Promise<Met> => {
    const remote = await openFolder(join(prepared, "share"))
    const end = async () => {
      await remote.close()
      return {}
    }
    return { remote, end }
  },
  http: (prepared: string) => farSide("http", prepared, (url) => openHttp(url)),
  nats: (prepared: string) => farSide("nats", prepared, (url) => openNats(url)),
}

const kinds = ["memory", "folder", "http", "nats"] as const

/** Catches up from where a prepared replica stands. */
const catchUp =
  (from: "newcomer" | "lacking", kind: (typeof kinds)[number]): Subject =>
  async ({ prepared, scratch }: Place, watch: Stopwatch) => {
    cpSync(join(prepared, from), scratch, { recursive: true })
    const { remote, end } = await meet[kind](prepared)
    const project = await openIn(scratch)
    watch.start()
    const { inSync, pulled } = await project.sync(remote, { name: "bench" })
    watch.stop()
    if (!inSync) throw new Error(`${kind}: not in sync`)
    await project.close()
    watch.note(await end())
    return pulled
  }

const common = {
  unit: "events",
  quickSize: 10_000,
  preparation: "meetings",
  group: "sync",
  prepare,
}

const joining = kinds.map((kind): Question => ({
  ...common,
  name: `join-${kind}`,
  asks: `take all events as a new replica (${kind})`,
  size: 100_000,
  ours: catchUp("newcomer", kind),
  limits: {
    "raw insert, one index": rawInsert("whole"),
    "SHA-256 of each line": hashLines("whole"),
  },
}))

const lacking = kinds.map((kind): Question => ({
  ...common,
  name: `lacking-${kind}`,
  asks: `take the ${lackingEvents} events that are lacking (${kind})`,
  size: 100_000,
  ours: catchUp("lacking", kind),
  limits: {},
}))

export const meetings: ReadonlyArray<Question> = [...joining, ...lacking]
