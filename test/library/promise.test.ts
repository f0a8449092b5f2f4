/**
 * The promise door: what a caller without Effect gets to see, and when things are given back.
 */
import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { LamplogError, openProject, SchemaRegistry } from "../../src/index.ts"
import * as lamplog from "../../src/index.ts"
import { ana, codeOf, collect, makeFolder, put, Workshop } from "../project/workshop.ts"

describe("opening a project", () => {
  it("fails at once where there is none", async () => {
    const folder = makeFolder()
    const opening = openProject({ directory: folder, stateDirectory: folder })
    const failure = await opening.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LamplogError)
    expect(failure).toMatchObject({ code: "no-project" })
  })

  it("takes the project's folder or the one inside it", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const inner = await openProject({ ...workshop.options, directory: workshop.at("a/.lamplog") })
    expect((await inner.status()).project).toBe((await project.status()).project)
    await inner.close()
  })

  it("refuses a second project in the same folder, and a schema it does not know", async () => {
    const workshop = new Workshop()
    await workshop.project()
    expect(await codeOf(workshop.project())).toBe("project-exists")
    const options = { ...workshop.options, directory: workshop.at("x"), schema: "weather" }
    const failure = await lamplog.initProject(options).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: "schema-unknown", stage: "schema" })
    expect(readdirSync(workshop.folder)).not.toContain("x")
  })

  it("works with a schema of the caller's own", async () => {
    const workshop = new Workshop()
    const schemas = new SchemaRegistry().register({
      name: "weather",
      version: 3,
      open: false,
      types: { station: { version: 1, fields: { readings: { kind: "map" } } } },
    })
    const options = { ...workshop.options, schemas, directory: workshop.at("w"), schema: "weather" }
    const project = await lamplog.initProject(options)
    await project.change([put("station/north", { readings: { monday: 3 } })], ana)
    expect(await project.status()).toMatchObject({
      schema: { name: "weather", version: 3 },
      entities: { station: 1 },
    })
    expect(await codeOf(project.change([put("token/a", {})], ana))).toBe("type-unknown")
    await project.close()
  })
})

describe("closing a project", () => {
  it("ends what is under way without a trace of it, and may be done twice", async () => {
    const workshop = new Workshop()
    const source = await workshop.project("source")
    const changes = Array.from({ length: 3000 }, (_, index) => put(`token/${index}`, { value: 1 }))
    await source.change(changes, ana)
    await source.exportProject(workshop.at("source.lamplog"))
    const project = await workshop.project("target")
    const reached = Promise.withResolvers<void>()
    const importing = project.importProject([workshop.at("source.lamplog")], {
      ...ana,
      onProgress: () => reached.resolve(),
    })
    const outcome = importing.then(
      () => "done",
      () => "ended",
    )
    await reached.promise
    await project.close()
    await project.close()
    expect(await outcome).toBe("ended")
    const again = await openProject({ ...workshop.options, directory: workshop.at("target") })
    expect((await again.status()).events).toBe(0)
    await again.close()
  })

  it("leaves an iteration that was begun with a failure, not with silence", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const changes = Array.from({ length: 1200 }, (_, index) => put(`token/${index}`, { value: 1 }))
    await project.change(changes, ana)
    await project.close()
    await expect(collect(project.list())).rejects.toThrow()
    await expect(project.status()).rejects.toThrow()
  })
})

describe("an iteration that is left early", () => {
  it("gives the project back", async () => {
    const project = await new Workshop().project()
    const changes = Array.from({ length: 1200 }, (_, index) => put(`token/${index}`, { value: 1 }))
    await project.change(changes, ana)
    for await (const { id } of project.list()) {
      expect(id).toBe("0")
      break
    }
    expect(await project.change([put("token/more", { value: 1 })], ana)).toMatchObject({
      events: 1,
    })
  })

  it("ends with the signal's reason when it is aborted half-way", async () => {
    const project = await new Workshop().project()
    const changes = Array.from({ length: 1200 }, (_, index) => put(`token/${index}`, { value: 1 }))
    await project.change(changes, ana)
    const controller = new AbortController()
    const reason = new Error("enough")
    let seen = 0
    const reading = (async () => {
      for await (const _ of project.log({}, { signal: controller.signal })) {
        if (++seen === 700) controller.abort(reason)
      }
    })()
    await expect(reading).rejects.toBe(reason)
    expect(seen).toBe(700)
  })
})

describe("the list of what is exported", () => {
  it("is short, and names nothing of Effect", () => {
    const text = readFileSync(join(import.meta.dirname, "../../src/index.ts"), "utf8")
    expect(text.trimEnd().split("\n").length).toBeLessThan(60)
    expect(Object.keys(lamplog).sort()).toEqual([
      "LamplogError",
      "SchemaRegistry",
      "analyzeClone",
      "assetsFromArchive",
      "assetsFromRemote",
      "builtInSchemas",
      "cloneProject",
      "initProject",
      "inspectArchive",
      "joinProject",
      "limitsByProfile",
      "makeIdentity",
      "makeSigningKey",
      "openProject",
      "pemFromSigningKey",
      "recipientOfIdentity",
      "restoreProject",
      "signingKeyFromPem",
      "verifyArchive",
    ])
  })
})
