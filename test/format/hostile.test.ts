/**
 * Two verifiers of one page on files that were made to harm, and on what honest tools make: whatever
 * ours refuses, the one in Python refuses, and they take the same.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { allAttacks } from "../archive/hostile/all.ts"
import { strictDoors } from "../archive/hostile/attack.ts"
import { baseOf, pairIn } from "../archive/hostile/base.ts"
import { controlsOf } from "../archive/hostile/controls.ts"
import { ourVerdict, pythonVerdicts } from "./verdicts.ts"
import type { Judged, Verdict } from "./verdicts.ts"

const folder = mkdtempSync(join(tmpdir(), "lamplog-format-hostile-"))
const pair = await pairIn(folder)
await pair.victim.close()
const base = await baseOf(pair)
const controls = Object.entries(await controlsOf(base.members))

/** Some are wrong only for a reader who holds another project, or part of this one. */
const attacks = allAttacks(base).map((attack) => ({
  name: `${attack.class}: ${attack.name}`,
  isForVerifiers: (attack.doors ?? strictDoors).includes("verified"),
  build: attack.build,
}))

const filesFolder = join(folder, "files")
const pathOf = (name: string): string => join(filesFolder, `${name.replaceAll(/\W/g, "-")}.lamplog`)
const python = new Map<string, Judged>()
const ours = new Map<string, Verdict>()

beforeAll(async () => {
  mkdirSync(filesFolder)
  attacks.forEach(({ build, name }, index) => writeFileSync(pathOf(`${index} ${name}`), build()))
  controls.forEach(([name, bytes]) => writeFileSync(pathOf(name), bytes))
  const paths = [
    ...attacks.map(({ name }, index) => pathOf(`${index} ${name}`)),
    ...controls.map(([name]) => pathOf(name)),
  ]
  for (const [path, verdict] of pythonVerdicts(paths)) python.set(path, verdict)
  for (const path of paths) ours.set(path, await ourVerdict(path))
}, 300_000)

afterAll(async () => {
  await pair.author.close()
  rmSync(folder, { recursive: true, force: true })
})

describe("both verifiers", () => {
  it.each(attacks.map((attack, index) => ({ ...attack, path: pathOf(`${index} ${attack.name}`) })))(
    "judge alike: $name",
    ({ isForVerifiers, path }) => {
      const [one, other] = [python.get(path)!, ours.get(path)!]
      expect(one.ok, `${one.errors.join()} in Python, ${other.errors.join()} here`).toBe(other.ok)
      if (isForVerifiers) expect(one.ok).toBe(false)
    },
  )

  it.each(controls)("take what an honest tool made: %s", (name) => {
    const path = pathOf(name)
    expect(python.get(path)).toMatchObject({ ok: true, errors: [] })
    expect(ours.get(path)).toMatchObject({ ok: true, errors: [] })
  })
})
