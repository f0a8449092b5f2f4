/**
 * What a reader sets aside depends on the kinds it understands. After an upgrade every event held is
 * asked again: what was set aside is retried, and the answer is the same as on a fresh replica.
 */
import { bodyFromText, headerFromText } from "../event/event.ts"
import type { Header } from "../event/event.ts"
import { notUnderstood } from "../state/schema.ts"
import type { ProjectSchema } from "../state/schema.ts"
import type { Sqlite } from "./database.ts"

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
  body: string
): string | undefined => notUnderstood(schema, header, bodyFromText(body))

/** Gives every event its class anew, inside the caller's transaction. */
export const reclassify = (sqlite: Sqlite, schema: ProjectSchema): void => {
  const page = sqlite.prepare<[number, number], Row>(
    "SELECT event, aside, header, body FROM events WHERE event > ? ORDER BY event LIMIT ?"
  )
  const update = sqlite.prepare("UPDATE events SET aside = ? WHERE event = ?")
  let members: Array<{ readonly row: Row; readonly reason: string | undefined }> = []
  const finish = (): void => {
    const reason = members.find((member) => member.reason !== undefined)?.reason ?? null
    for (const { row } of members) if (row.aside !== reason) update.run(reason, row.event)
    members = []
  }
  for (let after = 0; ; ) {
    const rows = page.all(after, pageRows)
    if (rows.length === 0) break
    for (const row of rows) {
      const header = headerFromText(row.header)
      if ((header.transaction?.index ?? 0) === 0) finish()
      members.push({ row, reason: asideReason(schema, header, row.body) })
    }
    after = rows.at(-1)!.event
  }
  finish()
}
