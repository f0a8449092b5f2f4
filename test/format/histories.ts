/**
 * Random histories that the page allows, whoever would write them: several logs and branches of
 * them, parents that are not heads, deletes and restarts, events that nobody understands.
 */
import type { Json, JsonObject } from "../../src/event/canonical.ts"
import { compareReferences } from "../../src/event/stamp.ts"
import type { Reference } from "../../src/event/stamp.ts"
import { ForgedLog } from "../log/forge.ts"
import type { Random } from "../simulation/random.ts"

interface Known extends Reference {
  readonly lamport: number
}

interface Writer {
  readonly log: ForgedLog
  lamport: number
  /** Events after which the log may fork: ends of transactions, and the lamport there. */
  readonly ends: Array<{ readonly events: number; readonly lamport: number }>
}

const entities = ["a", "b/c", "ü~", "\u{1f58c}"] as const
const keys = ["dark", "10", "9", "a/b~c", "\ufb33", "\u{1f58c}"] as const
const values: ReadonlyArray<Json> = [
  0,
  1.5,
  "",
  "x",
  null,
  true,
  [1, { "2": 1, "1": 2 }],
  { k: "v" },
]

const delta = (random: Random, put: string, take: string, added: Json): JsonObject => ({
  ...(random.chance(0.8) ? { [put]: added } : {}),
  ...(random.chance(0.4) ? { [take]: [...random.some(keys, 0.4)] } : {}),
})

const contentOf = (random: Random): { readonly [key: string]: Json } => {
  const registers = random.some(["value", "type"], 0.6)
  const fields: { [field: string]: Json } = {}
  for (const field of registers) fields[field] = random.pick(values)
  if (random.chance(0.4)) {
    const set = random.some(keys, 0.4).map((key) => [key, random.pick(values)])
    fields.modes = delta(random, "set", "remove", Object.fromEntries(set) as JsonObject)
  }
  if (random.chance(0.4)) fields.tags = delta(random, "add", "remove", [...random.some(keys, 0.4)])
  return {
    fields,
    ...(random.chance(0.3) ? { unset: [...random.some(["value", "type"], 0.6)] } : {}),
    ...(random.chance(0.05) ? { kind: 2 } : {}),
  }
}

const operations = ["put", "patch", "patch", "patch", "delete", "resolve", "invented"] as const

/** Logs with so many transactions in all; every one can be received, in any order. */
export const randomLogs = (random: Random, transactions: number): ReadonlyArray<ForgedLog> => {
  const known = new Map<string, Array<Known>>(entities.map((id) => [id, []]))
  const everything: Array<Known> = []
  const begin = (log: ForgedLog, lamport: number): Writer => ({ log, lamport, ends: [] })
  const writers = ["ana", "bo", "cy"].map((name) => begin(new ForgedLog(name), 0))

  const parentsOf = (id: string): ReadonlyArray<Known> => {
    const recent = known.get(id)!.slice(-4)
    const parents = random.some(recent, random.pick([0, 0.4, 0.8, 1]))
    return [...parents].sort(compareReferences)
  }

  const write = (writer: Writer): void => {
    const count = random.chance(0.2) ? random.between(2, 3) : 1
    const members = random.shuffle(entities).slice(0, count)
    const drafts = members.map((id) => ({ id, parents: parentsOf(id) }))
    const base = Math.max(
      writer.lamport,
      ...drafts.flatMap(({ parents }) => parents.map(({ lamport }) => lamport)),
    )
    const above = everything.filter(({ lamport }) => lamport > base)
    const anchor = above.length > 0 && random.chance(0.5) ? random.pick(above) : undefined
    const lamport = 1 + (anchor?.lamport ?? base)
    const written = drafts.map(({ id, parents }, index) => {
      const op = random.pick(operations)
      const reference = writer.log.add({
        id,
        op,
        lamport,
        parents,
        ...(anchor === undefined || index > 0 ? {} : { anchor }),
        ...(count === 1 ? {} : { transaction: [index, count] as const }),
        body: op === "delete" ? {} : contentOf(random),
      })
      return { id, event: { ...reference, lamport } }
    })
    for (const { id, event } of written) {
      known.get(id)!.push(event)
      everything.push(event)
    }
    writer.lamport = lamport
    writer.ends.push({ events: writer.log.references.length, lamport })
  }

  for (let transaction = 0; transaction < transactions; transaction++) {
    const writer = random.pick(writers)
    write(writer)
    if (writer.log.from > 1 || writers.length > 6 || !random.chance(0.05)) continue
    const end = random.pick(writer.ends)
    const branch = begin(writer.log.branch(end.events), end.lamport)
    write(branch)
    writers.push(branch)
  }
  return writers.map(({ log }) => log).filter((log) => log.lines.length > 0)
}
