/**
 * Warnings: what points at nothing, what does not fit its schema; never more of them than anyone reads.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Findings } from "../../src/audit/finding.ts"
import { referenceFindings } from "../../src/audit/references.ts"
import { verifyReplica } from "../../src/audit/verify.ts"
import type { Change } from "../../src/state/change.ts"
import { Shelf, write } from "../store/replicas.ts"

let shelf: Shelf
beforeEach(() => (shelf = new Shelf()))
afterEach(() => shelf.remove())

const token = (id: string, fields: Change["fields"] = { value: "#00f" }): Change => ({
  op: "put",
  type: "token",
  id,
  fields: fields ?? {},
})

describe("references", () => {
  it("dangle when their target never was or was deleted, and not otherwise", () => {
    const replica = shelf.create("a")
    write(replica, [
      token("blue"),
      token("gone"),
      token("fine", { value: "{blue}" }),
      token("nowhere", { value: "{never.was}" }),
      token("late", { value: "{gone}", modes: { dark: { value: "{ghost}" } } }),
      token("dead", { value: "{never.was}" }),
    ])
    write(replica, [
      { op: "delete", type: "token", id: "gone" },
      { op: "delete", type: "token", id: "dead" },
    ])
    const found = referenceFindings(replica)
    expect(found.map(({ where, message }) => [where, message])).toEqual([
      ["token/nowhere value", "token/nowhere points at token/never.was, which does not exist."],
      ["token/late value", "token/late points at token/gone, which is deleted."],
      ["token/late modes/dark", "token/late points at token/ghost, which does not exist."],
    ])
    expect(new Set(found.map(({ severity, stage }) => `${severity} ${stage}`))).toEqual(
      new Set(["warning referential"]),
    )
  })

  it("and unfit values are warnings, so the replica is still sound", () => {
    const replica = shelf.create("a")
    write(replica, [token("odd", { description: 7, tags: ["a", 5], value: "{nowhere}" })])
    const found = verifyReplica(replica)
    expect(found.ok).toBe(true)
    expect(found.findings.map(({ severity, code, where }) => [severity, code, where])).toEqual([
      ["warning", "reference-dangling", "token/odd value"],
      ["warning", "value-unfit", "token/odd description"],
      ["warning", "value-unfit", "token/odd tags"],
    ])
    expect(found.checked.references).toBe(1)
  })

  it("are told a thousand times, then counted", () => {
    const replica = shelf.create("a")
    const aliases = Array.from({ length: 1234 }, (_, index) =>
      token(`t${index}`, { value: "{nowhere}" }),
    )
    write(replica, aliases)
    const found = referenceFindings(replica)
    expect(found).toHaveLength(1001)
    expect(found.at(-1)!.message).toBe("… and 234 more references or values that do not fit.")
  })
})

describe("findings", () => {
  it("of one kind in one place are told twenty times, then counted, so that others are seen", () => {
    const findings = new Findings()
    for (let row = 0; row < 5000; row++) {
      findings.error("structure", "chain-hash", `row ${row}`, "wrong", "log a")
    }
    findings.error("structure", "event-missing", "row 9", "missing", "log a")
    findings.error("structure", "chain-hash", "row 1", "wrong", "log b")
    const list = findings.list()
    expect(list).toHaveLength(23)
    expect(list.at(-1)).toMatchObject({ code: "chain-hash", message: "… and 4980 more like it" })
    expect(list.some(({ code }) => code === "event-missing")).toBe(true)
  })

  it("stay bounded when everything is damaged", () => {
    const findings = new Findings()
    for (let log = 0; log < 3000; log++) {
      findings.error("structure", "chain-hash", `row ${log}`, "wrong", `log ${log}`)
    }
    const list = findings.list()
    expect(list).toHaveLength(1001)
    expect(list.at(-1)!.message).toBe("… and 2000 findings more")
  })
})
