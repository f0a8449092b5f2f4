/**
 * What a file is, by its first bytes and what is in it, before anything of it is taken.
 */
import { writeFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { ZipFile } from "yazl"
import { limitsDefault } from "../../src/archive/limits.ts"
import type { ForeignFormat } from "../../src/index.ts"
import { sourcesFrom } from "../../src/project/sources.ts"
import { codeOf, lists, listText, Workshop } from "./workshop.ts"

const inZips: ForeignFormat = { ...lists, name: "zipped-list", zipped: true }

const sourcesOf = (paths: ReadonlyArray<string>, format = "auto", formats = [inZips]) =>
  Effect.runPromise(sourcesFrom(paths, format, formats))

const zipOf = async (members: ReadonlyArray<readonly [string, string]>): Promise<Buffer> => {
  const zip = new ZipFile()
  for (const [path, text] of members) zip.addBuffer(Buffer.from(text), path)
  zip.end()
  const chunks: Array<Buffer> = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const things = listText({ "token/a": { value: 1 } })

describe("a zip", () => {
  it("is the files in it, for a format that travels so; its members are named by both", async () => {
    const workshop = new Workshop()
    const path = workshop.at("things.zip")
    const members = [
      ["b/things.json", things],
      ["a.json", things],
      ["readme.txt", "no text of any format"],
    ] as const
    writeFileSync(path, await zipOf(members))
    const { archives, foreign } = await sourcesOf([path])
    expect(archives).toEqual([])
    expect(
      foreign.map(({ format, files }) => [format.name, files.map((file) => file.path)]),
    ).toEqual([["zipped-list", [`${path}/b/things.json`, `${path}/a.json`]]])
    expect((await sourcesOf([path], "auto", [lists])).archives).toEqual([path])
  })

  it("goes with text files of the same format, and not with archives", async () => {
    const workshop = new Workshop()
    const path = workshop.at("things.zip")
    writeFileSync(path, await zipOf([["a.json", things]]))
    const text = workshop.file("b.json", things)
    const { foreign } = await sourcesOf([path, text])
    expect(foreign.map(({ files }) => files.length)).toEqual([2])
    const archive = workshop.at("own.zip")
    writeFileSync(archive, await zipOf([["manifest.json", '{"format":"lamplog-archive"}']]))
    expect(await codeOf(sourcesOf([path, archive]))).toBe("formats-mixed")
  })

  it("is an archive, or refused as one, whatever is wrong with it or not known in it", async () => {
    const workshop = new Workshop()
    const whole = await zipOf([["a.json", things]])
    const files: ReadonlyArray<readonly [string, Buffer]> = [
      [
        "own",
        await zipOf([
          ["manifest.json", '{"format":"lamplog-archive"}'],
          ["a.json", things],
        ]),
      ],
      ["unknown", await zipOf([["a.json", "{}"]])],
      ["text", await zipOf([["a.txt", things]])],
      ["cut", whole.subarray(0, whole.length - 10)],
      ["begin", whole.subarray(0, 4)],
      ["latin", await zipOf([["a.json", "x"]])],
    ]
    for (const [name, bytes] of files) {
      const path = workshop.at(`${name}.zip`)
      writeFileSync(path, bytes)
      expect((await sourcesOf([path])).archives, name).toEqual([path])
    }
  })

  it("is read no further than the limits of archives allow", async () => {
    const workshop = new Workshop()
    const path = workshop.at("things.zip")
    writeFileSync(
      path,
      await zipOf([
        ["a.json", things],
        ["b.json", things],
      ]),
    )
    const narrow = { ...limitsDefault, members: 1 }
    const { archives } = await Effect.runPromise(sourcesFrom([path], "auto", [inZips], narrow))
    expect(archives).toEqual([path])
  })

  it("is of the format that the user names, even where it cannot be told", async () => {
    const workshop = new Workshop()
    const path = workshop.at("things.zip")
    writeFileSync(path, await zipOf([["a.json", "{}"]]))
    const { foreign } = await sourcesOf([path], "zipped-list")
    expect(foreign.map(({ files }) => files.map(({ text }) => text))).toEqual([["{}"]])
    expect(await codeOf(sourcesOf([path], "list", [lists]))).toBe("not-text")
  })
})

describe("an encrypted file", () => {
  it("is an archive: only its keys tell what is in it", async () => {
    const workshop = new Workshop()
    for (const start of ["age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----\n"]) {
      const path = workshop.file("secret.lamplog", `${start}rest`)
      expect((await sourcesOf([path])).archives).toEqual([path])
    }
  })
})
