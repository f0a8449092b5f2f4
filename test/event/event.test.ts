/**
 * Headers and bodies: what is written is read back, and what is malformed is refused.
 */
import { describe, expect, it } from "vitest"
import { CanonicalError, canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import {
  bodyBytesMax,
  bodyFromOwnText,
  bodyFromText,
  bodyText,
  EventError,
  headerBytesMax,
  headerFromText,
  headerText,
  isLongerThan,
  isName,
} from "../../src/event/event.ts"
import type { Body, Header } from "../../src/event/event.ts"
import { sha256 } from "../../src/event/hash.ts"
import { Random } from "../simulation/random.ts"

const node = "c3mq5qo3spc7xmh47cnpdvfq4i"
const other = "tx2ochidwi6sssgg5ozi23efza"
const hash = sha256("something")

const header: Header = {
  node,
  seq: 3,
  lamport: 7,
  type: "token",
  id: 'a "quoted" id/é\u{1f600}\n',
  op: "patch",
  parents: [
    { node, seq: 1, hash },
    { node, seq: 2, hash },
    { node: other, seq: 1, hash },
  ],
  anchor: { node: other, seq: 9, hash },
  transaction: { index: 0, count: 2 },
  body: hash,
}

const textWith = (change: { readonly [key: string]: Json | undefined }): string => {
  const value = { ...(JSON.parse(headerText(header)) as { [key: string]: Json }), ...change }
  const kept = Object.entries(value).filter(([, member]) => member !== undefined)
  return canonicalFromJson(Object.fromEntries(kept) as Json)
}

const failure = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof EventError || error instanceof CanonicalError) return error.code
    throw error
  }
}

describe("a header", () => {
  it("is written in canonical form and read back", () => {
    for (let seed = 0; seed < 2000; seed++) {
      const random = new Random(seed)
      const { anchor, transaction, ...rest } = header
      const sample: Header = {
        ...rest,
        seq: random.between(1, 2 ** 31),
        lamport: random.between(1, 2 ** 52),
        id: random.pick(["x", header.id, "\\", "\u2028", "1", "é".repeat(1024)]),
        op: random.pick(["put", "patch", "delete", "resolve"]),
        parents: random.some(header.parents, 0.5),
        ...(random.chance(0.5) ? { anchor: anchor! } : {}),
        ...(random.chance(0.5) ? { transaction: transaction! } : {}),
      }
      const text = headerText(sample)
      expect(canonicalFromJson(JSON.parse(text) as Json), `seed ${seed}`).toBe(text)
      expect(headerFromText(text), `seed ${seed}`).toEqual(sample)
    }
  })

  it("may hold members and operations that only a newer writer knows", () => {
    expect(headerFromText(textWith({ zebra: { a: [1] }, "": null }))).toEqual(header)
    expect(headerFromText(textWith({ op: "rename" })).op).toBe("rename")
  })

  it.each<readonly [string, { readonly [key: string]: Json | undefined }]>([
    ["no node", { node: undefined }],
    ["another sort of node", { node: "ana" }],
    ["a node in capitals", { node: node.toUpperCase() }],
    ["seq 0", { seq: 0 }],
    ["a fraction as seq", { seq: 1.5 }],
    ["seq as text", { seq: "1" }],
    ["no lamport", { lamport: undefined }],
    ["lamport 0", { lamport: 0 }],
    ["a negative lamport", { lamport: -1 }],
    ["an empty type", { type: "" }],
    ["a slash in its type", { type: "a/b" }],
    ["a type that is too long", { type: "t".repeat(129) }],
    ["no id", { id: undefined }],
    ["an empty id", { id: "" }],
    ["an id that is too long", { id: "i".repeat(1025) }],
    ["an id that is a number", { id: 5 }],
    ["no op", { op: undefined }],
    ["an op that is no word", { op: 1 }],
    ["a control operation on an entity", { op: "continue" }],
    ["a reserved operation on an entity", { op: "redact" }],
    ["an edit of the reserved type", { type: "lamplog" }],
    ["no parents", { parents: undefined }],
    ["parents that are no list", { parents: {} }],
    ["a parent that is no reference", { parents: [[node, 1]] }],
    ["a parent with seq 0", { parents: [[node, 0, hash]] }],
    ["a parent without a hash", { parents: [[node, 1, "x"]] }],
    ["a parent that is null", { parents: [null] }],
    [
      "a parent twice",
      {
        parents: [
          [node, 1, hash],
          [node, 1, hash],
        ],
      },
    ],
    [
      "parents out of order by node",
      {
        parents: [
          [other, 1, hash],
          [node, 1, hash],
        ],
      },
    ],
    [
      "parents out of order by seq",
      {
        parents: [
          [node, 10, hash],
          [node, 9, hash],
        ],
      },
    ],
    [
      "parents out of order by hash",
      {
        parents: [
          [node, 1, "f".repeat(64)],
          [node, 1, "0".repeat(64)],
        ],
      },
    ],
    ["an anchor that is no reference", { anchor: "x" }],
    ["an anchor that is null", { anchor: null }],
    ["a transaction of one", { transaction: [0, 1] }],
    ["a member beyond its transaction", { transaction: [2, 2] }],
    ["a negative member", { transaction: [-1, 2] }],
    ["a transaction that is too large", { transaction: [0, 100_001] }],
    ["a transaction of three parts", { transaction: [0, 2, 0] }],
    ["a transaction that is null", { transaction: null }],
    ["no body", { body: undefined }],
    ["a body that is no hash", { body: hash.toUpperCase() }],
  ])("is refused with %s", (_, change) => {
    expect(failure(() => headerFromText(textWith(change)))).toBe("header-invalid")
  })

  it("is refused when it is anything but an object in canonical form", () => {
    const text = headerText(header)
    expect(failure(() => headerFromText("[]"))).toBe("header-invalid")
    expect(failure(() => headerFromText("null"))).toBe("header-invalid")
    expect(failure(() => headerFromText("{"))).toBe("not-json")
    expect(failure(() => headerFromText(` ${text}`))).toBe("not-canonical")
    expect(failure(() => headerFromText(text.replace('"lamport":7', '"lamport":7.0')))).toBe(
      "not-canonical",
    )
    expect(
      failure(() => headerFromText(text.replace('"lamport":7', '"lamport":7,"lamport":7'))),
    ).toBe("not-canonical")
    expect(failure(() => headerFromText(text.replace("[0,2]", "[-0,2]")))).toBe("not-canonical")
    expect(failure(() => headerFromText(text.replace('"patch"', '"p\\u0061tch"')))).toBe(
      "not-canonical",
    )
    expect(failure(() => headerFromText(textWith({ op: "x" }).replace('"x"', '"\\ud800"')))).toBe(
      "lone-surrogate",
    )
    expect(failure(() => headerFromText(textWith({ op: "x" }).replace('"x"', '"\\u0000"')))).toBe(
      "nul-character",
    )
    expect(
      failure(() => headerFromText(textWith({ id: "x" }).replace('"x"', '"\\u0000"'))),
    ).toBeDefined()
    expect(
      failure(() => headerFromText(textWith({ zebra: 1 }).replace("zebra", "__proto__"))),
    ).toBeDefined()
  })

  it("is refused when it is too long, counted in bytes", () => {
    const fill = (bytes: number) => textWith({ zebra: "é".repeat(bytes / 2) })
    const room = headerBytesMax - Buffer.byteLength(fill(0))
    expect(failure(() => headerFromText(fill(room - (room % 2))))).toBeUndefined()
    expect(failure(() => headerFromText(fill(room + 2)))).toBe("too-long")
  })
})

describe("a body", () => {
  const body: Body = {
    kind: 1,
    actor: "ana@example.org",
    at: "2026-01-02T03:04:05Z",
    reason: "because\tof\nthis",
    fields: { "10": { b: 1, a: [] }, "9": null, "a/b": "é" },
    unset: ["x", "~/"],
    settles: "0".repeat(32),
    continues: { node, seq: 1, hash },
  }
  const written = {
    ...body,
    continues: [node, 1, hash],
  } as unknown as Body

  it("is written in canonical form and read back", () => {
    const text = bodyText(written)
    expect(bodyFromText(text)).toEqual(body)
    expect(bodyFromOwnText(text)).toEqual(body)
    expect(bodyFromText('{"actor":"","kind":1}')).toEqual({ actor: "", kind: 1 })
  })

  it("holds no raw tab or line feed, so that a line can be cut at them", () => {
    expect(bodyText(written)).not.toMatch(/[\t\n]/)
  })

  it("may hold members that only a newer writer knows", () => {
    expect(bodyFromText('{"actor":"","kind":1,"mood":{"a":1}}')).toEqual({ actor: "", kind: 1 })
  })

  it.each<readonly [string, { readonly [key: string]: Json | undefined }]>([
    ["no kind", { kind: undefined }],
    ["kind 0", { kind: 0 }],
    ["a fraction as kind", { kind: 1.5 }],
    ["no actor", { actor: undefined }],
    ["an actor that is no text", { actor: 1 }],
    ["a time that is no text", { at: 5 }],
    ["a reason that is null", { reason: null }],
    ["fields that are a list", { fields: [] }],
    ["fields that are null", { fields: null }],
    ["fields to clear that are no list", { unset: "x" }],
    ["a field to clear that is no name", { unset: [1] }],
    ["a settled conflict that is no text", { settles: 1 }],
    ["a continued log that is no reference", { continues: "x" }],
  ])("is refused with %s", (_, change) => {
    const value = { actor: "ana", kind: 1, ...change }
    const kept = Object.entries(value).filter(([, member]) => member !== undefined)
    const text = canonicalFromJson(Object.fromEntries(kept) as Json)
    expect(failure(() => bodyFromText(text))).toMatch(/^(body|header)-invalid$/)
  })

  it("is refused when it is no object, not canonical, or too long, counted in bytes", () => {
    expect(failure(() => bodyFromText("[]"))).toBe("body-invalid")
    expect(failure(() => bodyFromText('{"kind":1,"actor":""}'))).toBe("not-canonical")
    const fill = (bytes: number) => `{"actor":"${"é".repeat(bytes / 2)}","kind":1}`
    const room = bodyBytesMax - Buffer.byteLength(fill(0))
    expect(failure(() => bodyFromText(fill(room - (room % 2))))).toBeUndefined()
    expect(failure(() => bodyFromText(fill(room + 2)))).toBe("too-long")
  })
})

describe("lengths and names", () => {
  it("are counted in bytes and in code units", () => {
    expect(isLongerThan("é", 1)).toBe(true)
    expect(isLongerThan("é", 2)).toBe(false)
    expect(isLongerThan("\u{1f600}", 3)).toBe(true)
    expect(isLongerThan("\u{1f600}", 4)).toBe(false)
    expect(isName("a\u{1f600}", 3)).toBe(true)
    expect(isName("a\u{1f600}", 2)).toBe(false)
  })

  it("leave no room for half characters, U+0000 or nothing", () => {
    for (const wrong of ["", "\ud800", "a\u0000", 5, null, undefined]) {
      expect(isName(wrong, 10)).toBe(false)
    }
  })
})
