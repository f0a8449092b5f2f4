/**
 * Real token sets, release after release: each import makes the state what the files say.
 */
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { dtcg } from "../../adapters/tokens/index.ts"
import { ana, bo, Workshop } from "./workshop.ts"

const modules = join(import.meta.dirname, "../../node_modules")
const release = (version: string): string => join(modules, `spectrum-tokens-${version}`, "src")

describe("releases of a real design system", () => {
  it("follow one another, each by events for what differs", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { formats: [dtcg] })
    const pruning = { ...ana, prune: true }
    await project.importProject([release("12-22-1")], pruning)
    for (const version of ["12-23-3", "13-0-0-beta-46", "14-0-0"]) {
      const differences = await project.diff(release(version))
      const summary = await project.importProject([release(version)], pruning)
      expect(summary.events).toBe(differences.length)
      expect(await project.diff(release(version))).toEqual([])
    }
    const path = workshop.at("dtcg.json")
    await project.exportProject(path, { format: "dtcg" })
    expect(await project.diff(path)).toEqual([])
  })

  it("meet a team's own edits as conflicts where both changed one value", async () => {
    const workshop = new Workshop()
    const vendor = await workshop.project("vendor", { formats: [dtcg] })
    await vendor.importProject([release("12-22-1")], ana)
    const team = await workshop.replicaOf(vendor, "team", { formats: [dtcg] })
    await vendor.importProject([release("14-0-0")], { ...ana, prune: true })
    const changed = (await vendor.diff(release("12-22-1"))).filter(
      ({ change, type, fields }) => change === "changed" && type === "token" && fields.value,
    )
    expect(changed.length).toBeGreaterThan(10)
    const edits = changed.slice(0, 10).map(({ type, id }) => ({
      op: "patch" as const,
      type,
      id,
      fields: { value: "ours" },
    }))
    await team.change(edits, bo)
    const summary = await workshop.carry(vendor, team)
    expect(summary.conflictsCount).toBe(edits.length)
    const conflicts = await team.conflicts()
    expect(conflicts.map(({ entity }) => entity)).toEqual(edits.map(({ id }) => id).sort())
    await workshop.carry(team, vendor)
    expect((await vendor.status()).digest).toBe((await team.status()).digest)
  })
})
