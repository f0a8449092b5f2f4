/**
 * Runs the random tests for longer than a test suite may take.
 *
 *   npm run soak -- --seeds 10000            histories for the seeds 0 to 9,999
 *   npm run soak -- --seeds 500 --from 2000  the next ones
 *   npm run soak -- --seed 17                one seed, with the smallest history that fails
 *   npm run soak -- --kind histories         which kind of test
 *   npm run soak -- --kind kill --seeds 200  processes killed at random moments
 *   npm run soak -- --kind servers --seeds 20  nats-servers killed while replicas meet
 *   npm run soak -- --kind sync              replicas that meet, and all that goes wrong there
 *   npm run soak -- --kind clusters --seeds 20  the same with leaders of a cluster of three
 *   npm run soak -- --kind processes --seeds 1  ten processes on one server, 1,000 edits each
 *   npm run soak -- --kind archives          exports and imports killed, interrupted, out of room
 *
 * Ends with status 1 at the first failure, which it prints with the command that brings it back.
 */
import { parseArgs } from "node:util"

/** A kind of random test. */
interface Kind {
  /** Runs one seed, and throws an error that tells how to replay it. */
  readonly run: (seed: number) => Promise<void>
  /** Clears up after the last seed, and sums up what there was. */
  readonly end?: () => Promise<string>
}

/** Loaded only when asked for, so that one kind does not need what another needs. */
const kinds: { readonly [kind: string]: () => Promise<Kind> } = {
  histories: async () => ({ run: (await import("./simulation/seeds.ts")).runSeed }),
  sync: async () => ({ run: (await import("./sync/simulation/seeds.ts")).runSyncSeed }),
  forgeries: async () => {
    const { runForgery } = await import("./log/forgery.ts")
    return { run: async (seed) => runForgery(seed) }
  },
  kill: async () => ({ run: await (await import("./faults/kill.ts")).killSeeds() }),
  archives: async () => (await import("./faults/archives.ts")).archiveSeeds(),
  servers: async () => (await import("./nats/kill-rounds.ts")).killRounds("server"),
  clusters: async () => (await import("./nats/kill-rounds.ts")).killRounds("cluster"),
  processes: async () => (await import("./nats/processes.ts")).processSeeds(),
}

const usage = (message: string): never => {
  process.stderr.write(`${message}\nkinds: ${Object.keys(kinds).join(", ")}\n`)
  process.exit(2)
}

const wholeNumber = (name: string, text: string): number => {
  const number = Number(text)
  return Number.isSafeInteger(number) && number >= 0
    ? number
    : usage(`--${name} ${text} is not a whole number`)
}

const progressMillis = 5000

const { values } = parseArgs({
  options: {
    kind: { type: "string", default: "histories" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "0" },
    seed: { type: "string" },
  },
})

const kind = Object.hasOwn(kinds, values.kind) ? kinds[values.kind] : undefined
if (kind === undefined) usage(`there is no kind of test called ${values.kind}`)
const single = values.seed === undefined ? undefined : wholeNumber("seed", values.seed)
const from = single ?? wholeNumber("from", values.from)
const count = single === undefined ? wholeNumber("seeds", values.seeds) : 1

const { end, run } = await kind!()
let shown = performance.now()
for (let seed = from; seed < from + count; seed++) {
  try {
    await run(seed)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    await end?.()
    process.exit(1)
  }
  if (performance.now() - shown < progressMillis) continue
  shown = performance.now()
  process.stderr.write(`${seed - from + 1} of ${count}\n`)
}
process.stdout.write((await end?.()) ?? "")
process.stdout.write(`${count} ${values.kind} from seed ${from}: every property held\n`)
