/** Time grows with the tokens and no faster. Limits are loose: they catch a wrong order, not a slow day. */
import { describe, expect, it } from "vitest"
import { dtcgFromEntities, entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import type { TokenFile } from "../../../adapters/tokens/index.ts"
import { file, spectrumFiles } from "./package-files.ts"

const millis = (run: () => unknown): number => {
  const start = performance.now()
  run()
  return performance.now() - start
}

/** The best of three, after one run to warm up. */
const best = (run: () => unknown): number => {
  run()
  return Math.min(millis(run), millis(run), millis(run))
}

const groups = (count: number, theme: string): TokenFile => {
  const tree: { [group: string]: { [token: string]: object } } = {}
  for (let index = 0; index < count; index++) {
    const $value = index % 2 === 0 ? `${index}-${theme}` : `{g${(index - 1) % 100}.t${index - 1}}`
    const group = (tree[`g${index % 100}`] ??= {})
    group[`t${index}`] = { $value, $type: "number", $description: "A token like any other" }
  }
  return file(tree, `${theme}.json`)
}

describe("the time it takes", () => {
  it("to import and export 2,500 real tokens is well under a second", () => {
    const files = spectrumFiles("15-4-1")
    expect(best(() => entitiesFromTokenFiles(files))).toBeLessThan(500)
    const { entities } = entitiesFromTokenFiles(files)
    expect(best(() => dtcgFromEntities(entities))).toBeLessThan(300)
  })

  it("to import 20,000 tokens in two themes is linear", () => {
    const at = (count: number) => [groups(count, "light"), groups(count, "dark")]
    const [small, large] = [at(2_500), at(20_000)].map((files) =>
      best(() => entitiesFromTokenFiles(files)),
    )
    expect(large).toBeLessThan(3_000)
    expect(large! / small!).toBeLessThan(8 * 4)
  })

  it("to name the modes of a thousand files that define one token is bounded", () => {
    const files = Array.from({ length: 1_000 }, (_, index) =>
      file({ a: { $value: index }, [`b${index}`]: { $value: 1 } }, `themes/theme-${index}.json`),
    )
    expect(millis(() => entitiesFromTokenFiles(files))).toBeLessThan(3_000)
    const { entities } = entitiesFromTokenFiles(files)
    expect(Object.keys(entities[0]!.fields.modes as object)).toHaveLength(1_000)
  })
})
