/** Eight real versions of Spectrum's tokens: how much each changes, and where its modes go. */
import { isDeepStrictEqual } from "node:util"
import { describe, expect, it } from "vitest"
import { entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import type { ForeignEntity } from "../../../adapters/tokens/index.ts"
import { file, spectrumFiles, spectrumVersions } from "./package-files.ts"

const tokensOf = (version: string): ReadonlyArray<ForeignEntity> =>
  entitiesFromTokenFiles(spectrumFiles(version)).entities

describe("Spectrum's tokens", () => {
  it("changes exactly as many tokens from version to version as its authors did", () => {
    const state = new Map<string, ForeignEntity["fields"]>()
    const changed = spectrumVersions.map((version) => {
      let count = 0
      for (const { type, id, fields } of tokensOf(version)) {
        expect(type).toBe("token")
        if (!isDeepStrictEqual(state.get(id), fields)) count++
        state.set(id, fields)
      }
      return count
    })
    expect(changed).toEqual([1372, 1372, 1149, 2338, 721, 1589, 449, 101])
  })

  it("moves 1,283 tokens between files without changing one of them", () => {
    const [before, after] = ["14-15-0", "15-4-1"].map((version) => spectrumFiles(version))
    const names = (files: typeof before) =>
      new Map(
        files!.flatMap(({ path, text }) => Object.keys(JSON.parse(text)).map((n) => [n, path])),
      )
    const [from, to] = [names(before), names(after)]
    const moved = [...from].filter(([name, path]) => to.has(name) && to.get(name) !== path)
    expect(moved.length).toBe(1283)
    const oneFile = Object.assign({}, ...after!.map(({ text }) => JSON.parse(text)))
    expect(entitiesFromTokenFiles([file(oneFile, "all.json")]).entities).toEqual(tokensOf("15-4-1"))
  })

  it("names nested sets by their path and keeps what a set says itself", () => {
    const token = tokensOf("12-23-3").find(({ id }) => id === "checkbox-control-size-small")!
    const modes = token.fields.modes as { [mode: string]: object }
    expect(Object.keys(modes).sort()).toEqual(
      ["spectrum", "express"].flatMap((set) => [set, `${set}/desktop`, `${set}/mobile`]).sort(),
    )
    expect(Object.keys(modes.spectrum!)).toEqual(["$schema"])
    expect(modes["express/desktop"]).toMatchObject({ value: "14px", deprecated: true })
    expect(token.fields).toMatchObject({ component: "checkbox" })
    expect(token.fields).not.toHaveProperty("value")
  })

  it("puts a value beside sets under the default mode", () => {
    const tokens = { gap: { value: "1px", uuid: "u", sets: { mobile: { value: "2px" } } } }
    const { entities } = entitiesFromTokenFiles([file(tokens)])
    expect(entities).toEqual([
      {
        type: "token",
        id: "gap",
        fields: { uuid: "u", modes: { $default: { value: "1px" }, mobile: { value: "2px" } } },
      },
    ])
  })
})
