/**
 * Frontiers and the lines that events travel in.
 */
import { describe, expect, it } from "vitest"
import { equalFrontiers, frontierFromJson } from "../../src/log/frontier.ts"
import { lineFromText, lineText } from "../../src/log/segment.ts"

const node = "c3mq5qo3spc7xmh47cnpdvfq4i"
const other = "tx2ochidwi6sssgg5ozi23efza"
const [hash, another] = ["a".repeat(64), "b".repeat(64)]

describe("frontiers", () => {
  it("are equal when they name the same logs with the same heads", () => {
    const one = { [node]: { seq: 1, hash }, [other]: { seq: 2, hash } }
    expect(equalFrontiers(one, { [other]: { seq: 2, hash }, [node]: { seq: 1, hash } })).toBe(true)
    expect(equalFrontiers({}, {})).toBe(true)
    expect(equalFrontiers(one, { [node]: { seq: 1, hash } })).toBe(false)
    expect(equalFrontiers({ [node]: { seq: 1, hash } }, one)).toBe(false)
    expect(equalFrontiers(one, { ...one, [other]: { seq: 2, hash: another } })).toBe(false)
    expect(equalFrontiers(one, { [node]: { seq: 1, hash }, x: { seq: 2, hash } })).toBe(false)
  })

  it("are read from JSON, branches too, and from nothing else", () => {
    const frontier = { [node]: { seq: 1, hash }, [`${node}-0123abcd`]: { seq: 3, hash } }
    expect(frontierFromJson(frontier)).toEqual(frontier)
    expect(frontierFromJson({})).toEqual({})
    for (const wrong of [
      undefined,
      null,
      [],
      "x",
      { ana: { seq: 1, hash } },
      { [node]: null },
      { [node]: [] },
      { [node]: { seq: 0, hash } },
      { [node]: { seq: 1.5, hash } },
      { [node]: { seq: 1, hash: "x" } },
      { [node]: { hash } },
      { [`${node}-xyz`]: { seq: 1, hash } },
    ]) {
      expect(frontierFromJson(wrong)).toBeUndefined()
    }
  })
})

describe("a line", () => {
  it("is cut into exactly the three texts it was made of", () => {
    const parts = { header: '{"a":"\\t"}', salt: "0", body: "é" }
    expect(lineText(parts.header, parts.salt, parts.body)).toBe('{"a":"\\t"}\t0\té\n')
    expect(lineFromText('{"a":"\\t"}\t0\té', "here")).toEqual(parts)
  })

  it("is refused with fewer or more than two tabs, naming the place", () => {
    for (const wrong of ["", "a", "a\tb", "a\tb\tc\td", "\t\t\t"]) {
      expect(() => lineFromText(wrong, "line 7")).toThrow("line 7")
    }
  })
})
