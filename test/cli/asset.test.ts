/** `asset`: what people type to keep files with a project, and what they get back. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { beforeEach, describe, expect, it } from "vitest"
import { sha256 } from "../../src/event/hash.ts"
import { bytesBelow, expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"

const { run, json, folder, path } = stage()

interface Added {
  readonly assets: ReadonlyArray<{ readonly id: string; readonly sha256: string }>
  readonly events: number
}

const home = '<svg xmlns="http://www.w3.org/2000/svg"/>'
const font = Buffer.concat([Buffer.from("wOF2"), Buffer.from([0, 255, 128, 7])])

let count = 0
let here = ""
beforeEach(async () => {
  here = `project-${(count += 1)}`
  folder(here)
  await json(["init"], { in: here })
  writeFileSync(path(here, "home.svg"), home)
  writeFileSync(path(here, "inter.woff2"), font)
})

const add = (...words: ReadonlyArray<string>) =>
  json<Added>(["asset", "add", ...words], { in: here })
const held = (hash: string): string => path(here, ".lamplog", "assets", hash.slice(0, 2), hash)

describe("asset add", () => {
  it("keeps files and tells what they became", async () => {
    const added = await add("home.svg", "inter.woff2", "--licence", "OFL-1.1", "--tag", "brand")
    expect(added).toEqual({
      assets: [
        {
          id: "home",
          sha256: sha256(home),
          bytes: home.length,
          mediaType: "image/svg+xml",
          stored: true,
        },
        { id: "inter", sha256: sha256(font), bytes: 8, mediaType: "font/woff2", stored: true },
      ],
      events: 2,
      lamport: 1,
    })
    const entity = await json<{ fields: object }>(["get", "asset/inter"], { in: here })
    expect(entity.fields).toMatchObject({
      name: "inter.woff2",
      licence: "OFL-1.1",
      tags: ["brand"],
    })
    const again = await run(["asset", "add", "home.svg"], { in: here })
    expect(again.stdout).toBe(
      "  home  image/svg+xml  41 bytes  bytes held already\nNothing to change.\n",
    )
  })

  it("takes what it is told over what it sees", async () => {
    await add("home.svg", "--id", "nav/home", "--name", "Home", "--media-type", "image/x-icon")
    const { fields } = await json<{ fields: object }>(["get", "asset/nav/home"], { in: here })
    expect(fields).toMatchObject({ name: "Home", mediaType: "image/x-icon" })
  })

  it("reads stdin, byte for byte", async () => {
    const argv = ["asset", "add", "-", "--id", "piped"]
    const added = await json<Added>(argv, { in: here, input: Buffer.from([0, 255, 1, 254]) })
    expect(readFileSync(held(added.assets[0]!.sha256))).toEqual(Buffer.from([0, 255, 1, 254]))
  })

  const wrong: ReadonlyArray<readonly [line: string, code: string, status: number]> = [
    ["asset add", "argument-missing", 2],
    ["asset add home.svg inter.woff2 --id x", "one-file-only", 2],
    ["asset add home.svg inter.woff2 --name x", "one-file-only", 2],
    ["asset add - -", "stdin-twice", 2],
    ["asset add -", "asset-unnamed", 1],
    ["asset add nowhere.svg", "file-missing", 1],
    ["asset add home.svg nowhere.svg", "file-missing", 1],
    ["asset add .", "not-a-file", 1],
    ["asset add home.svg --media-type svg", "media-type", 1],
    ["asset get", "argument-missing", 2],
    ["asset get nothing", "asset-unknown", 1],
    [`asset get ${"0".repeat(64)}`, "asset-absent", 1],
    ["asset", "command-unknown", 2],
    ["export x.lamplog --all-assets --no-assets", "flags-contrary", 2],
  ]
  for (const [line, code, status] of wrong) {
    it(`refuses: lamplog ${line.slice(0, 50)}`, async () => {
      const before = bytesBelow(path(here))
      expectRefusal(await run([...line.split(" "), "--json"], { in: here }), code, status)
      expect(bytesBelow(path(here))).toEqual(before)
    })
  }
})

describe("asset get", () => {
  beforeEach(async () => {
    await add("home.svg", "inter.woff2", "--licence", "MIT")
  })

  it("sends bytes to whoever reads stdout, by id and by hash", async () => {
    for (const name of ["inter", sha256(font)]) {
      const { status, stdout, stderr } = await run(["asset", "get", name], { in: here })
      expect([status, stderr]).toEqual([0, ""])
      expect(Buffer.from(stdout, "latin1").equals(font)).toBe(true)
    }
  })

  it("tells a terminal where they lie, and sends it none of them", async () => {
    const { stdout } = await run(["asset", "get", "inter"], { in: here, outputIsTerminal: true })
    expect(stdout).toContain(held(sha256(font)))
    expect(stdout).not.toContain("wOF2")
  })

  it("writes a file, over another only with --force", async () => {
    const argv = ["asset", "get", "home", "--output", "copy.svg"]
    expect(await json(argv, { in: here })).toEqual({
      id: "home",
      sha256: sha256(home),
      bytes: home.length,
      path: path(here, "copy.svg"),
      mediaType: "image/svg+xml",
    })
    expect(readFileSync(path(here, "copy.svg"), "utf8")).toBe(home)
    writeFileSync(path(here, "copy.svg"), "mine")
    expectRefusal(await run([...argv, "--json"], { in: here }), "file-exists", 1)
    expect(readFileSync(path(here, "copy.svg"), "utf8")).toBe("mine")
    await json([...argv, "--force"], { in: here })
    expect(readFileSync(path(here, "copy.svg"), "utf8")).toBe(home)
  })

  it("leaves no file of damaged bytes, and says so when they went to stdout", async () => {
    writeFileSync(held(sha256(home)), home.replace("svg", "SVG"))
    const argv = ["asset", "get", "home", "--output", "copy.svg", "--json"]
    const before = readdirSync(path(here))
    expectRefusal(await run(argv, { in: here }), "asset-damaged", 1)
    expect(readdirSync(path(here))).toEqual(before)
    const { status, stderr } = await run(["asset", "get", "home"], { in: here })
    expect(status).toBe(1)
    expect(stderr).toMatch(/damaged/)
    expectRefusal(await run(["asset", "get", "home", "--json"], { in: here }), "asset-damaged", 1)
  })

  it("takes absent bytes from an archive, as the remedy says", async () => {
    await json(["export", "all.lamplog"], { in: here })
    await json(["export", "none.lamplog", "--no-assets"], { in: here })
    rmSync(held(sha256(font)))
    const refused = await run(["asset", "get", "inter", "--json"], { in: here })
    expect(expectRefusal(refused, "asset-absent", 1).remedy).toContain(
      `lamplog asset get ${sha256(font)} --from ARCHIVE`,
    )
    const argv = ["asset", "get", sha256(font), "--from", "none.lamplog"]
    expectRefusal(await run([...argv, "--json"], { in: here }), "asset-absent", 1)
    const found = await json([...argv, "--from", "all.lamplog"], { in: here })
    expect(found).toMatchObject({
      id: "inter",
      fetchedFrom: "all.lamplog",
      path: held(sha256(font)),
    })
    expect(statSync(held(sha256(font))).size).toBe(font.length)
  })

  it("opens an encrypted archive with the passphrase that it is given", async () => {
    writeFileSync(path(here, "words"), "correct horse battery\n")
    const sealed = ["--passphrase-file", "words"]
    await json(["export", "sealed.lamplog", ...sealed], { in: here })
    rmSync(held(sha256(font)))
    const argv = ["asset", "get", "inter", "--from", "sealed.lamplog"]
    expectRefusal(await run([...argv, "--json"], { in: here }), "asset-absent", 1)
    expect(await json([...argv, ...sealed], { in: here })).toMatchObject({ id: "inter" })
  })
})

describe("asset list and sweep", () => {
  it("list assets, and those without bytes", async () => {
    expect((await run(["asset", "list"], { in: here })).stdout).toBe("No assets.\n")
    await add("home.svg", "inter.woff2")
    rmSync(held(sha256(font)))
    const all = await json<ReadonlyArray<{ id: string; present: boolean }>>(["asset", "list"], {
      in: here,
    })
    expect(all.map(({ id, present }) => [id, present])).toEqual([
      ["home", true],
      ["inter", false],
    ])
    const missing = await run(["asset", "list", "--missing"], { in: here })
    expect(missing.stdout).toBe("inter  font/woff2  8 bytes  bytes absent\n")
    const exported = await run(["export", "a.lamplog"], { in: here })
    expect(exported.stdout).toMatch(/1 asset without bytes/)
  })

  it("sweep what is named no more, and nothing when only asked what", async () => {
    await add("home.svg", "inter.woff2")
    await json(["delete", "asset/home"], { in: here })
    const swept = { removed: 1, bytes: home.length, kept: 1 }
    expect(await json(["asset", "sweep", "--dry-run"], { in: here })).toEqual(swept)
    expect(existsSync(held(sha256(home)))).toBe(true)
    expect(await json(["asset", "sweep"], { in: here })).toEqual(swept)
    expect([existsSync(held(sha256(home))), existsSync(held(sha256(font)))]).toEqual([false, true])
  })

  it("leave every byte alone when an archive is only looked at", async () => {
    await add("home.svg")
    await json(["export", "all.lamplog", "--all-assets"], { in: here })
    folder(`${here}-b`)
    await json(["init"], { in: `${here}-b` })
    const below = () =>
      [...bytesBelow(path(`${here}-b`))].filter(([file]) => !/-(wal|shm)$/.test(file))
    const before = below()
    const archive = path(here, "all.lamplog")
    await json(["import", archive, "--dry-run"], { in: `${here}-b` })
    await json(["diff", archive], { in: `${here}-b` })
    expect(below()).toEqual(before)
    await json(["import", archive], { in: `${here}-b` })
    expect(readdirSync(path(`${here}-b`, ".lamplog", "assets"))).toContain(sha256(home).slice(0, 2))
  })
})
