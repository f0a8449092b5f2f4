/**
 * Files made to harm are refused: at the right stage, in bounded memory, and without a trace.
 *
 * Every attack is grafted on an archive that would be taken, and goes through every public door of
 * one project in a process of its own. The project's bytes and the lists of files are the same before
 * and after all of them, and the honest archive is still taken at the end.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openProject } from "../../src/promise.ts"
import { allAttacks } from "./hostile/all.ts"
import { looseDoors, strictDoors } from "./hostile/attack.ts"
import { baseOf, pairIn } from "./hostile/base.ts"
import { traceOf, tried } from "./hostile/trial.ts"
import type { Trial } from "./hostile/trial.ts"
import type { Answer } from "./hostile/victim.ts"

const grownMebibytesMax = 200

const folder = mkdtempSync(join(tmpdir(), "lamplog-hostile-"))
const temporary = join(folder, "tmp")
const pair = await pairIn(folder)
await pair.victim.close()
const base = await baseOf(pair)
const attacks = allAttacks(base)
const pathOf = (index: number): string => join(folder, "attacks", `${index}.lamplog`)

let trial: Trial
let before: unknown
let after: unknown
beforeAll(async () => {
  mkdirSync(join(folder, "attacks"))
  mkdirSync(temporary)
  attacks.forEach(({ build }, index) => writeFileSync(pathOf(index), build()))
  before = traceOf(pair, temporary)
  trial = await tried(
    pair,
    temporary,
    base.identity,
    attacks.map(({ doors }, index) => ({
      path: pathOf(index),
      doors: doors ?? [...strictDoors, ...looseDoors],
    })),
  )
  after = traceOf(pair, temporary)
}, 300_000)
afterAll(async () => {
  await pair.author.close()
  rmSync(folder, { recursive: true, force: true })
})

describe("hostile files", () => {
  it("are at least 150, each with a name of its own", () => {
    const names = attacks.map((attack) => `${attack.class}: ${attack.name}`)
    expect(names.length).toBeGreaterThanOrEqual(150)
    expect(new Set(names).size).toBe(names.length)
  })

  it("do not end the process", () => {
    expect(trial.ended).toEqual({ status: 0, errors: "" })
  })

  it("change no byte of the project and leave no file anywhere", () => {
    expect(after).toEqual(before)
  })
})

describe.each(attacks.map((attack, index) => ({ ...attack, index })))(
  "$class: $name",
  ({ stages, codes, doors = strictDoors, index }) => {
    it("is refused", () => {
      const verdict = trial.verdicts.get(pathOf(index))
      expect(verdict, "it ended the process").toBeDefined()
      const { answers, grownMebibytes } = verdict!
      for (const door of doors) {
        const answer = answers[door]!
        expect(answer, door).toMatchObject({ kind: "refused", complete: true })
        const { stage, code } = answer as Extract<Answer, { kind: "refused" }>
        expect(stages, `${door} ${JSON.stringify(answer)}`).toContain(stage)
        if (codes !== undefined) expect(codes, door).toContain(code)
      }
      expect(answers["guessed"]?.kind ?? "refused").toBe("refused")
      expect(answers["inspected"]?.kind).not.toBe("crashed")
      expect(grownMebibytes).toBeLessThan(grownMebibytesMax)
    })
  },
)

describe("the archive that they were grafted on", () => {
  it("is taken after all of them", async () => {
    const victim = await openProject({
      directory: pair.victimDirectory,
      stateDirectory: pair.stateDirectory,
    })
    await victim.mergeProject(pair.complete)
    expect((await victim.status()).digest).toBe((await pair.author.status()).digest)
    await victim.close()
  })
})
