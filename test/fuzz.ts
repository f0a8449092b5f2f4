/**
 * Alters archives at random for longer than a test suite may take.
 *
 *   npm run fuzz                          20,000 mutations, from seed 0
 *   npm run fuzz -- --count 500 --from 7  others
 *   npm run fuzz -- --seed 17             one
 *
 * Prints how many were accepted and refused, by stage and code. Ends with status 1 when a file was
 * judged wrongly; such files are kept in the temporary folder.
 */
import { parseArgs } from "node:util"
import { Range } from "./archive/hostile/sources.ts"
import { tally } from "./archive/hostile/verdicts.ts"

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "20000" },
    from: { type: "string", default: "0" },
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

const range = await Range.open()
const start = performance.now()
let shown = start
const { accepted, refused, faults } = await tally(range, from, count, (done) => {
  if (performance.now() - shown < progressMillis) return
  shown = performance.now()
  process.stderr.write(`${done} of ${count}\n`)
})
await range.close()
const seconds = ((performance.now() - start) / 1000).toFixed(1)
const reasons = Object.entries(refused).toSorted((one, other) => other[1] - one[1])
const lines = reasons.map(([reason, times]) => `${times}\trefused: ${reason}`)
process.stdout.write(`${[`${accepted.length}\taccepted, unchanged`, ...lines].join("\n")}\n`)
for (const fault of faults) process.stdout.write(`WRONG ${fault}\n`)
process.stdout.write(
  `${count} mutations from seed ${from} in ${seconds} s, ${faults.length} judged wrongly\n`,
)
process.exitCode = faults.length === 0 ? 0 : 1
