/**
 * Lines out of bytes, however the bytes are cut.
 */
import { describe, expect, it } from "vitest"
import { LineSplitter } from "../../src/archive/splitter.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { Random } from "../simulation/random.ts"

const split = (chunks: ReadonlyArray<Buffer>, bytesMax?: number): ReadonlyArray<string> => {
  const splitter = new LineSplitter("m", bytesMax)
  const lines = chunks.flatMap((chunk) => splitter.push(chunk))
  splitter.end()
  return lines
}

const refused = (chunks: ReadonlyArray<Buffer>, bytesMax?: number): LamplogError => {
  try {
    split(chunks, bytesMax)
  } catch (error) {
    if (error instanceof LamplogError) return error
    throw error
  }
  throw new Error("it was taken")
}

describe("lines", () => {
  it("are the same wherever chunks are cut, even inside a character", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed)
      const lines = Array.from({ length: random.below(8) }, () =>
        Array.from({ length: random.below(12) }, () =>
          random.pick(["a", "ß", "€", "🔘", "\t", "\r"]),
        ).join(""),
      )
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""))
      const chunks: Array<Buffer> = []
      for (let at = 0; at < bytes.length;) {
        const end = at + random.between(1, 9)
        chunks.push(bytes.subarray(at, end))
        at = end
      }
      expect(split(chunks), `seed ${seed}`).toEqual(lines)
    }
  })

  it("must end with a line feed", () => {
    expect(refused([Buffer.from("a\nb")])).toMatchObject({ code: "line-cut", where: "m line 2" })
  })

  it("longer than the limit are refused before they are whole", () => {
    const chunk = Buffer.alloc(6, "x")
    expect(split([Buffer.from("12345678\n1\n")], 8)).toEqual(["12345678", "1"])
    expect(refused([Buffer.from("a\n"), chunk, chunk, chunk], 8)).toMatchObject({
      code: "line-too-long",
      where: "m line 2",
    })
    expect(refused([chunk, Buffer.from("abc\n")], 8)).toMatchObject({ code: "line-too-long" })
  })

  it("that are not UTF-8 are named", () => {
    const bad = Buffer.concat([Buffer.from("a\nb\nc"), Buffer.of(0xff, 0x0a), Buffer.from("d\n")])
    expect(refused([Buffer.from("x\n"), bad])).toMatchObject({
      code: "not-utf8",
      where: "m line 4",
    })
  })

  it("keep a byte order mark, which no canonical text begins with", () => {
    expect(split([Buffer.from("\ufeff{}\n")])).toEqual(["\ufeff{}"])
  })
})
