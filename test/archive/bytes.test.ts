/**
 * The same state gives the same bytes, whoever exports it, when and where.
 */
import { readFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { contentOf, fileHash, setToken, Stage, taken } from "./stage.ts"
import { fill } from "./elsewhere.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

describe("two replicas at one frontier", () => {
  it("export byte-identical files, compressed or stored", async () => {
    const ana = stage.replica("ana")
    const bo = stage.replica("bo")
    fill(ana)
    await taken((await stage.exported(ana)).path, bo)
    for (let round = 0; round < 5; round++) {
      setToken(ana, `both ${round}`, `ana ${round}`)
      setToken(bo, `both ${round}`, `bo ${round}`)
      await taken((await stage.exported(bo)).path, ana)
      await taken((await stage.exported(ana)).path, bo)
    }
    const [one, two] = [await stage.exported(ana), await stage.exported(bo)]
    expect(one.exportHash).toBe(two.exportHash)
    expect(fileHash(one.path)).toBe(fileHash(two.path))
    const [three, four] = [
      await stage.exported(ana, { store: true }),
      await stage.exported(bo, { store: true }),
    ]
    expect(fileHash(three.path)).toBe(fileHash(four.path))
    expect(three.exportHash).toBe(one.exportHash)
  })

  it("export the same file again and again, and are not changed by it", async () => {
    const ana = stage.replica("ana")
    fill(ana)
    const first = await stage.exported(ana)
    const before = contentOf(ana)
    const second = await stage.exported(ana)
    expect(fileHash(second.path)).toBe(fileHash(first.path))
    expect(contentOf(ana)).toBe(before)
  })
})

describe("an archive's zip", () => {
  it("tells nothing of the exporter: no times, no names, no extra fields", async () => {
    const ana = stage.replica("ana")
    fill(ana)
    const { path, manifest } = await stage.exported(ana, { store: true })
    const bytes = readFileSync(path)
    const count = manifest.members.length + 1
    let offset = bytes.readUInt32LE(bytes.length - 6)
    for (let member = 0; member < count; member++) {
      expect(bytes.readUInt32LE(offset)).toBe(0x02014b50)
      // Midnight of 1 January 1980, the first day a zip can name.
      expect(bytes.readUInt32LE(offset + 12)).toBe(0x00210000)
      expect(bytes.readUInt32LE(offset + 38)).toBe((0o100644 << 16) >>> 0)
      const [name, extra, comment] = [28, 30, 32].map((at) => bytes.readUInt16LE(offset + at))
      expect([extra, comment]).toEqual([0, 0])
      offset += 46 + name!
    }
    expect(offset).toBe(bytes.length - 22)
    expect(bytes.includes(stage.folder)).toBe(false)
  })
})
