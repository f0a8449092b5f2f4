/**
 * Real token files through the whole engine: an import writes one event for each token that really
 * changed and none the second time, and what was imported comes back out of an export.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterAll, describe, expect, it } from "vitest"
import { dtcg } from "../../adapters/tokens/index.ts"
import type { LamplogError } from "../../src/event/failure.ts"
import { initProject } from "../../src/project/begin.ts"
import { Project } from "../../src/project/project.ts"
import { layerProject } from "../../src/project/service.ts"
import type { Entity } from "../../src/store/query.ts"

const packageFolder = (name: string) =>
  fileURLToPath(new URL(`../../node_modules/${name}`, import.meta.url))

const folder = mkdtempSync(join(tmpdir(), "lamplog-imports-"))
const stateDirectory = join(folder, "state")
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs a program on a new project of its own. */
const onProject = <A>(name: string, program: Effect.Effect<A, LamplogError, Project>): Promise<A> =>
  Effect.gen(function* () {
    const directory = join(folder, name)
    yield* initProject({ directory, stateDirectory, name })
    return yield* Effect.provide(
      program,
      layerProject({ directory, stateDirectory, formats: [dtcg] }),
    )
  }).pipe(Effect.runPromise)

const importing = (paths: ReadonlyArray<string>, prune = false) =>
  Effect.gen(function* () {
    const project = yield* Project
    return yield* project.importProject(paths, { actor: "importer", prune })
  })

const entities = Effect.gen(function* () {
  const project = yield* Project
  return yield* Stream.runCollect(project.list())
})

const valuesOf = (list: ReadonlyArray<Entity>) =>
  list.map(({ type, id, fields }) => ({ type, id, fields }))

describe("eight versions of Spectrum, one after the other", () => {
  const versions = [
    ["spectrum-tokens-12-22-1", 1372],
    ["spectrum-tokens-12-23-3", 1372],
    ["spectrum-tokens-13-0-0-beta-46", 1149],
    ["spectrum-tokens-14-0-0", 2338],
    ["spectrum-tokens-14-3-0", 721],
    ["spectrum-tokens-14-6-0", 1589],
    ["spectrum-tokens-14-15-0", 449],
    ["spectrum-tokens-15-4-1", 101],
  ] as const

  it("write one event for each token whose authored JSON changed, and none the second time", async () => {
    const written = await onProject(
      "spectrum",
      Effect.gen(function* () {
        const figures: Array<readonly [string, number, number]> = []
        for (const [version] of versions) {
          const source = join(packageFolder(version), "src")
          const first = yield* importing([source])
          const second = yield* importing([source])
          figures.push([version, first.events, second.events])
        }
        return figures
      }),
    )
    expect(written).toEqual(versions.map(([version, events]) => [version, events, 0]))
  })

  it("leave just the last one's tokens when each import prunes", async () => {
    const [first, last] = ["spectrum-tokens-12-22-1", "spectrum-tokens-15-4-1"] as const
    const pruned = await onProject(
      "pruned",
      Effect.gen(function* () {
        yield* importing([join(packageFolder(first), "src")])
        yield* importing([join(packageFolder(last), "src")], true)
        return valuesOf(yield* entities)
      }),
    )
    const fresh = await onProject(
      "fresh",
      Effect.gen(function* () {
        yield* importing([join(packageFolder(last), "src")])
        return valuesOf(yield* entities)
      }),
    )
    expect(pruned).toEqual(fresh)
  })
})

describe("an export to DTCG", () => {
  const examples = packageFolder("dtcg-examples")
  const sources: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["primer", [join(packageFolder("primer-primitives-11-10-0"), "src", "tokens")]],
    ...["adobe-spectrum", "figma-sds", "github-primer"].map(
      (name) => [name, [join(examples, `${name}.resolver.json`), join(examples, name)]] as const,
    ),
  ]
  for (const [name, paths] of sources) {
    it(`of ${name} holds what was imported, token by token and mode by mode`, async () => {
      const path = join(folder, `${name}.json`)
      const before = await onProject(
        `${name}-before`,
        Effect.gen(function* () {
          const project = yield* Project
          yield* importing(paths)
          yield* project.exportProject(path, { format: "dtcg" })
          const again = yield* importing([path])
          return { values: valuesOf(yield* entities), again: again.events }
        }),
      )
      const after = await onProject(
        `${name}-after`,
        Effect.gen(function* () {
          yield* importing([path])
          return valuesOf(yield* entities)
        }),
      )
      expect(before.again).toBe(0)
      expect(before.values.length).toBeGreaterThan(100)
      expect(after).toEqual(before.values)
    })
  }
})

describe("a file of unknown shape", () => {
  for (const [what, text] of [
    ["a package.json", `{"name": "x", "version": "1.0.0"}`],
    ["an array", `[1, 2]`],
    ["nothing", `{}`],
  ] as const) {
    it(`is refused, never imported as nothing: ${what}`, async () => {
      const path = join(folder, "unknown.json")
      writeFileSync(path, text)
      const error = await onProject(
        `unknown-${what.replaceAll(/\W/g, "")}`,
        Effect.match(importing([path]), {
          onFailure: (refusal) => refusal,
          onSuccess: () => undefined,
        }),
      )
      expect(error?.remedy).toMatch(/\w/)
      expect(error?.where).toContain("unknown.json")
    })
  }
})
