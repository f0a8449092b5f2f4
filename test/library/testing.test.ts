/**
 * `lamplog/testing`: projects that vanish, and checks that tell a good format from a bad one.
 */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { dtcg } from "../../adapters/tokens/index.ts"
import { Project } from "../../src/effect.ts"
import type { ForeignFormat } from "../../src/index.ts"
import { formatChecks, layerTemporary, temporaryProject } from "../../src/testing/index.ts"
import type { FormatSample } from "../../src/testing/index.ts"
import { ana, listText, lists, put } from "../project/workshop.ts"

const tokens: ReadonlyArray<FormatSample> = [
  {
    name: "one DTCG file",
    entities: 3,
    files: [
      {
        path: "a.tokens.json",
        text: '{"color":{"$type":"color","blue":{"$value":"#00f"},"link":{"$value":"{color.blue}"}}}',
      },
    ],
  },
  {
    name: "two files of Style Dictionary",
    entities: 2,
    files: [
      { path: "size/small.json", text: '{"size":{"small":{"value":"4px"}}}' },
      { path: "size/large.json", text: '{"size":{"large":{"value":"8px"}}}' },
    ],
  },
]

describe("token files", () => {
  for (const { name, run } of formatChecks(dtcg, tokens)) it(name, run)
})

describe("the checks of a format", () => {
  const samples: ReadonlyArray<FormatSample> = [
    {
      name: "lists",
      entities: 2,
      files: [
        { path: "a.json", text: listText({ "token/a": { value: 1 } }) },
        { path: "b.json", text: listText({ "token/b": { value: 2 } }) },
      ],
    },
  ]

  /** Names of the checks that a format fails. */
  const failed = async (format: ForeignFormat): Promise<ReadonlyArray<string>> => {
    const names: Array<string> = []
    for (const { name, run } of formatChecks(format, samples)) {
      try {
        await run()
      } catch {
        names.push(name)
      }
    }
    return names
  }

  it("pass a good one", async () => {
    expect(await failed(lists)).toEqual([])
  })

  it("fail one that takes everything for its own", async () => {
    expect(await failed({ ...lists, detect: () => true })).toEqual([
      "other people's files are not taken for its own",
    ])
  })

  it("fail one that reads nonsense", async () => {
    const read: ForeignFormat["read"] = (files) =>
      files[0]!.text.startsWith('{"list"') ? lists.read(files) : lists.read([])
    expect(await failed({ ...lists, read })).toEqual([
      "what it cannot read is refused with code, message and remedy",
    ])
  })

  it("fail one that depends on the order of files", async () => {
    const read: ForeignFormat["read"] = (files) => {
      const document = lists.read(files)
      const [first, ...others] = document.entities
      const entities = [{ ...first!, fields: { value: "the first" } }, ...others]
      return { ...document, entities }
    }
    expect(await failed({ ...lists, read })).toEqual([
      "lists: neither the order of files nor an earlier reading makes a difference",
    ])
  })

  it("fail one that writes what it does not read back", async () => {
    expect(await failed({ ...lists, write: () => listText({ "token/a": {} }) })).toEqual([
      "lists: what is written is read as the same entities, in whatever order",
    ])
  })

  it("fail one that gives an entity twice, or of a type out of scope", async () => {
    const twice: ForeignFormat["read"] = (files) => {
      const document = lists.read(files)
      return { ...document, entities: [...document.entities, ...document.entities] }
    }
    const stray: ForeignFormat["read"] = (files) => ({ ...lists.read(files), scope: ["style"] })
    const name = "lists: all entities are read, each once, of types in scope"
    expect(await failed({ ...lists, read: twice })).toContain(name)
    expect(await failed({ ...lists, read: stray })).toContain(name)
  })
})

describe("a temporary project", () => {
  it("works, and vanishes when it is removed", async () => {
    const { folder, project, remove } = await temporaryProject({ schema: "open" })
    await project.change([put("planet/mars", { moons: 2 })], ana)
    expect((await project.status()).entities).toEqual({ planet: 1 })
    expect(existsSync(folder)).toBe(true)
    await remove()
    expect(existsSync(folder)).toBe(false)
  })

  it("works as a layer", async () => {
    const program = Effect.gen(function* () {
      const project = yield* Project
      yield* project.change([put("token/a", { value: 1 })], ana)
      return yield* project.status
    })
    const status = await Effect.runPromise(Effect.provide(program, layerTemporary()))
    expect(status).toMatchObject({ name: "temporary", entities: { token: 1 } })
  })
})
