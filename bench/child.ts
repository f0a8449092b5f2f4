/**
 * One run of one subject, in this process alone. Started by `measure.ts`; prints one line of JSON.
 */
import { mkdirSync } from "node:fs"
import { oursName, preparation, Stopwatch } from "./measure.ts"
import type { Run } from "./measure.ts"
import { questions } from "./questions.ts"

const [name, subject, prepared, scratch, size, seed] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const question = questions.find((candidate) => candidate.name === name)!
const place = { prepared, scratch, size: Number(size), seed: Number(seed) }
process.env.LAMPLOG_STATE_DIR = `${scratch}/state`
mkdirSync(scratch, { recursive: true })

const watch = new Stopwatch()
let units = 0
if (subject === preparation) {
  mkdirSync(prepared, { recursive: true })
  await question.prepare(place)
} else {
  const run = subject === oursName ? question.ours : question.limits[subject]!
  units = await run(place, watch)
}
const run: Run = {
  millis: watch.millis,
  cpuMillis: watch.cpuMillis,
  units,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  notes: watch.notes,
}
process.stdout.write(`${JSON.stringify(run)}\n`)
