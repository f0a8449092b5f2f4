/**
 * The form of messages: one text for each, and no more of it than may be parsed.
 */
import { describe, expect, it } from "vitest"
import { bytesFromJson, jsonFromBytes } from "../../../adapters/http/json.ts"

const read = (text: string): unknown => jsonFromBytes(Buffer.from(text))

describe("messages", () => {
  it("are sorted when they are written, and only then read", () => {
    const text = '{"10":0,"9":{"a":[null,true,"\\"[,"],"b":1}}'
    const value = { 9: { b: 1, a: [null, true, '"[,'] }, 10: 0 }
    expect(bytesFromJson(value).toString()).toBe(text)
    expect(read(text)).toEqual(value)
  })

  it.each([
    '{"b":1,"a":1}',
    '{"a":1,"a":1}',
    " 1",
    "1 ",
    "1.0",
    "-0",
    '"\\u0041"',
    "\ufeff1",
    "1,",
    "",
  ])("are not read as %j", (text) => {
    expect(read(text)).toBeUndefined()
  })

  it("are neither deep nor of too many parts, and brackets in texts do not count", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
    expect(read(nested(16))).toBeDefined()
    expect(read(nested(17))).toBeUndefined()
    expect(read(JSON.stringify(nested(1000)))).toBeDefined()
    const list = (length: number) => `[${Array.from({ length }, () => 0).join()}]`
    expect(read(list(400_000))).toHaveLength(400_000)
    expect(read(list(400_001))).toBeUndefined()
  })
})
