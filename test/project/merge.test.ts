/**
 * Merging: what it tells of what it did, and what its analysis tells beforehand.
 */
import { describe, expect, it } from "vitest"
import { ana, bo, codeOf, patch, put, remove, Workshop } from "./workshop.ts"

const start = ["a", "b", "c", "d"].map((id) => put(`token/${id}`, { value: 1 }))

/** Two replicas apart; gives the archive of the other one. */
const apart = async (workshop: Workshop) => {
  const mine = await workshop.project("mine")
  await mine.change(start, ana)
  const theirs = await workshop.replicaOf(mine, "theirs")
  await mine.change([patch("token/a", { value: 2 })], ana)
  await theirs.change(
    [patch("token/a", { value: 3 }), patch("token/b", { value: 3 }), remove("token/c")],
    bo,
  )
  await theirs.change([put("token/e", { value: 1 })], bo)
  const path = workshop.at("theirs.lamplog")
  await theirs.exportProject(path)
  return { mine, theirs, path }
}

describe("a merge", () => {
  it("counts what became new, changed, deleted and contested", async () => {
    const workshop = new Workshop()
    const { mine, path } = await apart(workshop)
    const summary = await mine.mergeProject(path)
    expect(summary).toMatchObject({
      success: true,
      itemCounts: { token: 4 },
      newItemsCount: 1,
      // Of the contested token the other side's value stands for now, as it is later in order.
      updatedItemsCount: (await mine.get("token", "a"))?.fields.value === 3 ? 2 : 1,
      deletedItemsCount: 1,
      conflictsCount: 1,
      events: 4,
      forks: [],
      resolutionStrategy: "lamport",
      digest: (await mine.status()).digest,
    })
    expect(await mine.mergeProject(path)).toMatchObject({
      newItemsCount: 0,
      updatedItemsCount: 0,
      deletedItemsCount: 0,
      conflictsCount: 0,
      events: 0,
    })
  })

  it("ends in the same state on both sides, whoever goes first", async () => {
    const workshop = new Workshop()
    const { mine, theirs, path } = await apart(workshop)
    await workshop.carry(mine, theirs)
    await mine.mergeProject(path)
    const [left, right] = [await mine.status(), await theirs.status()]
    expect(left.digest).toBe(right.digest)
    expect(left.frontier).toEqual(right.frontier)
    expect(await mine.conflicts()).toEqual(await theirs.conflicts())
  })

  it("counts a conflict once, and again only when it gained a candidate", async () => {
    const workshop = new Workshop()
    const { mine, theirs, path } = await apart(workshop)
    const third = await workshop.replicaOf(mine, "third")
    await mine.mergeProject(path)
    await theirs.change([patch("token/a", { description: "theirs" })], bo)
    expect(await workshop.carry(theirs, mine)).toMatchObject({
      updatedItemsCount: 1,
      conflictsCount: 0,
    })
    await third.change([patch("token/a", { value: 4 })], bo)
    expect(await workshop.carry(third, mine)).toMatchObject({ conflictsCount: 1 })
    expect(await mine.conflicts()).toHaveLength(1)
  })

  it("refuses what is no archive", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project()
    expect(await codeOf(mine.mergeProject(workshop.file("x.json", "{}")))).toBe("not-an-archive")
    expect(await codeOf(mine.mergeProject(workshop.at("none.lamplog")))).toBe("file-missing")
  })
})

describe("an analysis of a merge", () => {
  it("names what would change, and changes nothing", async () => {
    const workshop = new Workshop()
    const { mine, theirs, path } = await apart(workshop)
    const before = await workshop.traceOf(mine, "mine")
    const analysis = await mine.analyzeMerge(path)
    expect(await workshop.traceOf(mine, "mine")).toEqual(before)
    const theirsIsLater = (await theirs.status()).node > before.status.node
    expect(analysis).toMatchObject({
      newItems: ["token/e"],
      updatedItems: theirsIsLater ? ["token/a", "token/b"] : ["token/b"],
      deletedItems: ["token/c"],
      unchangedCount: theirsIsLater ? 1 : 2,
      hasConflicts: true,
      warnings: [],
    })
    expect(analysis.conflictedItems).toMatchObject([
      { type: "token", entity: "a", field: "value", base: 1, local: 2, imported: 3 },
    ])
    const kept = theirsIsLater ? "imported" : "local"
    expect(analysis.conflictedItems[0]?.recommendation).toMatch(
      new RegExp(`^keep ${kept}: it is the later one in order, by (ana|bo) `),
    )
  })

  it("recommends an edit beside a delete, since keeping it loses nothing", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project("mine")
    await mine.change(start, ana)
    const theirs = await workshop.replicaOf(mine, "theirs")
    await mine.change([remove("token/a")], ana)
    await theirs.change([patch("token/a", { value: 3 })], bo)
    const path = workshop.at("theirs.lamplog")
    await theirs.exportProject(path)
    const [item] = (await mine.analyzeMerge(path)).conflictedItems
    expect(item).toMatchObject({ entity: "a", field: "", imported: { value: 3 } })
    expect(item?.local).toBeUndefined()
    expect(item?.recommendation).toMatch(/^keep imported: it is an edit by bo/)
  })

  it("recommends a resolution over an edit that had not seen it", async () => {
    const workshop = new Workshop()
    const { mine, theirs, path } = await apart(workshop)
    const third = await workshop.replicaOf(mine, "third")
    await mine.mergeProject(path)
    const [conflict] = await mine.conflicts()
    await mine.resolve(conflict!.id, { value: 7 }, ana)
    await third.change([patch("token/a", { value: 8 })], { actor: "cy" })
    const later = workshop.at("third.lamplog")
    await third.exportProject(later)
    const items = (await mine.analyzeMerge(later)).conflictedItems
    expect(items.map(({ recommendation }) => recommendation)).toEqual([
      expect.stringMatching(/^keep local: it is a resolution by ana/),
    ])
    expect(await theirs.conflicts()).toEqual([])
  })

  it("recommends the side that changed something over the one that went back to the start", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project("mine")
    await mine.change([put("token/a", { value: 1 })], ana)
    const theirs = await workshop.replicaOf(mine, "theirs")
    await mine.change([patch("token/a", { value: 5 })], ana)
    await mine.change([patch("token/a", { value: 1 })], ana)
    await theirs.change([patch("token/a", { value: 2 })], bo)
    const path = workshop.at("theirs.lamplog")
    await theirs.exportProject(path)
    const [item] = (await mine.analyzeMerge(path)).conflictedItems
    expect(item).toMatchObject({ base: 1, local: 1, imported: 2 })
    expect(item?.recommendation).toMatch(/^keep imported: the other side has the value/)
  })

  it("recommends what refers to another entity over a plain value, and a value over none", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project("mine")
    const first = ["a", "b", "c"].map((id) => put(`token/${id}`, { value: 1, description: "d" }))
    await mine.change([...first, put("token/base", { value: 9 })], ana)
    const theirs = await workshop.replicaOf(mine, "theirs")
    await mine.change(
      [
        patch("token/a", { value: "{base}" }),
        patch("token/b", { "modes/dark": { value: 2 } }),
        patch("token/c", { description: "longer" }),
      ],
      ana,
    )
    await theirs.change(
      [
        patch("token/a", { value: 2 }),
        patch("token/b", { "modes/dark": { value: "{base}" } }),
        patch("token/c", {}, ["description"]),
      ],
      bo,
    )
    const path = workshop.at("theirs.lamplog")
    await theirs.exportProject(path)
    const items = (await mine.analyzeMerge(path)).conflictedItems
    expect(items.map(({ entity, recommendation }) => [entity, recommendation])).toEqual([
      ["a", "keep local: it refers to another entity, whose changes it then follows"],
      ["b", "keep imported: it refers to another entity, whose changes it then follows"],
      ["c", "keep local: the other side only clears it"],
    ])
  })

  it("warns of references that the merge would leave pointing at nothing", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project("mine")
    await mine.change([put("token/a", { value: 1 })], ana)
    const theirs = await workshop.replicaOf(mine, "theirs")
    await mine.change([put("token/b", { value: "{a}" })], ana)
    await theirs.change([remove("token/a")], bo)
    const path = workshop.at("theirs.lamplog")
    await theirs.exportProject(path)
    expect((await mine.analyzeMerge(path)).warnings).toEqual([
      "token/b points at token/a, which is deleted.",
    ])
  })

  it("warns of clocks that contradict what is proven, with node and amount", async () => {
    const workshop = new Workshop()
    const day = 86_400_000
    const mine = await workshop.project("mine", { clock: () => 2 * day })
    await mine.change([put("token/a", { value: 1 })], ana)
    const slow = await workshop.replicaOf(mine, "slow", { clock: () => 2 * day - 90_000 })
    await slow.change([patch("token/a", { value: 2 })], bo)
    await slow.change([patch("token/a", { value: 3 })], bo)
    const path = workshop.at("slow.lamplog")
    await slow.exportProject(path)
    const [{ node }, other] = [await slow.status(), (await mine.status()).node]
    expect((await mine.analyzeMerge(path)).warnings).toEqual([
      `clock skew: events of ${node} are dated up to 90.0 s before events of ${other} that they had seen`,
    ])
    await mine.mergeProject(path)
    expect((await mine.get("token", "a"))?.fields.value).toBe(3)
    expect((await mine.analyzeMerge(path)).warnings).toEqual([])
  })
})
