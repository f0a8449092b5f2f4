/**
 * Whatever is done to a stored database is found and placed, and nothing else is.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { verify, verifyFolder, verifyReplica } from "../../src/audit/verify.ts"
import type { Verification } from "../../src/audit/verify.ts"
import { databaseFile } from "../../src/store/database.ts"
import { Random } from "../simulation/random.ts"
import { Shelf } from "../store/replicas.ts"
import { buildHistory, newerSchemas, trialSchemas } from "./history.ts"
import { tamper } from "./tamper.ts"

const shelf = new Shelf()
const original = join(shelf.path("main"), databaseFile)

beforeAll(() => buildHistory(shelf, 1))
afterAll(() => shelf.remove())

const errorsOf = (verification: Verification) =>
  verification.findings.filter(({ severity }) => severity === "error")

const verifyCopy = (name: string): Promise<Verification> =>
  Effect.runPromise(verifyFolder(shelf.path(name), trialSchemas()))

const copied = (name: string): string => {
  mkdirSync(shelf.path(name), { recursive: true })
  const path = join(shelf.path(name), databaseFile)
  copyFileSync(original, path)
  return path
}

/** What the tables say, byte by byte; undefined when SQLite cannot read them. */
const saidBy = (path: string): string | undefined => {
  const sqlite = new Database(path, { readonly: true })
  try {
    const tables = sqlite.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table'")
    const rows = tables
      .pluck()
      .all()
      .map((table) => sqlite.prepare(`SELECT * FROM ${table} ORDER BY 1`).raw().all())
    return JSON.stringify(rows)
  } catch {
    return undefined
  } finally {
    sqlite.close()
  }
}

describe("an untouched database", () => {
  it("has everything in it that one can hold, and no fault", () => {
    const replica = shelf.open("main", { schemas: trialSchemas() })
    const before = readFileSync(original)
    const found = verifyReplica(replica)
    expect(errorsOf(found)).toEqual([])
    expect(found.ok).toBe(true)
    const count = (sql: string) => replica.sqlite.prepare(sql).pluck().get() as number
    expect(found.checked).toMatchObject({
      events: count("SELECT count(*) FROM events"),
      entities: count("SELECT count(*) FROM entities"),
      logs: count("SELECT count(*) FROM lines"),
      buckets: count("SELECT count(*) FROM buckets"),
      signatures: count("SELECT count(*) FROM signatures"),
    })
    const held = [
      "SELECT count(*) FROM events WHERE aside IS NOT NULL",
      "SELECT count(*) FROM entities WHERE conflicts <> '[]'",
      "SELECT count(*) FROM entities WHERE deleted = 1",
      "SELECT count(*) FROM lines WHERE parent IS NOT NULL",
      "SELECT count(*) FROM signatures",
      "SELECT count(*) FROM stale",
      'SELECT count(*) FROM events WHERE header LIKE \'%"op":"resolve"%\'',
      "SELECT count(*) FROM entities WHERE entity > (SELECT value FROM meta WHERE key = 'listed')",
    ]
    expect(held.filter((sql) => count(sql) === 0)).toEqual([])
    expect(count("SELECT count(*) FROM events WHERE instr(header || body, char(65533))")).toBe(0)
    shelf.close(replica)
    expect(readFileSync(original).equals(before)).toBe(true)
  })

  it("is checked in steps that let others work, with the same result", async () => {
    const replica = shelf.open("main", { schemas: trialSchemas() })
    const stages = new Set<string>()
    let others = 0
    const tick = setInterval(() => (others += 1), 0)
    const found = await Effect.runPromise(verify(replica, ({ stage }) => stages.add(stage)))
    clearInterval(tick)
    expect(found).toEqual(verifyReplica(replica))
    expect([...stages]).toContain("checking the digest")
    expect(others).toBeGreaterThan(0)
    shelf.close(replica)
  })

  it("gives its connection back when the check is interrupted", async () => {
    const replica = shelf.open("main", { schemas: trialSchemas() })
    const stop = new AbortController()
    const running = Effect.runPromise(
      verify(replica, () => stop.abort()),
      { signal: stop.signal },
    )
    await expect(running).rejects.toThrow()
    shelf.close(replica)
    // The last connection to close takes the write-ahead log with it.
    expect(() => readFileSync(`${original}-wal`)).toThrow("ENOENT")
  })
})

describe("a database of an older version", () => {
  it("is no damage before the upgrade, and checked in full after it", async () => {
    copied("older")
    const folder = shelf.path("older")
    const before = await Effect.runPromise(verifyFolder(folder, newerSchemas()))
    expect(before.ok).toBe(true)
    expect(before.findings.map(({ code }) => code)).toEqual(["projection-outdated"])
    const replica = shelf.open("older", { schemas: newerSchemas() })
    const after = verifyReplica(replica)
    expect(errorsOf(after)).toEqual([])
    expect(after.findings.map(({ code }) => code)).not.toContain("projection-outdated")
    const aside = replica.sqlite.prepare("SELECT count(*) FROM events WHERE aside IS NOT NULL")
    expect(aside.pluck().get()).toBe(0)
    shelf.close(replica)
    // And what the newer version wrote is too new for the older one.
    const back = await Effect.runPromise(verifyFolder(folder, trialSchemas()))
    expect(errorsOf(back).map(({ where }) => where)).toEqual(["meta schemaVersion"])
  })
})

describe("a damaged database", () => {
  const seed = 20261123
  const trials = 500

  it(`is found out and the damage placed, ${trials} times from seed ${seed}`, async () => {
    const random = new Random(seed)
    const missed: Array<unknown> = []
    const path = copied("trial")
    for (let trial = 0; trial < trials; trial++) {
      copyFileSync(original, path)
      const { what, places } = tamper(random, path)
      const found = await verifyCopy("trial")
      const errors = errorsOf(found)
      const placed = errors.some(({ where }) => places.some((place) => `${where} `.includes(place)))
      if (found.ok || !placed) {
        missed.push({ seed, trial, what, places, found: errors.slice(0, 3).map((e) => e.where) })
      }
    }
    expect(missed).toEqual([])
  })

  it("never throws, whichever bits of the file are flipped", async () => {
    const random = new Random(seed)
    const whole = readFileSync(original)
    const said = saidBy(original)
    const path = copied("bits")
    const missed: Array<unknown> = []
    let seen = 0
    for (let trial = 0; trial < 100; trial++) {
      const bytes = Buffer.from(whole)
      const at = random.below(bytes.length)
      bytes[at] = bytes[at]! ^ (1 << random.below(8))
      writeFileSync(path, bytes)
      const found = await verifyCopy("bits")
      // Bits that no table stands on may be anything.
      const changed = saidBy(path) !== said
      if (changed) seen += 1
      if (changed && found.ok) missed.push({ seed, trial, at })
      rmSync(`${path}-wal`, { force: true })
      rmSync(`${path}-shm`, { force: true })
    }
    expect(missed).toEqual([])
    expect(seen).toBeGreaterThan(20)
  })

  it("that lost track of itself is not opened, but checked all the same", async () => {
    const path = copied("lost")
    const sqlite = new Database(path)
    sqlite.exec("UPDATE meta SET value = 'another' WHERE key = 'name'")
    sqlite.close()
    expect(() => shelf.open("lost", { schemas: trialSchemas() })).toThrow(
      expect.objectContaining({ code: "database-corrupt", where: "meta checksum" }),
    )
    const found = await verifyCopy("lost")
    expect(errorsOf(found).map(({ code }) => code)).toEqual(["meta-checksum"])
    expect(found.checked.events).toBeGreaterThan(300)
  })

  it("is reported when it was cut short, emptied or never was a database", async () => {
    const whole = readFileSync(original)
    const path = copied("cut")
    const bodies = [
      whole.subarray(0, whole.length / 2),
      whole.subarray(0, 5000),
      Buffer.alloc(0),
      Buffer.from("not a database, but long enough to be read as the header of one".repeat(99)),
    ]
    for (const bytes of bodies) {
      writeFileSync(path, bytes)
      const found = await verifyCopy("cut")
      expect(found.ok).toBe(false)
      expect(errorsOf(found).length).toBeGreaterThan(0)
    }
  })
})
