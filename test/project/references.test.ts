/**
 * What an import or merge may leave behind: references into nothing, and circles of them.
 */
import { describe, expect, it } from "vitest"
import { ana, bo, codeOf, listText, patch, put, remove, Workshop } from "./workshop.ts"

const circle = {
  "token/a": { value: "{b}" },
  "token/b": { modes: { dark: { value: { $ref: "#/a/$value" } }, light: { value: 1 } } },
}

describe("a circle of references", () => {
  it("is refused when files say what the state should be, and nothing is changed", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.change([put("token/a", { value: 1 })], bo)
    const path = workshop.file("circle.json", listText(circle))
    const before = await workshop.traceOf(project)
    const replacing = { ...ana, strategy: "replace" as const }
    const error = await project.importProject([path], replacing).catch((one: unknown) => one)
    expect(error).toMatchObject({
      stage: "referential",
      code: "reference-cycle",
      where: "token/a value",
    })
    const analysis = await project.analyzeImport([path], replacing)
    expect(analysis.errors).toMatchObject([{ code: "reference-cycle" }])
    expect(await workshop.traceOf(project)).toEqual(before)
    const allowed = await project.importProject([path], { ...replacing, allowDangling: true })
    expect(allowed.warnings).toMatchObject([{ code: "reference-cycle" }])
  })

  it("is a warning when files are merged, with all who take part", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.file("circle.json", listText(circle))
    const { warnings, events } = await project.importProject([path], ana)
    expect(events).toBe(2)
    expect(warnings.map(({ message }) => message)).toEqual([
      "token/a leads back to itself: token/a → token/b (dark) → token/a.",
    ])
  })

  it("is found where two people made one half each, and by the full check ever after", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project("mine")
    await mine.change([put("theme/a", {}), put("theme/b", {}), put("token/c", { value: 1 })], ana)
    const theirs = await workshop.replicaOf(mine, "theirs")
    await mine.change([patch("theme/a", { extends: "b" })], ana)
    await theirs.change([patch("theme/b", { extends: "a" })], bo)
    const path = workshop.at("theirs.lamplog")
    await theirs.exportProject(path)
    const message = "theme/a leads back to itself: theme/a → theme/b → theme/a."
    expect((await mine.analyzeMerge(path)).warnings).toEqual([message])
    await mine.mergeProject(path)
    const { ok, findings } = await mine.verify()
    expect(ok).toBe(true)
    expect(findings.filter(({ code }) => code === "reference-cycle")).toMatchObject([{ message }])
  })

  it("that was there before and was not touched is nobody's doing", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    await project.importProject([workshop.file("circle.json", listText(circle))], ana)
    const other = workshop.file("other.json", listText({ "token/c": { value: "{a}" } }))
    expect((await project.importProject([other], ana)).warnings).toEqual([])
    const touching = workshop.file("b.json", listText({ "token/b": { value: "{a} {c}" } }))
    expect((await project.importProject([touching], ana)).warnings).toHaveLength(1)
  })
})

describe("a reference into nothing", () => {
  it("names both its ends, in every form, and is refused where files replace the state", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const path = workshop.file(
      "dangling.json",
      listText({
        "token/a": { modes: { dark: { value: [{ x: { $ref: "#/no/1/$value/0" } }] } } },
        "token/b": { value: "calc({no.2.value} * 2)" },
      }),
    )
    const replacing = { ...ana, strategy: "replace" as const }
    expect(await codeOf(project.importProject([path], replacing))).toBe("reference-dangling")
    const { warnings } = await project.importProject([path], ana)
    expect(warnings.map(({ where, message }) => [where, message])).toEqual([
      ["token/a modes/dark", "token/a points at token/no.1, which does not exist."],
      ["token/b value", "token/b points at token/no.2, which does not exist."],
    ])
  })

  it("is found when its target is deleted under the name that it was written with", async () => {
    const workshop = new Workshop()
    const mine = await workshop.project("mine")
    const value = "{size.value}"
    await mine.change([put("token/size.value", { value: 1 }), put("token/a", { value })], ana)
    const theirs = await workshop.replicaOf(mine, "theirs")
    await theirs.change([remove("token/size.value")], bo)
    const path = workshop.at("theirs.lamplog")
    await theirs.exportProject(path)
    expect((await mine.analyzeMerge(path)).warnings).toEqual([
      "token/a points at token/size.value, which is deleted.",
    ])
  })
})
