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

let projects = 0

const messagesOf = (changes: ReadonlyArray<Change>): ReadonlyArray<string> => {
  const replica = shelf.create(`r${(projects += 1)}`)
  write(replica, changes)
  return referenceFindings(replica)
    .filter(({ stage }) => stage === "referential")
    .map(({ message }) => message)
}

const of = (type: string, id: string, fields: Change["fields"]): Change => ({
  op: "put",
  type,
  id,
  fields: fields ?? {},
})

describe("what a reference may mean", () => {
  it("includes names with escaped dots, names that end in value, and groups without fields", () => {
    const found = messagesOf([
      token("size.1\\.5"),
      token("space.value"),
      token("button.color"),
      token("a", { value: "{size.1.5}" }),
      token("b", { value: { $ref: "#/size/1.5/$value" } }),
      token("c", { value: "{space.value}" }),
      of("group", "link", { $extends: "{button}" }),
      of("group", "menu", { $extends: "#/nowhere" }),
    ])
    expect(found).toEqual(["group/menu points at group/nowhere, which does not exist."])
  })

  it("is checked in components, themes, styles and composite values", () => {
    const found = messagesOf([
      token("shadow", { value: [{ color: "{no1}", blur: { $ref: "#/no/2/$value" } }] }),
      of("component", "c", { tokens: ["no3"], assets: ["no4"], properties: { x: "{no5}" } }),
      of("theme", "t", { extends: "no6", values: { no7: "{no8}" } }),
      of("style", "s", { component: "no9", properties: { p: { q: ["{no10}"] } } }),
    ])
    const missing = found.map((message) => /no[.\d]+/.exec(message)?.[0])
    const names = ["no.2", "no1", "no10", "no3", "no4", "no5", "no6", "no7", "no8", "no9"]
    expect(missing).toHaveLength(names.length)
    expect(new Set(missing)).toEqual(new Set(names))
  })
})

describe("what leads back to itself", () => {
  it("is told once, with the way round, however many modes go it", () => {
    expect(messagesOf([token("a", { value: "{a}" })])).toEqual([
      "token/a leads back to itself: token/a → token/a.",
    ])
    expect(
      messagesOf([
        token("c", { value: "{a}" }),
        token("a", { value: "{b.value}" }),
        token("b", { value: { $ref: "#/c/$value/0" } }),
        token("outside", { value: "{a}" }),
      ]),
    ).toEqual(["token/a leads back to itself: token/a → token/b → token/c → token/a."])
    const both = { dark: { value: "{y}" }, light: { value: "{y}" } }
    expect(messagesOf([token("x", { modes: both }), token("y", { value: "{x}" })])).toHaveLength(1)
  })

  it("goes by modes: what is a circle in no mode is none", () => {
    const one = { modes: { dark: { value: "{two}" }, light: { value: "#fff" } } }
    const two = { modes: { dark: { value: "#000" }, light: { value: "{one}" } } }
    expect(messagesOf([token("one", one), token("two", two)])).toEqual([])
    const three = { modes: { dark: { value: "{one}" }, light: { value: "{one}" } } }
    expect(messagesOf([token("one", one), token("two", three)])).toEqual([
      "token/one leads back to itself: token/one (dark) → token/two (dark) → token/one (dark).",
    ])
  })

  it("holds for themes and groups that extend each other, and not for what ends", () => {
    expect(
      messagesOf([
        of("theme", "a", { extends: "b" }),
        of("theme", "b", { extends: "a" }),
        of("theme", "c", { extends: "a" }),
        of("group", "g", { $extends: "{g}" }),
      ]),
    ).toEqual([
      "theme/a leads back to itself: theme/a → theme/b → theme/a.",
      "group/g leads back to itself: group/g → group/g.",
    ])
    expect(
      messagesOf([
        of("theme", "a", { extends: "b" }),
        of("theme", "b", { extends: "c" }),
        of("theme", "c", {}),
      ]),
    ).toEqual([])
  })

  it("is found at the end of a chain as long as a project", () => {
    const count = 20_000
    const chain = Array.from({ length: count }, (_, index) =>
      token(`t${index}`, { value: `{t${(index + 1) % count}}` }),
    )
    const [message, ...others] = messagesOf(chain)
    expect(others).toEqual([])
    expect(message).toContain(`${count - 8} more`)
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
