/**
 * What a reader sets aside depends on the kinds it understands. After an upgrade every event held is
 * asked again: what was set aside is retried, and the answer is the same as on a fresh replica.
 */
import { bodyFromText, headerFromText } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import type { ProjectSchema } from "../state/schema.ts"
import { notUnderstood } from "../state/understood.ts"
import { lineOfRow, rowOf } from "./database.ts"
import { rowsBefore } from "./incoming.ts"
import type { Replica } from "./replica.ts"

interface Row {
  readonly event: number
  readonly aside: string | null
  readonly header: string
  readonly body: string
}

const pageRows = 1000

/** Why an event as stored is set aside; undefined when it is applied. */
export const asideReason = (
  schema: ProjectSchema,
  header: Header,
  body: string,
): string | undefined => notUnderstood(schema, header, bodyFromText(body))

/**
 * Branches that part inside a transaction: what they share with the trunk is applied if the branch's
 * transaction is understood, and the branch's members are set aside with what they share.
 */
const reclassifySharedMembers = (replica: Replica): void => {
  const { lines, schema, sqlite } = replica
  const read = sqlite.prepare<[number], Row>(
    "SELECT event, aside, header, body FROM events WHERE event = ?",
  )
  const update = sqlite.prepare("UPDATE events SET aside = ? WHERE event = ?")
  for (const line of lines.all) {
    const index = headerFromText(read.get(rowOf(line.line, line.from))!.header).transaction?.index
    if (index === undefined || index === 0) continue
    const count = headerFromText(read.get(rowOf(line.line, line.from))!.header).transaction!.count
    const shared = rowsBefore(replica, line, line.from, index) ?? []
    const own = Array.from({ length: count - index }, (_, at) => rowOf(line.line, line.from + at))
    const reasonOf = (row: number): string | undefined => {
      const { header, body } = read.get(row)!
      return asideReason(schema, headerFromText(header), body)
    }
    const ownReason = own.map(reasonOf).find((reason) => reason !== undefined)
    const reason = shared.map(reasonOf).find((one) => one !== undefined) ?? ownReason
    for (const row of own) update.run(reason ?? null, row)
    if (reason === undefined) for (const row of shared) update.run(null, row)
  }
}

/** Gives every event its class anew, inside the caller's transaction. */
export const reclassify = (replica: Replica): void => {
  const { schema, sqlite } = replica
  const page = sqlite.prepare<[number, number], Row>(
    "SELECT event, aside, header, body FROM events WHERE event > ? ORDER BY event LIMIT ?",
  )
  const update = sqlite.prepare("UPDATE events SET aside = ? WHERE event = ?")
  let members: Array<{ readonly row: Row; readonly reason: string | undefined }> = []
  const finish = (): void => {
    const reason = members.find((member) => member.reason !== undefined)?.reason ?? null
    for (const { row } of members) if (row.aside !== reason) update.run(reason, row.event)
    members = []
  }
  let lineOf = 0
  for (let after = 0; ;) {
    const rows = page.all(after, pageRows)
    if (rows.length === 0) break
    for (const row of rows) {
      const header = headerFromText(row.header)
      // Another line begins, or another transaction.
      if ((header.transaction?.index ?? 0) === 0 || lineOfRow(row.event) !== lineOf) finish()
      lineOf = lineOfRow(row.event)
      members.push({ row, reason: asideReason(schema, header, row.body) })
    }
    after = rows.at(-1)!.event
  }
  finish()
  reclassifySharedMembers(replica)
}
