/**
 * Alters archives, or requests to a server, at random for longer than a test suite may take.
 *
 *   npm run fuzz                          20,000 mutations, from seed 0
 *   npm run fuzz -- --count 500 --from 7  others
 *   npm run fuzz -- --seed 17             one
 *   npm run fuzz -- --http                requests over HTTP instead of archives
 *
 * Prints how many were accepted and refused, by stage and code (requests: by status). Ends with status 1
 * when one was judged wrongly; such archives are kept in the temporary folder.
 */
import { parseArgs } from "node:util"
import { fuzzServer } from "./adapters/http/fuzzing.ts"
import { Range } from "./archive/hostile/sources.ts"
import { tally } from "./archive/hostile/verdicts.ts"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "20000" },
    from: { type: "string", default: "0" },
    http: { type: "boolean", default: false },
    seed: { type: "string" },
  },
})

const wholeNumber = (name: string, text: string): number => {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  process.stderr.write(`--${name} ${text} is not a whole number\n`)
  process.exit(2)
}

const progressMillis = 5000
const { seed } = values
const from = seed === undefined ? wholeNumber("from", values.from) : wholeNumber("seed", seed)
const count = seed === undefined ? wholeNumber("count", values.count) : 1

const start = performance.now()
let shown = start
const tell = (done: number): void => {
  if (performance.now() - shown < progressMillis) return
  shown = performance.now()
  process.stderr.write(`${done} of ${count}\n`)
}

interface Judged {
  readonly lines: ReadonlyArray<string>
  readonly faults: ReadonlyArray<string>
}

const archives = async (): Promise<Judged> => {
  const range = await Range.open()
  const { accepted, refused, faults } = await tally(range, from, count, tell)
  await range.close()
  const reasons = Object.entries(refused).toSorted((one, other) => other[1] - one[1])
  const lines = reasons.map(([reason, times]) => `${times}\trefused: ${reason}`)
  return { lines: [`${accepted.length}\taccepted, unchanged`, ...lines], faults }
}

const requests = async (): Promise<Judged> => {
  const { answers, faults } = await fuzzServer(from, count, tell)
  const counted = [...answers].toSorted((one, other) => other[1] - one[1])
  const lines = counted.map(([status, times]) => `${times}\t${status === 0 ? "closed" : status}`)
  return { lines, faults }
}

const { lines, faults } = await (values.http ? requests() : archives())
const seconds = ((performance.now() - start) / 1000).toFixed(1)
process.stdout.write(`${lines.join("\n")}\n`)
for (const fault of faults) process.stdout.write(`WRONG ${fault}\n`)
process.stdout.write(
  `${count} mutations from seed ${from} in ${seconds} s, ${faults.length} judged wrongly\n`,
)
process.exitCode = faults.length === 0 ? 0 : 1
