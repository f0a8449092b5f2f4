/**
 * Two verifiers of one page on files that were altered at random: they take and refuse the same.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { membersOf } from "../archive/hostile/base.ts"
import { mutationOf } from "../archive/hostile/mutations.ts"
import { makeKinds, Workplace } from "./kinds.ts"
import { ourVerdict, pythonVerdicts } from "./verdicts.ts"

/** Of the mutations; another one, and more of them, are a wider search. */
const firstSeed = Number(process.env.LAMPLOG_SEED ?? "1")
const mutations = Number(process.env.LAMPLOG_MUTATIONS ?? "300")
/** Of these at least, lest everything be refused for one reason. */
const reasonsMin = 12

const place = new Workplace()
const files = new Map<string, string>()

beforeAll(async () => {
  const kinds = await makeKinds(place)
  const sources = [...kinds].map(([name, path]) => {
    const bytes = readFileSync(path)
    return { name, bytes, members: membersOf(bytes), exportHash: "", effect: "" }
  })
  const folder = join(place.folder, "mutations")
  mkdirSync(folder)
  for (let seed = firstSeed; seed < firstSeed + mutations; seed++) {
    const { bytes, source, what } = mutationOf(seed, sources)
    const path = join(folder, `${seed}.lamplog`)
    writeFileSync(path, bytes)
    files.set(path, `LAMPLOG_SEED=${seed} (${source.name}: ${what})`)
  }
}, 60_000)

afterAll(() => place.clear())

it("judges alike whatever happened to an archive", { timeout: 300_000 }, async () => {
  const told = pythonVerdicts([...files.keys()])
  const reasons = new Set<string>()
  const differences: Array<string> = []
  for (const [path, name] of files) {
    const [one, other] = [told.get(path)!, await ourVerdict(path)]
    for (const code of one.errors) reasons.add(code)
    if (one.ok !== other.ok) {
      differences.push(`${name}: ${one.errors.join()} in Python, ${other.errors.join()} here`)
    }
  }
  expect(differences).toEqual([])
  expect(reasons.size).toBeGreaterThanOrEqual(reasonsMin)
})
