/**
 * Names that mean something else to another system, or the same as another name, are refused.
 */
import { describe, expect, it } from "vitest"
import { judged, verdictOn } from "./gate-bytes.ts"
import { stored, zipBytes } from "./hostile/zip-bytes.ts"

const content = Buffer.from("content")
const zipOf = (...names: ReadonlyArray<Buffer | string>): Buffer =>
  zipBytes(names.map((name) => stored("", content, { name: Buffer.from(name) })))

const bytes = (count: number): string => "n".repeat(count)
const deep = (segments: number): string => Array.from({ length: segments }, () => "d").join("/")

describe("a name", () => {
  it.each([
    "a",
    "manifest.json",
    `logs/${bytes(26)}-0123456789abcdef/0000000001.events`,
    `assets/ab/${bytes(64)}`,
    "_under/score-and.dots..txt",
    "console/company/auxiliary/nullable/com10",
    `${bytes(200)}/${bytes(39)}`,
    deep(8),
  ])("is taken: %s", async (name) => {
    expect(await verdictOn(zipOf("first", name))).toBe("taken")
  })

  it.each([
    ["none", ""],
    ["one above it", "../a"],
    ["one above it, inside", "a/../b"],
    ["this folder", "./a"],
    ["from the root", "/a"],
    ["of a folder", "a/"],
    ["with an empty part", "a//b"],
    ["of Windows", "a\\b"],
    ["with a drive", "C:a"],
    ["with a stream", "a:b"],
    ["that is hidden", ".git"],
    ["that looks like an option", "-rf"],
    ["with a blank", "a b"],
    ["with a NUL", "a\0b"],
    ["with a control character", "a\u001b[31mb"],
    ["with a line feed at its end", "a\n"],
    ["beyond ASCII", "ä"],
    ["with a right-to-left mark", "a\u202eb"],
    ["that is no text", Buffer.of(0x61, 0xff)],
    ["with a dot at its end", "a/b."],
    ["with a dot at the end of a folder", "a./b"],
    ["that is a device", "NUL"],
    ["that is a device with an ending", "a/com1.txt"],
    ["of prototypes", "__proto__"],
    ["of prototypes, inside", "a/constructor/b"],
    ["with a part that is too long", bytes(201)],
    ["that is too long", `${bytes(200)}/${bytes(40)}`],
    ["that lies too deep", deep(9)],
  ])("is refused: %s", async (_, name) => {
    expect(await verdictOn(zipOf("first", name))).toBe("archive zip-name")
  })

  it("is shown without what could harm a terminal, and cut", async () => {
    const file = zipOf("first", `\u001b[31m${bytes(5000)}`)
    const error: unknown = await judged(file).catch((reason: unknown) => reason)
    const { message } = error as Error
    expect(message).toMatch(/^\\u001b\[31mn+ has a name of more than 240 bytes\.$/)
    expect(message.length).toBeLessThan(300)
  })
})

describe("two names", () => {
  it.each<[string, ReadonlyArray<string>]>([
    ["the same", ["a/b", "c", "a/b"]],
    ["the same but for capital letters", ["a/b", "A/B"]],
    ["a file and then its folder", ["a/b", "a/b/c"]],
    ["a folder and then its file", ["a/b/c", "a/b"]],
    ["a folder far above, in capital letters", ["a/b/c/d", "A"]],
    ["a file far above", ["A", "x/y", "a/b/c/d"]],
  ])("are refused: %s", async (_, names) => {
    expect(await verdictOn(zipOf(...names))).toBe("archive zip-name")
  })

  it("are taken side by side", async () => {
    expect(await verdictOn(zipOf("a/b/c", "a/b/d", "a/e", "ab", "a-b/c", "b/a/b"))).toBe("taken")
  })
})
