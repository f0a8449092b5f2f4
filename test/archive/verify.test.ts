/**
 * Checking an archive without a project: what is found, and what is only worth a warning.
 */
import { readFileSync, writeFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { manifestPath, segmentPath, snapshotPath } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { verifyArchive } from "../../src/archive/verify.ts"
import { openSchema } from "../../src/domain/open.ts"
import { sha256 } from "../../src/event/hash.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import { Author } from "../../src/store/author.ts"
import { ForgedLog, receive } from "../log/forge.ts"
import { codesOf, setToken, Stage, storedMembers, verified } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

describe("verify", () => {
  it("counts what it looked at in a good archive, and finds nothing", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    setToken(ana, "b", "2")
    const { path, manifest } = await stage.exported(ana)
    expect(await verified(path)).toEqual({
      ok: true,
      checked: {
        members: 2,
        bytes: manifest.members.reduce((sum, { size }) => sum + size, 0),
        events: 2,
        entities: 2,
        signatures: 1,
      },
      findings: [],
      signature: { status: "unsigned" },
    })
  })

  it("warns of a log whose end nobody signed", async () => {
    const one = stage.replica("one")
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, op: "put" })
    receive(one, [log])
    const { ok, checked, findings } = await verified((await stage.exported(one)).path)
    expect({ ok, signatures: checked.signatures }).toEqual({ ok: true, signatures: 0 })
    expect(codesOf(findings)).toEqual(["warning head-unsigned"])
    expect(findings[0]!.where).toContain(log.node)
  })

  it("warns of references that point at nothing", async () => {
    const ana = stage.replica("ana")
    new Author(ana).write(
      [{ op: "put", type: "token", id: "a", fields: { value: "{no.such.token}" } }],
      { actor: "ana" },
    )
    const { ok, findings } = await verified((await stage.exported(ana)).path)
    expect(ok).toBe(true)
    expect(codesOf(findings)).toEqual(["warning reference-dangling"])
  })

  it("names every damaged member, not just the first", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const { path } = await stage.exported(ana, { store: true })
    const bytes = readFileSync(path)
    for (const name of [segmentPath(ana.node, 1), snapshotPath]) {
      // Within the stored bytes that follow the local header's name.
      const at = bytes.indexOf(`\u0000\u0000${name}`, 0, "latin1") + 2 + name.length
      bytes[at + 20]! ^= 1
    }
    writeFileSync(path, bytes)
    const { ok, checked, findings } = await verified(path)
    expect({ ok, members: checked.members }).toEqual({ ok: false, members: 0 })
    expect(findings.map(({ where }) => where)).toEqual([segmentPath(ana.node, 1), snapshotPath])
  })

  it("checks the chains of a partial archive, and says that it cannot see its state", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const since = ana.lines.frontier()
    setToken(ana, "a", "2")
    setToken(ana, "b", "3")
    const exported = await stage.exported(ana, { since, store: true })
    const { ok, checked, findings } = await verified(exported.path)
    expect({ ok, events: checked.events }).toEqual({ ok: true, events: 2 })
    expect(codesOf(findings)).toEqual(["warning archive-partial"])
    const forged = { ...exported.manifest.logs[0]!, previous: "0".repeat(64) }
    const text = manifestText({ ...exported.manifest, logs: [forged] })
    const rest = storedMembers(exported).slice(1)
    const file = await stage.zipped([[manifestPath, Buffer.from(text)], ...rest])
    expect(codesOf((await verified(file)).findings)).toEqual([
      "error log-end",
      "warning archive-partial",
    ])
  })

  it("warns when it reads the events otherwise than the exporter, and cannot compare states", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const exported = await stage.exported(ana, { store: true })
    const text = manifestText({ ...exported.manifest, setAside: 1 })
    const rest = storedMembers(exported).slice(1)
    const file = await stage.zipped([[manifestPath, Buffer.from(text)], ...rest])
    expect(codesOf((await verified(file)).findings)).toEqual(["warning state-not-compared"])
  })

  it("checks the chains of an archive whose schema it does not know", async () => {
    const ana = stage.replica("ana")
    setToken(ana, "a", "1")
    const { path } = await stage.exported(ana)
    const schemas = new SchemaRegistry().register(openSchema)
    const { ok, findings } = await Effect.runPromise(verifyArchive(path, { schemas }))
    expect(ok).toBe(true)
    expect(codesOf(findings)).toEqual(["warning schema-newer"])
  })

  it("finds what a replay refuses, with member and line", async () => {
    const one = stage.replica("one")
    const log = new ForgedLog("ana")
    log.add({ lamport: 1, op: "put", id: "a" })
    log.add({ lamport: 2, op: "put", id: "b" })
    receive(one, [log])
    const { manifest } = await stage.exported(one)
    const forged = new ForgedLog("ana")
    forged.add({ lamport: 1, op: "put", id: "a" })
    forged.add({ lamport: 99, op: "put", id: "b" })
    const lines = Buffer.from(forged.lines.map((line) => `${line}\n`).join(""))
    const head = forged.references[1]!.hash
    const path = segmentPath(log.node, 1)
    const text = manifestText({
      ...manifest,
      frontier: { [log.node]: { seq: 2, hash: head } },
      logs: [{ ...manifest.logs[0]!, head }],
      members: [
        { path, sha256: sha256(lines), size: lines.length },
        { path: snapshotPath, sha256: sha256(""), size: 0 },
      ],
    })
    const file = await stage.zipped([
      [manifestPath, Buffer.from(text)],
      [path, lines],
      [snapshotPath, Buffer.alloc(0)],
    ])
    const { findings } = await verified(file)
    expect(findings).toMatchObject([{ code: "clock-equation", where: `${path} line 2` }])
  })
})
