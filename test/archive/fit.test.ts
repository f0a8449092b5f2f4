/**
 * Nobody exports what a reader with the same limits refuses: each limit, at its very value.
 */
import { existsSync, readdirSync } from "node:fs"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { manifestPath, snapshotPath } from "../../src/archive/archive.ts"
import { limitsByProfile, limitsDefault } from "../../src/archive/limits.ts"
import type { ArchiveLimits } from "../../src/archive/limits.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { openArchive } from "../../src/archive/open.ts"
import { writeArchive } from "../../src/archive/write.ts"
import type { WriteArchiveOptions } from "../../src/archive/write.ts"
import { makeIdentity, recipientOfIdentity } from "../../src/seal/keys.ts"
import { Author } from "../../src/store/author.ts"
import type { Replica } from "../../src/store/replica.ts"
import { refusal, setToken, Stage } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

const seeded = (): Replica => {
  const ana = stage.replica("ana")
  const changes = Array.from({ length: 30 }, (_, index) => ({
    op: "put" as const,
    type: index % 3 === 0 ? "component" : "token",
    id: `e${index}`,
    fields: { description: `${index} ${"lorem ".repeat(index)}` },
  }))
  new Author(ana).write(changes, { actor: "ana" })
  return ana
}

type Countable = {
  readonly [name in keyof ArchiveLimits]: ArchiveLimits[name] extends number ? name : never
}[keyof ArchiveLimits]

/** The least value of each limit with which this replica can be exported. */
const leastLimits = async (replica: Replica): Promise<ReadonlyArray<[Countable, number]>> => {
  const { fileSize, manifest } = await stage.exported(replica)
  const names = [manifestPath, ...manifest.members.map(({ path }) => path)]
  const manifestBytes = Buffer.byteLength(manifestText(manifest))
  const sizes = manifest.members.map(({ size }) => size)
  return [
    ["archiveBytes", fileSize],
    ["members", names.length],
    ["directoryBytes", names.reduce((sum, name) => sum + 46 + name.length, 0)],
    ["manifestBytes", manifestBytes],
    ["segmentBytes", manifest.members.find(({ path }) => path.startsWith("logs/"))!.size],
    ["snapshotBytes", manifest.members.find(({ path }) => path === snapshotPath)!.size],
    ["totalBytes", sizes.reduce((sum, size) => sum + size, manifestBytes)],
    ["items", 20],
  ]
}

const opens = async (path: string, limits: ArchiveLimits): Promise<void> => {
  await Effect.runPromise(Effect.scoped(Effect.asVoid(openArchive(path, { limits }))))
}

const parts = (): ReadonlyArray<string> =>
  readdirSync(stage.folder).filter((name) => name.includes(".part"))

describe("an archive", () => {
  it("is written up to each limit, and read with it; one less refuses both, alike", async () => {
    const ana = seeded()
    for (const [name, least] of await leastLimits(ana)) {
      const path = stage.path()
      const at = { ...limitsDefault, [name]: least }
      const below = { ...limitsDefault, [name]: least - 1 }
      const refused = await refusal(Effect.runPromise(writeArchive(ana, path, { limits: below })))
      expect(refused, name).toMatchObject({ code: "limit-exceeded", stage: "archive" })
      expect(refused.message, name).toContain(`the limit ${name} is ${least - 1}`)
      expect(refused.remedy, name).toContain("--limits")
      expect(existsSync(path), name).toBe(false)
      await Effect.runPromise(writeArchive(ana, path, { limits: at }))
      await opens(path, at)
      expect(await refusal(opens(path, below)), name).toMatchObject({ code: "limit-exceeded" })
    }
    expect(parts()).toEqual([])
  })

  it("is held to the limits of single types", async () => {
    const ana = seeded()
    const limits = { ...limitsDefault, itemsByType: { component: 9 } }
    const refused = await refusal(stage.exported(ana, { limits }))
    expect(refused.message).toContain("items.component")
    await stage.exported(ana, { limits, select: { types: ["token"], closed: true } })
  })

  it("is held to the ratios of deflate, encrypted or not", async () => {
    const ana = stage.replica("ana")
    for (let index = 0; index < 20; index++) setToken(ana, `t${index}`, "x".repeat(1_000_000))
    const to = await recipientOfIdentity(await makeIdentity(), "here")
    const ways: ReadonlyArray<WriteArchiveOptions> = [{}, { encryptTo: [to] }]
    for (const how of ways) {
      const refused = await refusal(stage.exported(ana, how))
      expect(refused.message).toContain("the limit memberRatio is 200")
      expect(refused.where).toBe(snapshotPath)
      await stage.exported(ana, { ...how, limits: limitsByProfile.aggressive })
    }
    expect(parts()).toEqual([])
  })

  it("warns of limits that are nearly used up", async () => {
    const limits = { ...limitsDefault, items: 21 }
    const { warnings } = await stage.exported(seeded(), { limits })
    expect(warnings).toEqual([{ limit: "items", value: 20, most: 21 }])
  })
})
