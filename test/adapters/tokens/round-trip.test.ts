/** Import, export, import: the same entities, token by token and mode by mode, on real files. */
import { describe, expect, it } from "vitest"
import { dtcgFromEntities, entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import type { ForeignEntity, Json, TokenFile } from "../../../adapters/tokens/index.ts"
import JSON5 from "json5"
import {
  exampleFiles,
  file,
  primerFiles,
  spectrumFiles,
  spectrumVersions,
} from "./package-files.ts"

type Tree = { [key: string]: Json }

const roundTrip = (entities: ReadonlyArray<ForeignEntity>): ReadonlyArray<ForeignEntity> =>
  entitiesFromTokenFiles([file(dtcgFromEntities(entities), "again.tokens.json")]).entities

const isTree = (value: Json | undefined): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Every object with `$value`, by its path: a reading of DTCG that shares nothing with ours. */
const authored = (tree: Tree, path: string = ""): Map<string, Tree> => {
  const found = new Map<string, Tree>()
  for (const [name, node] of Object.entries(tree)) {
    if (!isTree(node) || (name.startsWith("$") && name !== "$root")) continue
    const here = path + name.replace(/[.\\]/g, "\\$&")
    if ("$value" in node) found.set(here, node)
    for (const [id, token] of authored(node, `${here}.`)) found.set(id, token)
  }
  return found
}

const properties = ["$value", "$type", "$description", "$deprecated", "$extensions"]

/** The standard properties, without our notes. */
const standard = (node: Tree): Tree => {
  const { "dev.lamplog": _notes, ...extensions } = (node.$extensions ?? {}) as Tree
  const picked = Object.fromEntries(
    Object.entries(node).filter(([key]) => properties.includes(key)),
  )
  return { ...picked, $extensions: extensions }
}

/** A mode of a token, with what all modes share, in the words of DTCG. */
const modeAsNode = ({ fields }: ForeignEntity, mode: string): Tree => {
  const { modes, ...shared } = fields
  const entry = { ...shared, ...((modes as Tree)[mode] as Tree) }
  const node: Tree = {}
  for (const [key, value] of Object.entries(entry)) node[`$${key}`] = value
  return standard(node)
}

const systems = ["figma-sds", "adobe-spectrum", "github-primer", "apple-hig", "ibm-carbon"]
const real: ReadonlyArray<readonly [string, () => ReadonlyArray<TokenFile>]> = [
  ["Primer 11.10.0", primerFiles],
  ...systems.flatMap((system) => [
    [`${system} as files`, () => exampleFiles(system, false)] as const,
    [`${system} through its resolver`, () => exampleFiles(system, true)] as const,
  ]),
  ...spectrumVersions.map(
    (version) => [`Spectrum ${version}`, () => spectrumFiles(version)] as const,
  ),
]

describe.each(real)("%s", (_name, filesOf) => {
  const { entities } = entitiesFromTokenFiles(filesOf())

  it("comes back from an export exactly as it was imported", () => {
    expect(roundTrip(entities)).toEqual(entities)
  })

  it("gives the same bytes whatever the order of entities", () => {
    expect(dtcgFromEntities([...entities].reverse())).toBe(dtcgFromEntities(entities))
  })
})

const dtcg: typeof real = [
  ["Primer 11.10.0", primerFiles],
  ...systems.slice(0, 3).map((system) => [system, () => exampleFiles(system, false)] as const),
]

describe.each(dtcg)("the authored JSON of %s", (_name, filesOf) => {
  const files = filesOf()
  const { entities } = entitiesFromTokenFiles(files)
  const exported = authored(JSON.parse(dtcgFromEntities(entities)) as Tree)
  const sources = new Map<string, Array<Tree>>()
  for (const { text } of files) {
    for (const [id, node] of authored(JSON5.parse<Tree>(text))) {
      sources.set(id, [...(sources.get(id) ?? []), node])
    }
  }

  it("is what a token with one value is exported as", () => {
    const single = entities.filter(({ type, fields }) => type === "token" && "value" in fields)
    expect(single.length).toBeGreaterThan(150)
    for (const { id } of single)
      expect(standard(exported.get(id)!)).toEqual(standard(sources.get(id)![0]!))
  })

  it("is held by exactly one mode per file that defines a token differently", () => {
    const many = entities.filter(({ type, fields }) => type === "token" && "modes" in fields)
    expect(many.length).toBeGreaterThan(80)
    for (const token of many) {
      const modes = Object.keys(token.fields.modes as Tree).map((mode) => modeAsNode(token, mode))
      const nodes = sources.get(token.id)!.map(standard)
      expect(modes).toHaveLength(nodes.length)
      expect(modes).toEqual(expect.arrayContaining(nodes))
    }
  })

  it("is complete: no token is missing and none is new", () => {
    const ids = entities.filter(({ type }) => type === "token").map(({ id }) => id)
    expect(new Set(ids)).toEqual(new Set(sources.keys()))
  })
})

describe("an export", () => {
  const entity = (type: string, id: string, fields: { [name: string]: Json }) => ({
    type,
    id,
    fields,
  })

  it("shows the default mode, else the first by name, and notes all modes", () => {
    const modes = { dark: { value: "#000" }, $default: { value: "#fff" } }
    const { $default: _default, ...dark } = modes
    const text = dtcgFromEntities([
      entity("token", "ink", { type: "color", modes }),
      entity("token", "paper", {
        modes: { ...dark, Zinc: { value: "#ccc" }, a: { note: "no value" } },
      }),
    ])
    expect(JSON.parse(text)).toMatchObject({
      ink: { $type: "color", $value: "#fff", $extensions: { "dev.lamplog": { modes } } },
      paper: { $value: "#ccc" },
    })
    expect(text.endsWith("}\n")).toBe(true)
  })

  it("keeps entities that DTCG has no place for, and says so in the scope", () => {
    const entities = [
      entity("asset", "logo", { file: "logo.svg" }),
      entity("component", "button", { props: { size: ["s", "m"] } }),
      entity("style", "__proto__", { "": null }),
      entity("theme", "theme/dark", { name: "dark" }),
      entity("token", "a", { value: null }),
    ]
    const text = dtcgFromEntities(entities)
    const document = entitiesFromTokenFiles([file(text)])
    expect(document.entities).toEqual(entities)
    expect(document.scope).toEqual(["asset", "component", "group", "style", "theme", "token"])
    expect(JSON.parse(text).$extensions["dev.lamplog"].entities).toHaveLength(4)
  })

  it("holds paths and values as deep as an engine may", () => {
    const nested = (levels: number): Json => (levels === 0 ? 1 : [nested(levels - 1)])
    const path = (levels: number) => Array.from({ length: levels }, () => "a").join(".")
    const entities = [1, 8, 20, 27, 28, 29, 31, 40, 500].map((levels) =>
      entity("token", path(levels), { value: nested(Math.min(levels, 29)) }),
    )
    const modes = { dark: { value: nested(26) } }
    entities.push(entity("token", "z", { modes, extensions: { "org.example": nested(28) } }))
    expect(roundTrip(entities)).toEqual(entities)
  })

  it("of nothing is read back as nothing", () => {
    expect(roundTrip([])).toEqual([])
  })

  it("drops leftover modes of a token that has a value again", () => {
    const both = entity("token", "a", { value: 1, modes: { dark: { value: 2 } } })
    expect(roundTrip([both])).toEqual([entity("token", "a", { value: 1 })])
  })

  it("warns when the shown value was edited and the mode was not", () => {
    const text = dtcgFromEntities([entity("token", "a", { modes: { dark: { value: 1 } } })])
    const edited = text.replace('"$value": 1', '"$value": 2')
    const { entities, problems } = entitiesFromTokenFiles([file(edited)])
    expect(entities[0]!.fields).toEqual({ modes: { dark: { value: 1 } } })
    expect(problems.map(({ code }) => code)).toContain("value-not-of-mode")
  })

  it("of a newer Lamplog is refused", () => {
    const newer = { $extensions: { "dev.lamplog": { version: 2, surprise: true } } }
    expect(() => entitiesFromTokenFiles([file(newer)])).toThrow(
      expect.objectContaining({ code: "version-newer", where: "a.tokens.json" }),
    )
  })
})
