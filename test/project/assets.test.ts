/**
 * Assets of a project: files become entities and bytes, travel with archives, and come back byte for
 * byte or not at all.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { limitsByProfile } from "../../src/archive/limits.ts"
import { assetsFromArchive, cloneProject, inspectArchive } from "../../src/index.ts"
import type { AssetContent, AssetSource, OpenProject } from "../../src/index.ts"
import { sha256 } from "../../src/event/hash.ts"
import { holdLock } from "./holder.ts"
import { ana, bo, codeOf, collect, patch, put, remove, Workshop } from "./workshop.ts"

const svg = (colour: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg"><path fill="${colour}"/></svg>`

const textOf = async ({ stream }: AssetContent): Promise<string> =>
  Buffer.concat(await collect(stream)).toString()

/** The contents a project holds, by their hashes. */
const heldIn = (shop: Workshop, name = "a"): ReadonlyArray<string> => {
  const folder = join(shop.at(name), ".lamplog", "assets")
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((prefix) => prefix !== ".incoming")
    .flatMap((prefix) => readdirSync(join(folder, prefix)))
    .sort()
}

const pathIn = (shop: Workshop, hash: string, name = "a"): string =>
  join(shop.at(name), ".lamplog", "assets", hash.slice(0, 2), hash)

const waitingIn = (shop: Workshop, name = "a"): ReadonlyArray<string> =>
  readdirSync(join(shop.at(name), ".lamplog", "assets", ".incoming"))

const eventsOf = async (project: OpenProject): Promise<number> => (await project.status()).events

describe("adding an asset", () => {
  it("makes an entity that names its bytes, and gives them back", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const file = shop.file("Arrow left.svg", svg("red"))
    const added = await project.addAsset({ content: file, licence: "MIT", tags: ["icon"] }, ana)
    const hash = sha256(svg("red"))
    const bytes = svg("red").length
    expect(added).toEqual({
      id: "Arrow-left",
      sha256: hash,
      bytes,
      mediaType: "image/svg+xml",
      stored: true,
      events: 1,
      lamport: 1,
    })
    expect((await project.get("asset", "Arrow-left"))?.fields).toEqual({
      name: "Arrow left.svg",
      mediaType: "image/svg+xml",
      licence: "MIT",
      sha256: hash,
      bytes,
      tags: ["icon"],
    })
    const content = await project.getAsset("Arrow-left")
    expect([content.asset?.present, content.bytes, content.fetchedFrom]).toEqual([
      true,
      bytes,
      undefined,
    ])
    expect(await textOf(content)).toBe(svg("red"))
    expect(await textOf(await project.getAsset(hash))).toBe(svg("red"))
    expect((await project.verify()).findings).toEqual([])
  })

  it("writes nothing for what is there already, under whatever path", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const first = shop.file("one/home.svg", svg("red"))
    const again = shop.file("two/home.svg", svg("red"))
    await project.addAsset({ content: first }, ana)
    const added = await project.addAsset({ content: again }, bo)
    expect([added.id, added.stored, added.events]).toEqual(["home", false, 0])
    const tagged = await project.addAsset({ content: again, tags: ["nav"] }, bo)
    expect([tagged.id, tagged.events]).toEqual(["home", 1])
    expect((await project.get("asset", "home"))?.fields.tags).toEqual(["nav"])
    expect(heldIn(shop)).toEqual([sha256(svg("red"))])
  })

  it("keeps one copy of bytes that several assets name", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    await project.addAsset({ content: shop.file("a.svg", svg("red")) }, ana)
    await project.addAsset({ content: shop.file("b.svg", svg("red")) }, ana)
    expect((await collect(project.listAssets())).map(({ id }) => id)).toEqual(["a", "b"])
    expect(heldIn(shop)).toHaveLength(1)
  })

  it("finds a free id for other bytes under a known name; an id given expressly is replaced", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const add = async (colour: string, id?: string) => {
      const content = shop.file("home.svg", svg(colour))
      return (await project.addAsset({ content, ...(id === undefined ? {} : { id }) }, ana)).id
    }
    expect(await add("red")).toBe("home")
    expect(await add("green")).toBe("home-2")
    expect(await add("blue")).toBe("home-3")
    expect(await add("green")).toBe("home-2")
    expect(await add("black", "home")).toBe("home")
    expect(await textOf(await project.getAsset("home"))).toBe(svg("black"))
  })

  it("adds several files as one change, or none of them", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const files = ["a", "b", "c"].map((name) => ({
      content: shop.file(`${name}.svg`, svg(name)),
    }))
    const missing = [...files, { content: shop.at("nowhere.svg") }]
    expect(await codeOf(project.addAssets(missing, ana))).toBe("file-missing")
    expect([heldIn(shop), waitingIn(shop), await eventsOf(project)]).toEqual([[], [], 0])
    const added = await project.addAssets([...files, ...files], ana)
    expect(added.assets.map(({ id }) => id)).toEqual(["a", "b", "c", "a", "b", "c"])
    expect([added.events, heldIn(shop).length]).toEqual([3, 3])
  })

  it("takes streams, and refuses those that it cannot name", async () => {
    const project = await new Workshop().project()
    async function* stream() {
      yield Buffer.from("%PDF-")
      yield Buffer.from("1.7")
    }
    expect(await codeOf(project.addAsset({ content: stream() }, ana))).toBe("asset-unnamed")
    const added = await project.addAsset({ content: stream(), id: "brand/guide" }, ana)
    expect([added.id, added.mediaType]).toEqual(["brand/guide", "application/pdf"])
    expect((await project.get("asset", "brand/guide"))?.fields).not.toHaveProperty("name")
  })

  it("refuses ids, media types and sizes that nobody could use", async () => {
    const shop = new Workshop()
    const limits = { ...limitsByProfile.balanced, assetBytes: 10 }
    const project = await shop.project("a", { limits })
    const content = shop.file("a.txt", "0123456789")
    expect(await codeOf(project.addAsset({ content, id: "" }, ana))).toBe("asset-id")
    expect(await codeOf(project.addAsset({ content, mediaType: "text" }, ana))).toBe("media-type")
    expect(await codeOf(project.addAsset({ content }, ana))).toBe("none")
    const larger = shop.file("b.txt", "0123456789+")
    expect(await codeOf(project.addAsset({ content: larger }, ana))).toBe("asset-too-large")
    expect(await codeOf(project.addAsset({ content: shop.folder }, ana))).toBe("not-a-file")
    expect(waitingIn(shop)).toEqual([])
  })

  it("takes the bytes away again when the event cannot be written", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const content = shop.file("a.svg", svg("red"))
    const tags = ["x".repeat(2 * 1024 * 1024)]
    const held = await project.addAsset({ content: shop.file("b.svg", svg("blue")) }, ana)
    const several = [{ content, tags }, { content: shop.file("c.svg", svg("blue")) }]
    expect(await codeOf(project.addAssets(several, ana))).not.toBe("none")
    expect(heldIn(shop)).toEqual([held.sha256])
    expect(waitingIn(shop)).toEqual([])
    expect(await eventsOf(project)).toBe(1)
  })

  it("rolls back when it is aborted while a stream comes in", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const stop = new AbortController()
    async function* endless() {
      for (let count = 0; ; count++) {
        if (count === 20) stop.abort(new Error("enough"))
        yield Buffer.alloc(65_536)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const adding = project.addAsset(
      { content: endless(), id: "a" },
      { ...ana, signal: stop.signal },
    )
    await expect(adding).rejects.toThrow("enough")
    expect([heldIn(shop), waitingIn(shop), await eventsOf(project)]).toEqual([[], [], 0])
  })
})

describe("assets and archives", () => {
  it("travel together: clone, merge and import bring the bytes", async () => {
    const shop = new Workshop()
    const a = await shop.project()
    await a.addAsset({ content: shop.file("home.svg", svg("red")) }, ana)
    const b = await shop.replicaOf(a)
    expect(await textOf(await b.getAsset("home"))).toBe(svg("red"))
    await b.addAsset({ content: shop.file("menu.svg", svg("green")) }, bo)
    await shop.carry(b, a)
    expect(await textOf(await a.getAsset("menu"))).toBe(svg("green"))
    const other = await shop.project("other")
    await a.exportProject(shop.at("a.lamplog"))
    await other.importProject([shop.at("a.lamplog")], ana)
    expect(await textOf(await other.getAsset("home"))).toBe(svg("red"))
    expect(heldIn(shop, "other")).toEqual(heldIn(shop))
  })

  it("give the same archive wherever they are held", async () => {
    const shop = new Workshop()
    const a = await shop.project()
    await a.addAsset({ content: shop.file("home.svg", svg("red")) }, ana)
    const b = await shop.replicaOf(a)
    await a.exportProject(shop.at("from-a.lamplog"))
    await b.exportProject(shop.at("from-b.lamplog"))
    const from = (name: string) => readFileSync(shop.at(`from-${name}.lamplog`))
    expect(from("b").equals(from("a"))).toBe(true)
  })

  it("carry what is named, all that is held, or nothing, as is asked", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const content = shop.file("home.svg", svg("red"))
    const old = await project.addAsset({ content }, ana)
    writeFileSync(content, svg("blue"))
    const now = await project.addAsset({ content, id: "home" }, ana)
    const carried = async (assets: "named" | "all" | "none") => {
      const path = shop.at(`${assets}.lamplog`)
      const { assetsMissing } = await project.exportProject(path, { assets })
      const { manifest } = await inspectArchive(path)
      const members = manifest.members.filter((member) => member.path.startsWith("assets/"))
      expect(members.map(({ path: at }) => at)).toEqual(
        members.map(({ sha256: hash }) => `assets/${hash.slice(0, 2)}/${hash}`),
      )
      return [assetsMissing, members.map((member) => member.sha256).sort()]
    }
    expect(await carried("named")).toEqual([0, [now.sha256]])
    expect(await carried("all")).toEqual([0, [now.sha256, old.sha256].sort()])
    expect(await carried("none")).toEqual([0, []])
    const bare = await shop.project("bare")
    await bare.importProject([shop.at("none.lamplog")], ana)
    expect(await codeOf(bare.getAsset("home"))).toBe("asset-absent")
    const directory = shop.at("whole")
    const whole = await cloneProject(shop.at("all.lamplog"), { ...shop.options, directory })
    await whole.close()
    expect(heldIn(shop, "whole")).toEqual([now.sha256, old.sha256].sort())
  })

  it("count what is absent, and go without it", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    await project.addAsset({ content: shop.file("a.svg", svg("red")) }, ana)
    const { sha256: hash } = await project.addAsset(
      { content: shop.file("b.svg", svg("blue")) },
      ana,
    )
    rmSync(pathIn(shop, hash))
    const summary = await project.exportProject(shop.at("a.lamplog"))
    expect([summary.success, summary.assetsMissing]).toEqual([true, 1])
    writeFileSync(pathIn(shop, hash), svg("green"))
    const damaged = await project.exportProject(shop.at("b.lamplog"))
    expect(damaged.assetsMissing).toBe(1)
  })

  it("carry both contents of a conflict about them", async () => {
    const shop = new Workshop()
    const a = await shop.project()
    const content = shop.file("home.svg", svg("red"))
    await a.addAsset({ content }, ana)
    const b = await shop.replicaOf(a)
    writeFileSync(content, svg("blue"))
    await a.addAsset({ content, id: "home" }, ana)
    writeFileSync(content, svg("green"))
    await b.addAsset({ content, id: "home" }, bo)
    await shop.carry(b, a)
    expect((await a.conflicts()).map(({ field }) => field).sort()).toEqual(["bytes", "sha256"])
    const c = await shop.replicaOf(a, "c")
    expect(heldIn(shop, "c")).toEqual([sha256(svg("blue")), sha256(svg("green"))].sort())
    expect(await c.sweepAssets()).toMatchObject({ removed: 0, kept: 2 })
  })

  it("carry in an incremental archive what its events touch, in an extract what was chosen", async () => {
    const shop = new Workshop()
    const a = await shop.project()
    const one = await a.addAsset({ content: shop.file("one.svg", svg("red")) }, ana)
    const two = await a.addAsset({ content: shop.file("two.svg", svg("green")) }, ana)
    const { frontier } = await a.status()
    await a.change([patch("asset/two", { licence: "MIT" })], ana)
    const three = await a.addAsset({ content: shop.file("three.svg", svg("blue")) }, ana)
    const carried = async (path: string) =>
      (await inspectArchive(path)).manifest.members
        .filter((member) => member.path.startsWith("assets/"))
        .map((member) => member.sha256)
    await a.exportProject(shop.at("later.lamplog"), { since: frontier })
    expect(await carried(shop.at("later.lamplog"))).toEqual([two.sha256, three.sha256].sort())
    await a.change([put("component/button", { assets: ["one"] })], ana)
    const select = { entities: ["component/button"] }
    await a.exportProject(shop.at("button.lamplog"), { select })
    expect(await carried(shop.at("button.lamplog"))).toEqual([one.sha256])
    const other = await shop.project("other")
    await other.importProject([shop.at("button.lamplog")], ana)
    expect(heldIn(shop, "other")).toEqual([one.sha256])
  })

  it("leave no trace of a dry run, nor of an import or merge that fails at the end", async () => {
    const shop = new Workshop()
    const a = await shop.project()
    await a.addAsset({ content: shop.file("home.svg", svg("red")) }, ana)
    await a.change([put("component/button", { assets: ["home", "gone"] })], ana)
    const path = shop.at("a.lamplog")
    await a.exportProject(path)
    const other = await shop.project("other")
    await other.change([put("token/x", { value: "1" })], ana)
    const before = await shop.traceOf(other, "other")
    const folder = join(shop.at("other"), ".lamplog")
    const names = readdirSync(folder)
    expect((await other.analyzeImport([path], ana)).isValid).toBe(true)
    expect(readdirSync(folder)).toEqual(names)
    // The reference into nothing is found only after everything was taken.
    const replace = { ...ana, strategy: "replace" as const }
    expect(await codeOf(other.importProject([path], replace))).toBe("reference-dangling")
    expect(heldIn(shop, "other")).toEqual([])
    expect(await shop.traceOf(other, "other")).toEqual(before)
    expect((await other.importProject([path], ana)).warnings.map(({ code }) => code)).toContain(
      "reference-dangling",
    )
    expect(heldIn(shop, "other")).toHaveLength(1)
  })

  it("keep what was held before an import that fails", async () => {
    const shop = new Workshop()
    const a = await shop.project()
    await a.addAsset({ content: shop.file("home.svg", svg("red")) }, ana)
    await a.addAsset({ content: shop.file("menu.svg", svg("blue")) }, ana)
    await a.change([put("component/button", { assets: ["gone"] })], ana)
    await a.exportProject(shop.at("a.lamplog"))
    const other = await shop.project("other")
    const { sha256: held } = await other.addAsset({ content: shop.at("home.svg") }, ana)
    const replace = { ...ana, strategy: "replace" as const }
    await codeOf(other.importProject([shop.at("a.lamplog")], replace))
    expect(heldIn(shop, "other")).toEqual([held])
    expect(await textOf(await other.getAsset("home"))).toBe(svg("red"))
  })
})

describe("an asset whose bytes are absent", () => {
  const absent = async (sources: ReadonlyArray<AssetSource> = []) => {
    const shop = new Workshop()
    const project = await shop.project("a", { assetSources: sources })
    const { sha256: hash } = await project.addAsset(
      { content: shop.file("home.svg", svg("red")) },
      ana,
    )
    await project.exportProject(shop.at("whole.lamplog"))
    rmSync(pathIn(shop, hash))
    return { shop, project, hash }
  }
  const source = (name: string, text: string | undefined): AssetSource => ({
    name,
    fetch: () =>
      text === undefined
        ? undefined
        : (async function* () {
            yield Buffer.from(text)
          })(),
  })

  it("is listed as such, and refused with what to do", async () => {
    const { project } = await absent()
    expect((await collect(project.listAssets())).map(({ present }) => present)).toEqual([false])
    const error: unknown = await project.getAsset("home").catch((refused: unknown) => refused)
    expect(error).toMatchObject({ code: "asset-absent" })
    expect((error as { remedy: string }).remedy).toMatch(/--from/)
    const { findings, ok } = await project.verify()
    expect([ok, findings.map(({ severity, code }) => `${severity} ${code}`)]).toEqual([
      true,
      ["warning asset-absent"],
    ])
  })

  it("is fetched from the first source that has the right bytes, checked, and kept", async () => {
    const sources = [
      source("empty", undefined),
      source("wrong", svg("blue")),
      { name: "broken", fetch: () => brokenStream() },
      source("right", svg("red")),
      source("never asked", svg("red")),
    ]
    async function* brokenStream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(svg("red").slice(0, 10))
      throw new Error("unplugged")
    }
    const { shop, project, hash } = await absent(sources)
    const content = await project.getAsset("home")
    expect(content.fetchedFrom).toBe("right")
    expect(await textOf(content)).toBe(svg("red"))
    expect([heldIn(shop), waitingIn(shop)]).toEqual([[hash], []])
    expect((await project.getAsset("home")).fetchedFrom).toBeUndefined()
  })

  it("stays absent when no source has it, and says why each had not", async () => {
    const sources = [source("north", undefined), source("south", svg("blue"))]
    const { shop, project } = await absent(sources)
    await expect(project.getAsset("home")).rejects.toThrow(/north: .*; south: /)
    expect([heldIn(shop), waitingIn(shop)]).toEqual([[], []])
  })

  it("comes from an archive that has it, which also replaces damaged bytes", async () => {
    const { shop, project, hash } = await absent()
    const sources = [assetsFromArchive(shop.at("whole.lamplog"))]
    expect((await project.getAsset("home", { sources })).fetchedFrom).toBe("whole.lamplog")
    expect(heldIn(shop)).toEqual([hash])
    writeFileSync(pathIn(shop, hash), svg("rod"))
    await expect(project.getAsset("home").then(textOf)).rejects.toMatchObject({
      code: "asset-damaged",
    })
    const { findings, ok } = await project.verify()
    expect([ok, findings[0]?.code]).toEqual([false, "asset-damaged"])
    expect((await project.getAsset("home", { sources })).fetchedFrom).toBe("whole.lamplog")
    expect(await project.getAsset("home").then(textOf)).toBe(svg("red"))
    expect((await project.verify()).findings).toEqual([])
  })

  it("is not found in an archive without it, or in a file that is none", async () => {
    const { shop, project } = await absent()
    await project.exportProject(shop.at("bare.lamplog"), { assets: "none" })
    for (const name of ["bare.lamplog", "home.svg", "nowhere.lamplog"]) {
      const sources = [assetsFromArchive(shop.at(name))]
      expect(await codeOf(project.getAsset("home", { sources })), name).toBe("asset-absent")
    }
  })

  it("tells of sizes that do not fit what the entity says", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    await project.addAsset({ content: shop.file("home.svg", svg("red")) }, ana)
    await project.change([patch("asset/home", { bytes: 5 })], ana)
    expect((await project.verify()).findings.map(({ code }) => code)).toEqual(["asset-size"])
  })
})

describe("sweeping", () => {
  it("takes away what no living asset names, and tells beforehand", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    const keep = await project.addAsset({ content: shop.file("a.svg", svg("red")) }, ana)
    const drop = await project.addAsset({ content: shop.file("b.svg", svg("blue")) }, ana)
    await project.change([remove("asset/b")], ana)
    const told = await project.sweepAssets({ dryRun: true })
    expect(told).toEqual({ removed: 1, bytes: drop.bytes, kept: 1 })
    expect(heldIn(shop)).toHaveLength(2)
    expect(await project.sweepAssets()).toEqual(told)
    expect(heldIn(shop)).toEqual([keep.sha256])
    expect(await project.sweepAssets()).toEqual({ removed: 0, bytes: 0, kept: 1 })
  })
})

describe("sweeping while another process writes", () => {
  const swept = async () => {
    const shop = new Workshop()
    const project = await shop.project("a", { busyTimeoutMillis: 50 })
    await project.addAsset({ content: shop.file("home.svg", svg("red")) }, ana)
    await project.change([remove("asset/home")], ana)
    const holder = await holdLock(join(shop.at("a"), ".lamplog"), shop.at("state"))
    return { shop, project, holder }
  }

  it("waits: what no asset names now may be what the other is about to name", async () => {
    const { holder, project, shop } = await swept()
    expect(await codeOf(project.sweepAssets())).toBe("project-busy")
    expect(heldIn(shop)).toHaveLength(1)
    expect(await project.sweepAssets({ dryRun: true })).toMatchObject({ removed: 1 })
    await holder.release()
    expect(await project.sweepAssets()).toMatchObject({ removed: 1 })
  })

  it("gives no name to bytes that came in meanwhile, and none of them stays", async () => {
    const { holder, project, shop } = await swept()
    const content = shop.file("menu.svg", svg("blue"))
    expect(await codeOf(project.addAsset({ content }, ana))).toBe("project-busy")
    expect([heldIn(shop), waitingIn(shop)]).toEqual([[sha256(svg("red"))], []])
    await holder.release()
    expect((await project.addAsset({ content }, ana)).stored).toBe(true)
  })
})

describe("what names assets", () => {
  it("may name one that is gone: its bytes stay until a sweep, the reference dangles", async () => {
    const shop = new Workshop()
    const project = await shop.project()
    await project.addAsset({ content: shop.file("home.svg", svg("red")) }, ana)
    await project.change([put("component/button", { assets: ["home"] })], ana)
    await project.change([remove("asset/home")], ana)
    const { findings, ok } = await project.verify()
    expect([ok, findings.map(({ code }) => code)]).toEqual([true, ["reference-dangling"]])
    expect(await codeOf(project.getAsset("home"))).toBe("asset-unknown")
    expect(await textOf(await project.getAsset(sha256(svg("red"))))).toBe(svg("red"))
  })
})
