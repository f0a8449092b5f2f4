/**
 * One damage at a time, done to a copy of a database through SQLite, so that the file stays sound and
 * only what it says is wrong.
 *
 * Left out by construction, because they change nothing that anyone could tell:
 *  - the hash of a bucket with a stale member: it is computed again before anyone reads it;
 *  - a bucket's members while one of them is stale, unless the list itself becomes impossible;
 *  - taking a signature away: a log that nobody signed yet, or signed less often;
 *  - the last transactions of a log together with its line's head and all they changed: the replica
 *    as it was before.
 * The data holds no U+FFFD, so a flipped byte that breaks UTF-8 never reads as the text that was.
 */
import Database from "better-sqlite3"
import type { Random } from "../simulation/random.ts"

type Sqlite = Database.Database

export interface Damage {
  readonly what: string
  /** Texts, one of which the place of a finding must hold. */
  readonly places: ReadonlyArray<string>
}

const columns = {
  meta: ["key", "value"],
  lines: [
    "line",
    "node",
    "public_key",
    "first_seq",
    "first_hash",
    "parent",
    "head_seq",
    "head_hash",
    "head_lamport",
  ],
  events: ["event", "lamport", "hash", "entity", "aside", "header", "salt", "body"],
  entities: ["entity", "type", "id", "heads", "deleted", "fields", "conflicts"],
  buckets: ["bucket", "hash", "members"],
  stale: ["entity"],
} as const

type Table = keyof typeof columns

const keyOf = (table: Table): string => columns[table][0]

const targets = (Object.keys(columns) as ReadonlyArray<Table>).flatMap((table) =>
  columns[table].map((column) => ({ table, column: column as string })),
)

/** Where a finding about a row has to point. */
const placesOf = (table: Table, key: number | string, bucketsOf: Sqlite): Array<string> => {
  if (table === "meta") return ["meta "]
  if (table !== "stale") return [`${table} row ${key} `, `${table} row ${key})`]
  const members = bucketsOf
    .prepare<[number], number>(
      "SELECT bucket FROM buckets, json_each(members) WHERE json_each.value = ?",
    )
    .pluck()
  return [`stale row ${key}`, ...members.all(Number(key)).map((bucket) => `buckets row ${bucket})`)]
}

const staleBuckets = `SELECT bucket FROM buckets, json_each(members)
  WHERE json_each.value IN (SELECT entity FROM stale)`

const rowsOf = (sqlite: Sqlite, { table, column }: { table: Table; column: string }) =>
  sqlite
    .prepare<[], number | string>(
      `SELECT ${keyOf(table)} FROM ${table}
       ${table === "buckets" && column !== "bucket" ? `WHERE bucket NOT IN (${staleBuckets})` : ""}
       ORDER BY 1`,
    )
    .pluck()
    .all()

const flippedText = (random: Random, text: string): Buffer => {
  const bytes = Buffer.from(text)
  const at = random.below(bytes.length)
  bytes[at] = bytes[at]! ^ (1 << random.below(8))
  return bytes
}

const flippedNumber = (random: Random, value: number): bigint =>
  BigInt.asIntN(64, BigInt(value) ^ (1n << BigInt(random.below(64))))

/** Flips one bit of one stored value, chosen evenly over tables and columns. */
export const flipByte = (random: Random, sqlite: Sqlite): Damage => {
  for (;;) {
    const target = random.pick(targets)
    const { table, column } = target
    const key = random.pick(rowsOf(sqlite, target))
    const before = sqlite
      .prepare(`SELECT ${column} FROM ${table} WHERE ${keyOf(table)} = ?`)
      .pluck()
      .get(key) as number | string | null
    if (before === "") continue
    const places = placesOf(table, key, sqlite)
    const text = before === null ? Buffer.from("1") : undefined
    const after =
      text ??
      (typeof before === "number" ? flippedNumber(random, before) : flippedText(random, before!))
    const value = Buffer.isBuffer(after) ? "CAST(? AS TEXT)" : "?"
    try {
      sqlite
        .prepare(`UPDATE ${table} SET ${column} = ${value} WHERE ${keyOf(table)} = ?`)
        .run(after, key)
    } catch (error) {
      // Another row has that key already: a flip that the file could not hold.
      if (String((error as { code?: unknown }).code).startsWith("SQLITE_CONSTRAINT")) continue
      throw error
    }
    if (column === keyOf(table)) places.push(...placesOf(table, String(after), sqlite))
    return {
      what: `flip ${table}.${column} of ${key}: ${String(before)} -> ${String(after)}`,
      places,
    }
  }
}

type Trick = (random: Random, sqlite: Sqlite) => Damage

const eventRows = (sqlite: Sqlite): ReadonlyArray<number> =>
  sqlite.prepare<[], number>("SELECT event FROM events ORDER BY event").pluck().all()

const placesOfEvents = (...rows: ReadonlyArray<number>): ReadonlyArray<string> =>
  rows.map((row) => `events row ${row}`)

const columnsButKey = (table: Table): string => columns[table].slice(1).join(", ")

const copyRow = (sqlite: Sqlite, from: number, to: number): void => {
  const rest = columnsButKey("events")
  sqlite
    .prepare(`INSERT INTO events (event, ${rest}) SELECT ?, ${rest} FROM events WHERE event = ?`)
    .run(to, from)
}

const moveRow = (sqlite: Sqlite, from: number, to: number): void => {
  sqlite.prepare("UPDATE events SET event = ? WHERE event = ?").run(to, from)
}

const line = 2 ** 32

const deleteEvent: Trick = (random, sqlite) => {
  const row = random.pick(eventRows(sqlite))
  sqlite.prepare("DELETE FROM events WHERE event = ?").run(row)
  return { what: `delete event ${row}`, places: placesOfEvents(row) }
}

const duplicateEvent: Trick = (random, sqlite) => {
  const rows = eventRows(sqlite)
  const from = random.pick(rows)
  const known = new Set(rows)
  const candidates = [Math.floor(from / line) * line + 999, from + 90 * line, -from, 7]
  const to = random.pick(candidates.filter((row) => !known.has(row)))
  copyRow(sqlite, from, to)
  return { what: `duplicate event ${from} as ${to}`, places: placesOfEvents(to) }
}

/** The same event twice in its log, everything after it one further. */
const insertEvent: Trick = (random, sqlite) => {
  const from = random.pick(eventRows(sqlite))
  const head = Math.floor(from / line)
  for (const row of eventRows(sqlite).toReversed()) {
    if (Math.floor(row / line) === head && row > from) moveRow(sqlite, row, row + 1)
  }
  copyRow(sqlite, from, from + 1)
  sqlite.prepare("UPDATE lines SET head_seq = head_seq + 1 WHERE line = ?").run(head)
  return { what: `repeat event ${from}`, places: placesOfEvents(from + 1) }
}

const swapEvents: Trick = (random, sqlite) => {
  const [first, second] = random.shuffle(eventRows(sqlite))
  moveRow(sqlite, first!, -1)
  moveRow(sqlite, second!, first!)
  moveRow(sqlite, -1, second!)
  return { what: `swap events ${first} and ${second}`, places: placesOfEvents(first!, second!) }
}

const swapColumn: Trick = (random, sqlite) => {
  const column = random.pick(["header", "salt", "body", "hash"])
  const read = sqlite.prepare(`SELECT ${column} FROM events WHERE event = ?`).pluck()
  const [first, ...others] = random.shuffle([...eventRows(sqlite)])
  // Some events say the same.
  const second = others.find((row) => read.get(row) !== read.get(first))
  const values = [read.get(first), read.get(second)]
  const save = sqlite.prepare(`UPDATE events SET ${column} = ? WHERE event = ?`)
  save.run(values[1], first)
  save.run(values[0], second)
  return {
    what: `swap ${column} of ${first} and ${second}`,
    places: placesOfEvents(first!, second!),
  }
}

const entityRows = (sqlite: Sqlite, where: string) =>
  sqlite
    .prepare<[], { entity: number; fields: string }>(
      `SELECT entity, fields FROM entities WHERE heads IS NOT NULL AND ${where} ORDER BY entity`,
    )
    .all()

const editProjection: Trick = (random, sqlite) => {
  const { entity, fields } = random.pick(entityRows(sqlite, "true"))
  const edits: ReadonlyArray<readonly [string, string | number | null]> = [
    ["fields", JSON.stringify({ ...(JSON.parse(fields) as object), value: "forged" })],
    ["conflicts", '[{"forged":true}]'],
    ["heads", "[]"],
    ["heads", null],
    ["deleted", 2],
  ]
  const [column, value] = random.pick(edits)
  sqlite.prepare(`UPDATE entities SET ${column} = ? WHERE entity = ?`).run(value, entity)
  return { what: `edit ${column} of entity ${entity}`, places: [`entities row ${entity})`] }
}

const settleQuietly: Trick = (random, sqlite) => {
  const { entity } = random.pick(entityRows(sqlite, "conflicts <> '[]'"))
  sqlite.prepare("UPDATE entities SET conflicts = '[]' WHERE entity = ?").run(entity)
  return { what: `hide the conflicts of ${entity}`, places: [`entities row ${entity})`] }
}

const deleteEntity: Trick = (random, sqlite) => {
  const { entity } = random.pick(entityRows(sqlite, "true"))
  const events = sqlite.prepare<[number], number>("SELECT event FROM events WHERE entity = ?")
  const places = placesOfEvents(...events.pluck().all(entity))
  sqlite.prepare("DELETE FROM entities WHERE entity = ?").run(entity)
  return { what: `delete entity ${entity}`, places }
}

const inventEntity: Trick = (_, sqlite) => {
  sqlite
    .prepare(
      "INSERT INTO entities (entity, type, id, heads, deleted, fields, conflicts) VALUES (5000, 'token', 'invented', '[]', 0, '{}', '[]')",
    )
    .run()
  return { what: "invent an entity", places: ["entities row 5000)"] }
}

const rewindLine: Trick = (random, sqlite) => {
  const lines = sqlite.prepare<[], { line: number; head_seq: number; first_seq: number }>(
    "SELECT line, head_seq, first_seq FROM lines WHERE head_seq > first_seq",
  )
  const { line: number, head_seq: head } = random.pick(lines.all())
  const event = sqlite
    .prepare<[number], { hash: string; lamport: number }>(
      "SELECT hash, lamport FROM events WHERE event = ?",
    )
    .get(number * line + head - 1)!
  sqlite
    .prepare("UPDATE lines SET head_seq = ?, head_hash = ?, head_lamport = ? WHERE line = ?")
    .run(head - 1, event.hash, event.lamport, number)
  return {
    what: `rewind line ${number}`,
    places: [...placesOfEvents(number * line + head), `lines row ${number})`],
  }
}

const deleteLine: Trick = (random, sqlite) => {
  const numbers = sqlite.prepare<[], number>("SELECT line FROM lines").pluck().all()
  const number = random.pick(numbers)
  sqlite.prepare("DELETE FROM lines WHERE line = ?").run(number)
  return {
    what: `delete line ${number}`,
    places: [`events row ${number * line + 1}`, "events row", "lines row"],
  }
}

/** A signature with a flipped bit, of another place, or of another log. */
const editSignature: Trick = (random, sqlite) => {
  const rows = sqlite
    .prepare<[], { line: number; seq: number; signature: string }>("SELECT * FROM signatures")
    .all()
  const { line: number, seq, signature } = random.pick(rows)
  const edits: ReadonlyArray<readonly [column: string, value: unknown]> = [
    ["signature", flippedText(random, signature)],
    ["signature", ""],
    ["seq", random.pick([seq + 1000, -seq, "somewhere"])],
    ["line", 90],
  ]
  const [column, value] = random.pick(edits)
  const set = Buffer.isBuffer(value) ? "CAST(? AS TEXT)" : "?"
  sqlite
    .prepare(`UPDATE signatures SET ${column} = ${set} WHERE line = ? AND seq = ?`)
    .run(value, number, seq)
  const place = column === "seq" ? String(value) : String(seq)
  return {
    what: `edit ${column} of the signature ${number}:${seq}: ${String(value)}`,
    places: [column === "line" ? "signatures of line 90" : `signature of event ${place}`],
  }
}

const changeFile: Trick = (random, sqlite) => {
  const changes: ReadonlyArray<readonly [sql: string, place: string]> = [
    ["DROP INDEX events_by_entity", "index events_by_entity"],
    ["CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END", "trigger t"],
    ["CREATE TABLE extra (x)", "table extra"],
    ["DROP TABLE stale", "table stale"],
    ["DROP TABLE lines", "table lines"],
    ["PRAGMA user_version = 0", "user_version"],
    ["DELETE FROM meta WHERE key = 'checksum'", "meta checksum"],
    ["DELETE FROM meta", "meta project"],
    ["INSERT INTO meta VALUES ('color', 'red')", "meta color"],
    ["DELETE FROM buckets WHERE bucket = (SELECT min(bucket) FROM buckets)", "entities row"],
    ["INSERT INTO buckets VALUES (4096, '', '[1]')", "buckets row 4096)"],
    ["UPDATE buckets SET members = '[]'", "buckets row"],
    ["INSERT INTO stale VALUES (9999)", "stale row 9999"],
    ["DELETE FROM stale", "buckets row"],
  ]
  const [sql, place] = random.pick(changes)
  sqlite.exec(sql)
  return { what: sql, places: [place] }
}

const tricks: ReadonlyArray<Trick> = [
  deleteEvent,
  duplicateEvent,
  insertEvent,
  swapEvents,
  swapColumn,
  editProjection,
  settleQuietly,
  deleteEntity,
  inventEntity,
  rewindLine,
  deleteLine,
  editSignature,
  changeFile,
]

/** Does one damage, three times in five a flipped bit. */
export const tamper = (random: Random, path: string): Damage => {
  const sqlite = new Database(path)
  try {
    sqlite.pragma("synchronous = OFF")
    sqlite.pragma("foreign_keys = OFF")
    return random.chance(0.6) ? flipByte(random, sqlite) : random.pick(tricks)(random, sqlite)
  } finally {
    sqlite.close()
  }
}
