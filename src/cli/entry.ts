/**
 * One event as the command line shows it.
 */
import type { LogEntry } from "../store/query.ts"
import { printable, shown } from "./paint.ts"
import type { Paint } from "./paint.ts"

/** The document. What the event did not say is null, so that every entry has the same keys. */
export const entryDocument = (entry: LogEntry) => {
  const { header, body, aside } = entry
  return {
    node: entry.node,
    seq: entry.seq,
    lamport: entry.lamport,
    hash: entry.hash,
    parents: header.parents,
    type: header.type,
    id: header.id,
    op: header.op,
    fields: body.fields ?? {},
    ...(body.unset === undefined ? {} : { unset: body.unset }),
    actor: body.actor,
    at: body.at ?? null,
    reason: body.reason ?? null,
    ...(aside === undefined ? {} : { setAside: aside }),
    ...(header.transaction === undefined ? {} : { transaction: header.transaction }),
    ...(body.settles === undefined ? {} : { settles: body.settles }),
    ...(body.continues === undefined ? {} : { continues: body.continues }),
  }
}

const lamportWidth = 7
const opWidth = 9

/** One line: when, what to which entity, which fields, by whom and why. */
export const entryText = (entry: LogEntry, paint: Paint): string => {
  const { header, body, aside } = entry
  const written = Object.entries(body.fields ?? {}).map(
    ([name, value]) => `${printable(name)}=${shown(value)}`,
  )
  const cleared = (body.unset ?? []).map((name) => `-${printable(name)}`)
  const name = printable(`${header.type}/${header.id}`)
  const by = [body.actor, body.at, body.reason].filter((part) => part !== undefined)
  return [
    `${String(entry.lamport).padStart(lamportWidth)} ${paint.dim(entry.node.slice(0, 8))}`,
    paint.cyan(header.op) + " ".repeat(Math.max(0, opWidth - header.op.length)) + name,
    ...(written.length + cleared.length > 0 ? [[...written, ...cleared].join(" ")] : []),
    paint.dim(printable(by.join(" · "))),
    ...(aside === undefined ? [] : [paint.yellow(`set aside: ${printable(aside)}`)]),
  ].join("  ")
}
