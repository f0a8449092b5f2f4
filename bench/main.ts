/**
 * `npm run bench`: how far Lamplog is from what the machine allows.
 *
 *   --quick          smaller sizes, for a first look
 *   --json           one JSON document instead of the table
 *   --full           also what takes many minutes and gigabytes of disk
 *   --only NAME      one question, or one group of them (may be repeated)
 *   --runs N         runs of each subject, 5 unless given
 *   --seed N         seed of all data, 1 unless given
 *   --strict         exit 1 when a bar is missed
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { answerFrom, oursName, preparation, runChild, table } from "./measure.ts"
import type { Answer, Question, Run } from "./measure.ts"
import { questions } from "./questions.ts"

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    runs: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
  },
})

const folder = mkdtempSync(join(tmpdir(), "lamplog-bench-"))
const scratch = join(folder, "scratch")
const preparationOf = ({ name, preparation = name }: Question): string => preparation

/** Leaves what a question works on; takes away what the one before did, unless it is the same. */
let present: string | undefined
const prepare = (question: Question, run: (subject: string) => Run): void => {
  const wanted = preparationOf(question)
  if (wanted === present) return
  if (present !== undefined) rmSync(join(folder, present), { recursive: true, force: true })
  present = wanted
  run(preparation)
}

const ask = (question: Question, answered: ReadonlyArray<Answer>): Answer => {
  const size = options.quick ? question.quickSize : question.size
  const seed = Number(options.seed)
  const prepared = join(folder, preparationOf(question))
  const subjects = [oursName, ...Object.keys(question.limits)]
  const runs = new Map<string, Array<Run>>(subjects.map((subject) => [subject, []]))
  const once = (subject: string): Run => {
    try {
      return runChild(question.name, subject, { prepared, scratch, size, seed })
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }
  prepare(question, once)
  const rounds = Math.min(Number(options.runs), question.runsMax ?? Infinity)
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) runs.get(subject)!.push(once(subject))
  }
  const units = new Set([...runs.values()].flat().map((run) => run.units))
  if (units.size !== 1) throw new Error(`${question.name}: subjects did different amounts of work`)
  return answerFrom(question, size, runs, answered)
}

const isWanted = ({ full = false, group, name }: Question): boolean => {
  const { only } = options
  if (only === undefined) return !full || options.full
  return (
    only.includes(name) || (group !== undefined && only.includes(group) && (!full || options.full))
  )
}

const answers: Array<Answer> = []
try {
  for (const question of questions.filter(isWanted)) {
    if (!options.json) process.stderr.write(`${question.name}: ${question.asks}\n`)
    answers.push(ask(question, answers))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.stdout.write(options.json ? `${JSON.stringify(answers, null, 1)}\n` : `${table(answers)}\n`)
if (options.strict && answers.some((answer) => answer.missed.length > 0)) process.exitCode = 1
