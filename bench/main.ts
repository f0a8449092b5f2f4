/**
 * `npm run bench`: how far Lamplog is from what the machine allows.
 *
 *   --quick          smaller sizes, for a first look
 *   --json           one JSON document instead of the table
 *   --only NAME      one question (may be repeated)
 *   --runs N         runs of each subject, 5 unless given
 *   --seed N         seed of all data, 1 unless given
 *   --strict         exit 1 when a bar is missed
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { answerFrom, oursName, runChild, table } from "./measure.ts"
import type { Answer, Question, Run } from "./measure.ts"
import { questions } from "./questions.ts"

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    runs: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
  },
})

const ask = (question: Question, folder: string): Answer => {
  const size = options.quick ? question.quickSize : question.size
  const seed = Number(options.seed)
  const prepared = join(folder, question.name)
  const subjects = [oursName, ...Object.keys(question.limits)]
  const runs = new Map<string, Array<Run>>(subjects.map((subject) => [subject, []]))
  const once = (subject: string): Run => {
    const scratch = join(folder, "scratch")
    try {
      return runChild(question.name, subject, { prepared, scratch, size, seed })
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }
  once("prepare")
  for (let run = 0; run < Number(options.runs); run++) {
    for (const subject of subjects) runs.get(subject)!.push(once(subject))
  }
  rmSync(prepared, { recursive: true, force: true })
  const units = new Set([...runs.values()].flat().map((run) => run.units))
  if (units.size !== 1) throw new Error(`${question.name}: subjects did different amounts of work`)
  return answerFrom(question, size, runs)
}

const folder = mkdtempSync(join(tmpdir(), "lamplog-bench-"))
const answers: Array<Answer> = []
try {
  for (const question of questions) {
    if (options.only !== undefined && !options.only.includes(question.name)) continue
    if (!options.json) process.stderr.write(`${question.name}: ${question.asks}\n`)
    answers.push(ask(question, folder))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.stdout.write(options.json ? `${JSON.stringify(answers, null, 1)}\n` : `${table(answers)}\n`)
if (options.strict && answers.some((answer) => answer.missed.length > 0)) process.exitCode = 1
