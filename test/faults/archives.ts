/**
 * All that can go wrong outside while an archive is written or taken in, one seed after another: the
 * seed says what goes wrong, with which command, and when.
 */
import { ArchiveBench } from "./archive-bench.ts"
import { diskRunner } from "./archive-disk.ts"
import type { DiskFault } from "./archive-disk.ts"
import { Stopper } from "./archive-stop.ts"

/** What became of one run, whatever went wrong in it. */
export interface ArchiveRun {
  readonly kind: string
  /** Whether the fault came before the command was done. */
  readonly inTime: boolean
  /** What else is worth counting. */
  readonly told: string | undefined
  readonly faults: ReadonlyArray<string>
}

interface Fault {
  readonly kind: string
  readonly run: (seed: number) => Promise<Omit<ArchiveRun, "kind">>
}

/** Files to work on, and a place to mount disks, for many runs. */
export class ArchiveFaults {
  readonly #bench = new ArchiveBench()
  readonly #disks = diskRunner(this.#bench.files)
  readonly #faults: ReadonlyArray<Fault>

  constructor() {
    const stopper = new Stopper(this.#bench)
    const stopping = (["export", "import"] as const).flatMap((of) =>
      (["killed", "interrupted"] as const).map((how): Fault => {
        const run = async (seed: number) => {
          const stopped = await stopper.stop(of, how, seed)
          const { faults, inTime, midway } = stopped
          return { inTime, told: midway ? "with something half done" : undefined, faults, stopped }
        }
        return { kind: `${of} ${how}`, run }
      }),
    )
    const disks = (["full", "read-only"] as const).map((fault: DiskFault): Fault => {
      const run = async (seed: number) => {
        const refused = await this.#disks.run({ fault, seed })
        const { early, faults, refusal } = refused
        const told = early ? "before anything was written" : undefined
        return { inTime: refusal !== undefined, told, faults, refused }
      }
      return { kind: `disk ${fault}`, run }
    })
    this.#faults = [...stopping, ...disks]
  }

  /** Runs one seed; kinds take turns. */
  async run(seed: number): Promise<ArchiveRun> {
    const { kind, run } = this.#faults[seed % this.#faults.length]!
    return { kind, ...(await run(seed)) }
  }

  async remove(): Promise<void> {
    await this.#disks.end()
    this.#bench.remove()
  }
}

interface Counts {
  runs: number
  inTime: number
  readonly told: Map<string, number>
}

/** How many runs there were of each kind, and how many the fault came in time for. */
export class Tally {
  readonly #counts = new Map<string, Counts>()

  add({ inTime, kind, told }: ArchiveRun): void {
    const counts = this.#counts.get(kind) ?? { runs: 0, inTime: 0, told: new Map() }
    this.#counts.set(kind, counts)
    counts.runs += 1
    if (inTime) counts.inTime += 1
    if (told !== undefined) counts.told.set(told, (counts.told.get(told) ?? 0) + 1)
  }

  text(): string {
    const lines = [...this.#counts].map(([kind, { inTime, runs, told }]) => {
      const more = [...told].map(([what, count]) => `, ${count} ${what}`)
      return `${kind}: ${runs} runs, ${inTime} in time${more.join("")}\n`
    })
    return lines.join("")
  }
}

/** For soaking: one run for each seed; throws what was wrong afterwards. */
export const archiveSeeds = () => {
  const faults = new ArchiveFaults()
  const tally = new Tally()
  return {
    run: async (seed: number): Promise<void> => {
      const run = await faults.run(seed)
      tally.add(run)
      if (run.faults.length === 0) return
      throw new Error(
        `${JSON.stringify(run, null, 2)}\nagain: npm run soak -- --kind archives --seed ${seed}`,
      )
    },
    end: async (): Promise<string> => {
      await faults.remove()
      return tally.text()
    },
  }
}
