/** What holds for every token file and every set of entities, tried on random ones. */
import { describe, expect, it } from "vitest"
import {
  dtcgFromEntities,
  entitiesFromTokenFiles,
  TokenFileError,
} from "../../../adapters/tokens/index.ts"
import type { ForeignEntity } from "../../../adapters/tokens/index.ts"
import { file } from "./package-files.ts"
import { Random, randomEntities, randomTree, randomValue } from "./random.ts"

const seeds = Array.from({ length: 400 }, (_, seed) => seed)

const byName = (entities: ReadonlyArray<ForeignEntity>): ReadonlyArray<ForeignEntity> =>
  [...entities].sort((left, right) =>
    left.type !== right.type ? (left.type < right.type ? -1 : 1) : left.id < right.id ? -1 : 1,
  )

const imported = (content: unknown): ReadonlyArray<ForeignEntity> =>
  entitiesFromTokenFiles([file(content)]).entities

/** All words and numbers in a value, to see that none got lost. */
const leaves = (value: unknown): Array<unknown> =>
  typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [value]

const counted = (values: ReadonlyArray<unknown>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const value of values) {
    const key = JSON.stringify(value)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

describe("for random entities", () => {
  it("import gives back what export was given, and export the same bytes again", () => {
    for (const seed of seeds) {
      const entities = randomEntities(new Random(seed))
      const text = dtcgFromEntities(entities)
      const again = imported(text)
      expect(again, `seed ${seed}`).toEqual(byName(entities))
      expect(dtcgFromEntities(again), `seed ${seed}`).toBe(text)
    }
  })
})

describe.each(["dtcg", "plain"] as const)("for random trees spelled %s", (spelling) => {
  it("import, export, import gives the same entities", () => {
    for (const seed of seeds) {
      const entities = imported(randomTree(new Random(seed), spelling))
      expect(entities.length, `seed ${seed}`).toBeGreaterThan(0)
      expect(imported(dtcgFromEntities(entities)), `seed ${seed}`).toEqual(entities)
    }
  })

  it("every word and number of the file is in some entity", () => {
    for (const seed of seeds) {
      const tree = randomTree(new Random(seed), spelling)
      const held = imported(tree).flatMap(({ fields }) => leaves(fields))
      expect(counted(held), `seed ${seed}`).toEqual(counted(leaves(tree)))
    }
  })
})

describe("for random files imported together", () => {
  const paths = ["size/base.json", "size/base-coarse.json", "dark/a.json", "light/a.json"]
  const files = (seed: number) => {
    const random = new Random(seed)
    return paths.map((path) => {
      const spelling = random.pick(["dtcg", "plain"] as const)
      return { path, tree: randomTree(random, spelling) }
    })
  }

  it("the order in which they are named makes no difference, and they come back from an export", () => {
    for (const seed of seeds) {
      const given = files(seed).map(({ path, tree }) => file(tree, path))
      const { entities } = entitiesFromTokenFiles(given)
      expect(entitiesFromTokenFiles([...given].reverse()).entities).toEqual(entities)
      expect(imported(dtcgFromEntities(entities)), `seed ${seed}`).toEqual(entities)
    }
  })

  it("no word or number of any file is lost", () => {
    for (const seed of seeds) {
      const trees = files(seed)
      const { entities } = entitiesFromTokenFiles(trees.map(({ path, tree }) => file(tree, path)))
      const held = counted(entities.flatMap(({ fields }) => leaves(fields)))
      for (const { tree } of trees) {
        for (const word of counted(leaves(tree)).keys())
          expect(held.has(word), `seed ${seed}`).toBe(true)
      }
    }
  })
})

/** Runs an import and gives what it was refused with; anything but a `TokenFileError` is a bug. */
const refusedWith = (path: string, text: string): string => {
  try {
    return entitiesFromTokenFiles([{ path, text }]).format
  } catch (error) {
    if (!(error instanceof TokenFileError)) throw error
    return error.code
  }
}

describe("for damaged and hostile files", () => {
  const signs = [
    '"',
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "/",
    "//",
    "/*",
    "\n",
    "0",
    "-",
    "u",
    "\u0000",
    "\ud83c",
    "$",
    "é",
  ]

  it("an import either works or is refused with a code, a place and a remedy", () => {
    const outcomes = new Set<string>()
    for (const seed of seeds) {
      const random = new Random(seed)
      let text = JSON.stringify(randomTree(random, random.pick(["dtcg", "plain"])))
      for (let changes = random.below(4); changes >= 0; changes--) {
        const at = random.below(text.length)
        const kept = text.slice(at + random.below(3))
        text = text.slice(0, at) + (random.chance(70) ? random.pick(signs) : "") + kept
      }
      for (const path of ["a.json", "a.json5"]) outcomes.add(refusedWith(path, text))
    }
    expect([...outcomes]).toEqual(expect.arrayContaining(["dtcg", "not-json", "style-dictionary"]))
  })

  it("a resolver of any shape does no worse", () => {
    const outcomes = new Set<string>()
    for (const seed of seeds) {
      const random = new Random(seed)
      const some = (): unknown => {
        const kind = random.below(7)
        if (kind === 0) return randomValue(random)
        if (kind === 1)
          return { $ref: random.pick(["#/sets/a", "#/modifiers/a", "#", "#/", "b.json", "%"]) }
        if (kind === 2)
          return {
            sources: [some(), some()],
            name: random.pick(["a", "__proto__", 1]),
            type: "set",
          }
        if (kind === 3)
          return { contexts: { a: [some()], "/": some() }, name: "m", type: "modifier" }
        if (kind === 4) return randomTree(random, "dtcg")
        return random.chance(50) ? [some()] : { a: some() }
      }
      const document = {
        version: some(),
        resolutionOrder: [some(), some()],
        sets: some(),
        modifiers: { a: some() },
      }
      outcomes.add(refusedWith("x.resolver.json", JSON.stringify(document)))
    }
    expect(outcomes.size).toBeGreaterThan(1)
  })
})
