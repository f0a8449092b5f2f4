/**
 * What a benchmark is made of: questions, subjects that answer them, and how a run is measured.
 *
 * Each subject of a question (Lamplog, and the limits it is held against) runs in a process of its
 * own, over the same bytes, which a further process has prepared. Runs of the subjects alternate, so
 * that a busy machine disturbs all of them alike; medians are compared.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"

export interface Place {
  /** What `prepare` left; only read. */
  readonly prepared: string
  /** Empty, for this run alone. */
  readonly scratch: string
  readonly size: number
  readonly seed: number
}

/** Adds up the time between `start` and `stop`, so that making the input is not measured. */
export class Stopwatch {
  millis = 0
  cpuMillis = 0
  /** What a run has to tell beside its time. */
  readonly notes: { [name: string]: number } = {}
  #began = 0
  #cpuBegan = process.cpuUsage()

  start(): void {
    this.#cpuBegan = process.cpuUsage()
    this.#began = performance.now()
  }

  stop(): void {
    this.millis += performance.now() - this.#began
    const { user, system } = process.cpuUsage(this.#cpuBegan)
    this.cpuMillis += (user + system) / 1000
  }

  note(notes: { readonly [name: string]: number }): void {
    Object.assign(this.notes, notes)
  }

  time<A>(run: () => A): A {
    this.start()
    const result = run()
    this.stop()
    return result
  }
}

/** Does the work once; returns how many units it did, so that no subject can leave some out. */
export type Subject = (place: Place, watch: Stopwatch) => number | Promise<number>

export interface Question {
  readonly name: string
  readonly asks: string
  /** What `size` counts. */
  readonly unit: string
  readonly size: number
  readonly quickSize: number
  readonly prepare: (place: Omit<Place, "scratch">) => void | Promise<void>
  /** Questions that follow each other and name the same preparation share what it left. */
  readonly preparation?: string
  /** A name under which several questions are asked together. */
  readonly group?: string
  /** Asked only when everything is. */
  readonly full?: boolean
  /** Runs at most, where one takes long. */
  readonly runsMax?: number
  readonly ours: Subject
  readonly limits: { readonly [name: string]: Subject }
  /** Least ratio of limit time to our time that we accept, by limit. */
  readonly bars?: { readonly [limit: string]: number }
  /** Most memory that we accept, in bytes. */
  readonly memoryBytesMax?: number
  /** A smaller question, and how many times its memory this one may take. */
  readonly flat?: { readonly with: string; readonly ratio: number }
}

export const oursName = "lamplog"
/** What a child is told that prepares. */
export const preparation = "prepare"

export interface Run {
  readonly millis: number
  readonly cpuMillis: number
  readonly units: number
  /** Peak of the whole process: program, input and work. */
  readonly peakBytes: number
  readonly notes: { readonly [name: string]: number }
}

/** As the command line starts itself (src/cli/main.ts). */
const commandLineOptions = ["--max-semi-space-size=4", "--heap-growing-percent=100"]

/** One run of one subject, or the preparation, in a fresh process. */
export const runChild = (
  question: string,
  subject: string,
  place: Place,
  nodeOptions: ReadonlyArray<string> = [],
): Run => {
  const child = spawnSync(
    process.execPath,
    [
      ...commandLineOptions,
      ...nodeOptions,
      join(import.meta.dirname, "child.ts"),
      question,
      subject,
      place.prepared,
      place.scratch,
      String(place.size),
      String(place.seed),
    ],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  )
  if (child.status !== 0) {
    throw new Error(`${question}/${subject} ended with ${child.status ?? child.signal}`)
  }
  return JSON.parse(child.stdout.trimEnd().split("\n").at(-1)!) as Run
}

export const median = (numbers: ReadonlyArray<number>): number => {
  const sorted = numbers.toSorted((left, right) => left - right)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export interface Figure {
  readonly subject: string
  readonly millis: number
  readonly cpuMillis: number
  readonly microsPerUnit: number
  readonly peakBytes: number
  /** Medians of what the runs noted. */
  readonly notes: { readonly [name: string]: number }
  /** Limit time divided by our time: 1 means as fast as the limit. Missing for ourselves. */
  readonly ratio?: number
  /** The same of processor time, which a busy machine disturbs less. */
  readonly cpuRatio?: number
}

export interface Answer {
  readonly question: string
  readonly asks: string
  readonly unit: string
  readonly size: number
  readonly figures: ReadonlyArray<Figure>
  /** What fell short of a bar; empty when all hold. */
  readonly missed: ReadonlyArray<string>
}

const bytesPerMegabyte = 1e6

const megabytes = (bytes: number): string => `${(bytes / bytesPerMegabyte).toFixed(0)} MB`

/** What takes more memory than its size allows, beside a question that was answered before. */
const notFlat = (
  { flat }: Question,
  { peakBytes }: Figure,
  answered: ReadonlyArray<Answer>,
): ReadonlyArray<string> => {
  const smaller = answered.find(({ question }) => question === flat?.with)
  if (flat === undefined || smaller === undefined) return []
  const smallerBytes = smaller.figures[0]!.peakBytes
  return peakBytes <= smallerBytes * flat.ratio
    ? []
    : [`${megabytes(peakBytes)} of memory, bar ${flat.ratio} times ${megabytes(smallerBytes)}`]
}

/** Medians of all runs of all subjects, beside the bars. */
export const answerFrom = (
  question: Question,
  size: number,
  runs: ReadonlyMap<string, ReadonlyArray<Run>>,
  answered: ReadonlyArray<Answer>,
): Answer => {
  const figureOf = (subject: string): Figure => {
    const own = runs.get(subject)!
    const millis = median(own.map((run) => run.millis))
    return {
      subject,
      millis,
      cpuMillis: median(own.map((run) => run.cpuMillis)),
      microsPerUnit: (millis * 1000) / own[0]!.units,
      peakBytes: median(own.map((run) => run.peakBytes)),
      notes: Object.fromEntries(
        Object.keys(own[0]!.notes).map((name) => [
          name,
          median(own.map((run) => run.notes[name]!)),
        ]),
      ),
    }
  }
  const ours = figureOf(oursName)
  const limits = Object.keys(question.limits).map((name) => {
    const limit = figureOf(name)
    const cpuRatio = limit.cpuMillis / ours.cpuMillis
    return { ...limit, ratio: limit.millis / ours.millis, cpuRatio }
  })
  const missed = limits.flatMap(({ subject, ratio }) => {
    const bar = question.bars?.[subject]
    return bar === undefined || ratio >= bar
      ? []
      : [`${ratio.toFixed(3)} of "${subject}", bar ${bar}`]
  })
  const memoryMax = question.memoryBytesMax
  if (memoryMax !== undefined && ours.peakBytes > memoryMax) {
    missed.push(`${megabytes(ours.peakBytes)} of memory, bar ${megabytes(memoryMax)}`)
  }
  missed.push(...notFlat(question, ours, answered))
  const { name, asks, unit } = question
  return { question: name, asks, unit, size, figures: [ours, ...limits], missed }
}

/** Rows of equal width, numbers to the right. */
export const table = (answers: ReadonlyArray<Answer>): string => {
  const head = [
    "question",
    "subject",
    "time",
    "cpu",
    "each",
    "peak memory",
    "limit ÷ ours",
    "by cpu",
    "notes",
  ]
  const rows = answers.flatMap((answer) =>
    answer.figures.map((figure, index) => [
      index === 0 ? `${answer.question} (${answer.size} ${answer.unit})` : "",
      figure.subject,
      `${figure.millis.toFixed(0)} ms`,
      `${figure.cpuMillis.toFixed(0)} ms`,
      `${figure.microsPerUnit.toFixed(2)} µs`,
      megabytes(figure.peakBytes),
      figure.ratio === undefined ? "" : figure.ratio.toFixed(2),
      figure.cpuRatio === undefined ? "" : figure.cpuRatio.toFixed(2),
      Object.entries(figure.notes)
        .map(([name, count]) => `${count} ${name}`)
        .join(", "),
    ]),
  )
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  )
  const line = (cells: ReadonlyArray<string>) =>
    cells
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join("  ")
      .trimEnd()
  const missed = answers.flatMap((answer) =>
    answer.missed.map((text) => `  below the bar: ${answer.question}: ${text}`),
  )
  return [line(head), ...rows.map(line), ...missed].join("\n")
}
