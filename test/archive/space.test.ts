/**
 * What does not fit on a disk is refused before it is begun, with what it needs and what there is.
 */
import { mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Plan } from "../../src/archive/plan.ts"
import type { Archive } from "../../src/archive/read.ts"
import {
  requireSpace,
  requireSpaceToReplay,
  requireSpaceToTake,
  requireSpaceToWrite,
} from "../../src/archive/space.ts"
import { refusal } from "./stage.ts"

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "lamplog-space-"))))
afterEach(() => rmSync(folder, { recursive: true }))

/** More than there is, and what will still be free when other processes have written a little. */
const beyondFree = (): number => {
  const { bfree, bsize } = statfsSync(folder)
  return 2 * bfree * bsize
}

const refused = (run: () => void | Promise<void>) => refusal((async () => await run())())

/** A plan of members that are nothing but long. */
const planOf = (size: number, path: string, start: Buffer, events = 0): Plan => {
  const member = { path, sha256: "", size, bytes: () => [start] }
  return { manifest: { events }, members: [member] } as unknown as Plan
}

const png = Buffer.from("\u0089PNG\r\n\u001a\nand so on", "latin1")
const text = Buffer.from("text that may be all alike")

describe("room on a disk", () => {
  it("is told with what is needed when it is not there", async () => {
    const bytes = beyondFree()
    const error = await refused(() => requireSpace(folder, bytes, "The archive"))
    expect(error).toMatchObject({ code: "disk-full", where: folder })
    expect(error.stage).toBeUndefined()
    expect(error.message).toContain(`The archive needs ${bytes.toLocaleString("en-US")} bytes`)
    expect(error.message).toMatch(/ [\d,]+ are free\.$/)
    expect(error.message).toContain(folder)
  })

  it("is that of the nearest folder for one that is yet to be made", async () => {
    const inside = join(folder, "not", "yet")
    requireSpace(inside, 1, "The archive")
    const error = await refused(() => requireSpace(inside, beyondFree(), "The archive"))
    expect(error).toMatchObject({ code: "disk-full", where: inside })
  })

  it("has to be twice what an archive holds before it is taken in", async () => {
    const { bfree, bsize } = statfsSync(folder)
    const holding = (size: number): Archive =>
      ({ path: "/x/a.lamplog", manifest: { members: [{ size }, { size }] } }) as unknown as Archive
    requireSpaceToTake(holding((bfree * bsize) / 5), folder)
    const much = holding((bfree * bsize) / 3)
    const error = await refused(() => requireSpaceToTake(much, folder))
    expect(error).toMatchObject({ code: "disk-full" })
    expect(error.message).toContain("Taking in a.lamplog")
  })
})

describe("a replay", () => {
  it("needs room for the events, not for the assets beside them", async () => {
    const holding = (name: string): Archive =>
      ({
        path: "/x/a.lamplog",
        manifest: { members: [{ path: name, size: beyondFree() }] },
      }) as unknown as Archive
    requireSpaceToReplay(holding("assets/00/00"), folder)
    const events = holding("logs/node/0000000001.events")
    const error = await refused(() => requireSpaceToReplay(events, folder))
    expect(error).toMatchObject({ code: "disk-full", where: folder })
    expect(error.message).toContain("Replaying a.lamplog")
  })
})

describe("an export", () => {
  const path = () => join(folder, "a.lamplog")
  const assets = "assets/00/00"

  it("is refused when its pictures alone do not fit", async () => {
    const plan = planOf(beyondFree(), assets, png)
    expect(await refused(() => requireSpaceToWrite(path(), plan, false))).toMatchObject({
      code: "disk-full",
      where: folder,
    })
  })

  it("is not refused for text that might fit compressed, but for the same text as it is", async () => {
    for (const name of [assets, "logs/node/0000000001.events"]) {
      const plan = planOf(beyondFree(), name, text)
      await requireSpaceToWrite(path(), plan, false)
      expect(await refused(() => requireSpaceToWrite(path(), plan, true))).toMatchObject({
        code: "disk-full",
      })
    }
  })

  it("is refused for as many events as no compression makes small enough", async () => {
    const size = beyondFree()
    const plan = planOf(size, "logs/node/0000000001.events", text, size / 48)
    expect(await refused(() => requireSpaceToWrite(path(), plan, false))).toMatchObject({
      code: "disk-full",
    })
  })
})
