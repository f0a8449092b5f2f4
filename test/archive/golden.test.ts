/**
 * The bytes of an archive, held against a file that no change of code may change.
 */
import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { inspectArchive } from "../../src/archive/inspect.ts"
import { openConflicts } from "../../src/store/query.ts"
import { codesOf, Stage, taken, verified } from "./stage.ts"
import {
  goldenExtractPath,
  goldenLaterPath,
  goldenPath,
  goldenReplica,
  goldenSchemas,
  smallArchives,
} from "./small.ts"

/** SHA-256 of manifest.json in the golden file, and the digest of the state it holds. */
const exportHash = "7ea340b6e570ee7823bd3252668abc23c68ebc4086bddf510744cf208fd59865"
const digest = "be1cd051ad38ced80509b92895103e49ac1f353c909ed0e9cc646720f46a7295"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

describe("the golden archive", () => {
  it("is written again, byte for byte, and so are an extract and what came last", async () => {
    const paths = { complete: stage.path(), extract: stage.path(), later: stage.path() }
    const { complete } = await smallArchives(stage, paths)
    expect(complete.exportHash).toBe(exportHash)
    const golden = { complete: goldenPath, extract: goldenExtractPath, later: goldenLaterPath }
    for (const kind of ["complete", "extract", "later"] as const) {
      expect(readFileSync(paths[kind]).equals(readFileSync(golden[kind])), kind).toBe(true)
    }
  })

  it("is read as what it was", async () => {
    const inspected = await Effect.runPromise(inspectArchive(goldenPath))
    expect(inspected.exportHash).toBe(exportHash)
    expect(inspected.manifest).toMatchObject({
      version: 1,
      itemCounts: { token: 5 },
      events: 12,
      entities: 6,
      conflicts: 1,
      digest,
    })
    const cy = goldenReplica(stage, "cy")
    await taken(goldenPath, cy)
    expect(cy.digest()).toBe(digest)
    expect(openConflicts(cy)).toMatchObject([{ type: "token", entity: "size", field: "value" }])
  })

  it("verifies, but for the forked log that nobody signed", async () => {
    const { ok, findings } = await verified(goldenPath, goldenSchemas())
    expect(ok).toBe(true)
    expect(new Set(codesOf(findings))).toEqual(new Set(["warning head-unsigned"]))
  })

  it("has an extract and a later part that are read as what they were", async () => {
    const extract = await Effect.runPromise(inspectArchive(goldenExtractPath))
    expect(extract.manifest).toMatchObject({ itemCounts: { token: 2 }, events: 0, digest })
    expect(await verified(goldenExtractPath, goldenSchemas())).toMatchObject({ ok: true })
    const later = await Effect.runPromise(inspectArchive(goldenLaterPath))
    expect(later.manifest).toMatchObject({ events: 3, digest })
    expect(Object.keys(later.manifest.prerequisites)).toHaveLength(2)
    expect(await verified(goldenLaterPath, goldenSchemas())).toMatchObject({ ok: true })
  })
})
