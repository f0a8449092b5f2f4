/**
 * A reader of shelves without a database: keeps runs by chain hash, as a replica would, and nothing else.
 */
import { sha256, signHead } from "../../src/event/hash.ts"
import { lineText } from "../../src/log/segment.ts"
import type { LamplogError } from "../../src/event/failure.ts"
import type { Frontier, Head } from "../../src/log/frontier.ts"
import { checkedLines } from "../../src/sync/shelf-check.ts"
import type { Holdings, PullRequest, Pushed, Remote, Take } from "../../src/sync/remote.ts"
import { protocolVersion, segmentFrom } from "../../src/sync/segment.ts"
import type { Segment } from "../../src/sync/segment.ts"
import { ForgedLog, projectId } from "../log/forge.ts"

export const unstopped = new AbortController().signal

export const description = {
  project: projectId,
  name: "lamps",
  schema: { name: "design-system", version: 1 },
}

/** A log with so many events of about so many bytes each; `after` makes it a branch. */
export const logOf = (
  name: string,
  events: number,
  after?: { readonly log: ForgedLog; readonly events: number },
  bytes = 40,
): ForgedLog => {
  const log = new ForgedLog(name, after)
  for (let index = 0; index < events; index += 1) {
    const seq = log.from + index
    const noise = Array.from({ length: Math.ceil(bytes / 10) }, (_, at) =>
      ((seq * 7919 + at * 104_729 + name.length * 31) % 1_000_003).toString(36),
    )
    const value = `${name} ${after === undefined ? "" : "otherwise "}${seq} ${noise.join(" ")}`
    log.add({ lamport: seq, body: { fields: { value } } })
  }
  return log
}

/** Events `from` to `to` of a log as they travel; signed, if the name of its writer is given. */
export const segmentOf = (log: ForgedLog, from: number, to: number, writer?: string): Segment => {
  const at = (seq: number) => seq - log.from
  const lines = log.lines.slice(at(from), at(to) + 1).map((line) => {
    const [header, salt, body] = line.split("\t") as [string, string, string]
    return lineText(header, salt, body)
  })
  const run = {
    project: projectId,
    node: log.node,
    publicKey: log.publicKey,
    from,
    to,
    previous: from === log.from ? log.previous : log.references[at(from) - 1]!.hash,
    head: log.references[at(to)]!.hash,
  }
  const lined = Buffer.from(lines.join(""))
  if (writer === undefined) return segmentFrom(run, lined)
  const signature = signHead(sha256(writer), projectId, log.node, to, run.head)
  return segmentFrom({ ...run, signature }, lined)
}

const hello = { version: protocolVersion, project: projectId, node: "a".repeat(26) }

const batchesOf = async function* (segments: ReadonlyArray<Segment>) {
  for (const segment of segments) yield [segment]
}

export const push = (remote: Remote, ...segments: ReadonlyArray<Segment>): Promise<Pushed> =>
  remote.push({ ...hello, description, known: {}, batches: batchesOf(segments) }, unstopped)

interface Place extends Head {
  readonly node: string
}

/** Takes what chains to what it holds; what does not, waits. */
export class Reader {
  /** Heads that other heads may go on from, by hash. */
  readonly #held = new Map<string, Place>()
  readonly #next = new Set<string>()
  #waiting: ReadonlyArray<Segment> = []
  /** Segments that were given in the last pull. */
  given: Array<Segment> = []

  get events(): number {
    return this.#held.size
  }

  get frontier(): Frontier {
    const heads = [...this.#held.values()].filter(({ hash }) => !this.#next.has(hash))
    heads.sort((left, right) => right.seq - left.seq || (left.hash < right.hash ? -1 : 1))
    const frontier: { [log: string]: Head } = {}
    for (const { node, seq, hash } of heads) {
      const log = frontier[node] === undefined ? node : `${node}-${hash.slice(0, 8)}`
      frontier[log] = { seq, hash }
    }
    return frontier
  }

  holds({ hash }: Head): boolean {
    return this.#held.has(hash)
  }

  /** Holds these without having been told by anybody. */
  learn(...segments: ReadonlyArray<Segment>): this {
    for (const segment of segments) this.#keep(segment)
    return this
  }

  #keep(segment: Segment): boolean {
    const { node, from, previous } = segment
    const lines = checkedLines(segment, node)
    if (from > 1 && !this.#held.has(previous)) return false
    let before = previous
    for (const [index, { hash }] of lines.entries()) {
      this.#held.set(hash, { node, seq: from + index, hash })
      this.#next.add(before)
      before = hash
    }
    return true
  }

  readonly #take: Take = async (batch) => {
    const refused = []
    this.given.push(...batch)
    let waiting = [...this.#waiting, ...batch]
    for (let kept = true; kept;) {
      kept = false
      const rest: Array<Segment> = []
      for (const segment of waiting) {
        try {
          if (this.#keep(segment)) kept = true
          else rest.push(segment)
        } catch (error) {
          const { node, from, to } = segment
          refused.push({ node, from, to, error: error as LamplogError })
        }
      }
      waiting = rest
    }
    this.#waiting = waiting
    return { events: 0, waiting: 0, refused, forks: [] }
  }

  pull(remote: Remote, points?: PullRequest["points"]): Promise<Holdings> {
    this.given = []
    const asked = { ...hello, since: this.frontier, ...(points === undefined ? {} : { points }) }
    return remote.pull(asked, this.#take, unstopped)
  }

  /** Pulls as a session does: with points for logs that may have parted. */
  async meet(remote: Remote): Promise<Holdings> {
    const first = await this.pull(remote)
    const strange = Object.entries(first.frontier).filter(([, head]) => !this.holds(head))
    const nodes = new Set(strange.map(([log]) => log.slice(0, 26)))
    const parted = first.unsure.filter((log) => nodes.has(log.slice(0, 26)))
    if (parted.length === 0) return first
    const here = this.frontier
    const points = parted.flatMap((log) => (here[log] === undefined ? [] : [[log, [here[log]]]]))
    return this.pull(remote, Object.fromEntries(points) as PullRequest["points"])
  }
}
