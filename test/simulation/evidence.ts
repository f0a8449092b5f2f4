/**
 * What a replica's events say, read from their bytes alone: nothing that the store derived is used.
 */
import { chainHash, genesisHash } from "../../src/event/hash.ts"
import type { JsonObject } from "../../src/event/canonical.ts"
import type { Operation } from "../../src/event/event.ts"
import type { HistoryEvent } from "../../src/state/entity.ts"
import type { Replica } from "../../src/store/replica.ts"
import { hold } from "./broken.ts"
import { schemaOf } from "./schemas.ts"
import type { SchemaVersion } from "./schemas.ts"

type Triple = readonly [node: string, seq: number, hash: string]

interface HeaderText {
  readonly node: string
  readonly seq: number
  readonly lamport: number
  readonly type: string
  readonly id: string
  readonly op: Operation
  readonly parents: ReadonlyArray<Triple>
  readonly anchor?: Triple
  readonly transaction?: readonly [index: number, count: number]
}

interface BodyText {
  readonly kind: number
  readonly actor: string
  readonly fields?: JsonObject
  readonly unset?: ReadonlyArray<string>
  readonly continues?: Triple
}

export interface Fact {
  readonly hash: string
  /** Chain hash of the event before it in its log; undefined for the first. */
  readonly before: string | undefined
  readonly header: HeaderText
  readonly body: BodyText
}

/** One branch of a log, from its first event to its last. */
export type Path = ReadonlyArray<Fact>

interface EventRow {
  readonly header: string
  readonly body: string
  readonly hash: string
}

const publicKeys = (replica: Replica): ReadonlyMap<string, string> =>
  new Map(replica.lines.all.map(({ node, publicKey }) => [node, publicKey]))

/** All events held, each with the one it follows, found by its hash. */
export const factsOf = (replica: Replica): ReadonlyMap<string, Fact> => {
  const rows = replica.sqlite
    .prepare<[], EventRow>("SELECT header, body, hash FROM events")
    .all()
    .map((row) => ({ ...row, parsed: JSON.parse(row.header) as HeaderText }))
  const keys = publicKeys(replica)
  const at = Map.groupBy(rows, ({ parsed: { node, seq } }) => `${node} ${seq}`)
  const facts = new Map<string, Fact>()
  for (const { header, body, hash, parsed } of rows) {
    const { node, seq } = parsed
    const follows = (previous: string) => chainHash(previous, header) === hash
    const genesis = genesisHash(replica.project, keys.get(node)!)
    const before = at.get(`${node} ${seq - 1}`)?.find((row) => follows(row.hash))?.hash
    const chained = seq === 1 ? follows(genesis) : before !== undefined
    hold("every event is chained", chained, () => `${node}:${seq}`)
    facts.set(hash, { hash, before, header: parsed, body: JSON.parse(body) as BodyText })
  }
  return facts
}

/** Every branch of every log. */
export const pathsOf = (facts: ReadonlyMap<string, Fact>): ReadonlyArray<Path> => {
  const followed = new Set([...facts.values()].map(({ before }) => before))
  const ends = [...facts.values()].filter(({ hash }) => !followed.has(hash))
  return ends.map((end) => {
    const path: Array<Fact> = []
    for (let fact: Fact | undefined = end; fact !== undefined;) {
      path.unshift(fact)
      fact = fact.before === undefined ? undefined : facts.get(fact.before)
    }
    return path
  })
}

/** The transactions of a branch in order. Fails when one is not whole. */
export const transactionsOf = (path: Path): ReadonlyArray<ReadonlyArray<Fact>> => {
  const transactions: Array<ReadonlyArray<Fact>> = []
  for (let start = 0; start < path.length;) {
    const [index, count] = path[start]!.header.transaction ?? [0, 1]
    const members = path.slice(start, start + count)
    const whole =
      index === 0 &&
      members.length === count &&
      members.every(
        ({ header }, at) =>
          header.lamport === members[0]!.header.lamport &&
          (count === 1 || (header.transaction?.[0] === at && header.transaction[1] === count)),
      )
    hold("transactions are whole", whole, () => JSON.stringify(members.map(({ header }) => header)))
    transactions.push(members)
    start += count
  }
  return transactions
}

const shapes: { readonly [kind: string]: ReadonlyArray<string> } = {
  map: ["remove", "set"],
  set: ["add", "remove"],
}

/** Whether a reader with this version of the schema understands one event by itself. */
const understands = (version: SchemaVersion, { header, body }: Fact): boolean => {
  if (header.type === "lamplog") return header.op === "continue"
  if (!["put", "patch", "delete", "resolve"].includes(header.op)) return false
  const definition = schemaOf(version).types[header.type]
  if (definition === undefined || body.kind > definition.version) return false
  // What a later version lists was a register to those who wrote before.
  const kindOf = (field: string) => {
    const listed = definition.fields[field]
    return listed === undefined || (listed.since ?? 1) > body.kind ? "register" : listed.kind
  }
  if ((body.unset ?? []).some((field) => kindOf(field) !== "register")) return false
  return Object.entries(body.fields ?? {}).every(([field, value]) => {
    const shape = shapes[kindOf(field)]
    if (shape === undefined) return true
    if (value === null || typeof value !== "object" || Array.isArray(value)) return false
    return Object.keys(value).every((part) => shape.includes(part))
  })
}

/** Hashes of the events that a reader with this version applies: whole transactions only. */
export const appliedFacts = (
  paths: ReadonlyArray<Path>,
  version: SchemaVersion,
): ReadonlySet<string> =>
  new Set(
    paths
      .flatMap(transactionsOf)
      .filter((members) => members.every((fact) => understands(version, fact)))
      .flatMap((members) => members.map(({ hash }) => hash)),
  )

export const historyEventFrom = ({ header, body, hash }: Fact, applied: boolean): HistoryEvent => ({
  node: header.node,
  seq: header.seq,
  lamport: header.lamport,
  hash,
  op: header.op,
  parents: header.parents.map(([node, seq, parent]) => ({ node, seq, hash: parent })),
  applied,
  actor: body.actor,
  kind: body.kind,
  ...(body.fields === undefined ? {} : { fields: body.fields }),
  ...(body.unset === undefined ? {} : { unset: body.unset }),
})

/** Lamports by the equation, for every transaction of every branch. */
export const checkClock = (facts: ReadonlyMap<string, Fact>, paths: ReadonlyArray<Path>): void => {
  const lamportOf = ([node, seq, hash]: Triple): number => {
    const fact = facts.get(hash)
    const found = fact?.header.node === node && fact.header.seq === seq
    hold("parents and anchors are held", found, () => `${node}:${seq}`)
    return fact!.header.lamport
  }
  for (const path of paths) {
    let previous = 0
    for (const members of transactionsOf(path)) {
      const parents = members.flatMap(({ header }) => header.parents.map(lamportOf))
      const anchors = members.flatMap(({ header }) => header.anchor ?? [])
      const { anchor, lamport, node, seq } = members[0]!.header
      const base = Math.max(previous, ...parents)
      const lifted = anchor === undefined ? base : lamportOf(anchor)
      const about = () => `${node}:${seq} has ${lamport} over ${base}, anchor ${lifted}`
      hold("the clock equation holds", lamport === 1 + lifted, about)
      hold("an anchor lies above the rest", anchor === undefined || lifted > base, about)
      hold("one anchor at most", anchors.length === (anchor === undefined ? 0 : 3), about)
      previous = lamport
    }
  }
}
