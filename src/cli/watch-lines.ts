/**
 * What `sync --watch` shows: one line for each remote, written over in place on a terminal; elsewhere
 * a new line whenever a remote stands otherwise than before.
 */
import type { LamplogError } from "../event/failure.ts"
import type { FollowState } from "../project/meeting.ts"
import { cut, grouped, paintFor, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import type { Terminal } from "./terminal.ts"

/** How a remote stands; `error` alone when it was given up. */
export type Standing = FollowState | { readonly phase: "stopped"; readonly error: LamplogError }

const phases = {
  meeting: "meeting",
  "in sync": "in sync",
  waiting: "waiting",
  stopped: "stopped",
} as const

const phaseWidth = Math.max(...Object.values(phases).map((text) => text.length))
const redrawMillisMin = 100

const seconds = (millis: number): string => `${Math.max(1, Math.round(millis / 1000))} s`

/** What there is to say beside the phase. */
const detailOf = (standing: Standing): string => {
  if (standing.phase === "stopped") {
    return `${standing.error.message} → ${standing.error.remedy}`
  }
  const { ahead, behind, error, nextAttemptMillis, pulled, pushed, refused, waiting } = standing
  const moved = `pulled ${grouped(pulled)}, pushed ${grouped(pushed)}`
  const left = [
    ...(waiting === 0 ? [] : [`${grouped(waiting)} waiting`]),
    ...(refused.length === 0 ? [] : [`${grouped(refused.length)} refused`]),
  ]
  const counts = [moved, ...left].join(", ")
  if (standing.phase !== "waiting") return counts
  const again = nextAttemptMillis === undefined ? "" : `again in ${seconds(nextAttemptMillis)}; `
  if (error !== undefined) return `${again}${error.message}`
  const lacks = [
    ...(behind.length === 0 ? [] : ["events there are not held here"]),
    ...(ahead.length === 0 ? [] : ["events here are not held there"]),
  ]
  return [counts, ...lacks].join("; ")
}

const colourOf = (phase: Standing["phase"], paint: Paint): ((text: string) => string) => {
  switch (phase) {
    case "in sync":
      return paint.green
    case "stopped":
      return paint.red
    case "waiting":
      return paint.yellow
    case "meeting":
      return paint.dim
  }
}

/** One remote's line, no wider than the terminal. */
export const watchLine = (
  name: string,
  nameWidth: number,
  standing: Standing | undefined,
  { columns, paint }: { readonly columns: number; readonly paint: Paint },
): string => {
  const phase = standing?.phase ?? "meeting"
  const head = `${cut(printable(name), nameWidth).padEnd(nameWidth)}  `
  const detail = standing === undefined ? "" : printable(detailOf(standing))
  const room = Math.max(0, columns - head.length - phaseWidth - 2)
  const shown = cut(detail, room)
  return `${paint.bold(head)}${colourOf(phase, paint)(phases[phase].padEnd(phaseWidth))}  ${shown}`.trimEnd()
}

const nameWidthMax = 30

export class WatchLines {
  readonly #terminal: Terminal
  readonly #paint: Paint
  readonly #standings: Map<string, Standing | undefined>
  readonly #nameWidth: number
  #drawn = 0
  #text = ""
  #timer: NodeJS.Timeout | undefined
  /** What was written last of each remote, where lines stay. */
  readonly #last = new Map<string, string>()
  #writing: Promise<void> = Promise.resolve()

  constructor(terminal: Terminal, names: ReadonlyArray<string>) {
    this.#terminal = terminal
    this.#paint = paintFor(terminal.outputIsTerminal, terminal.environment)
    this.#standings = new Map(names.map((name) => [name, undefined]))
    this.#nameWidth = Math.min(nameWidthMax, Math.max(...names.map((name) => name.length)))
  }

  tell(name: string, standing: Standing): void {
    this.#standings.set(name, standing)
    if (!this.#terminal.outputIsTerminal) this.#append(name, standing)
    // However fast the news, people see a calm line.
    else this.#timer ??= setTimeout(() => this.#draw(), redrawMillisMin)
  }

  /** Shows the last state of things; resolves when everything is written. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#terminal.outputIsTerminal) this.#draw()
    await this.#writing
  }

  #append(name: string, standing: Standing): void {
    // Meetings come and go; what came of them is the news, once it is known what happens next.
    if (standing.phase === "meeting") return
    if (standing.phase === "waiting" && standing.nextAttemptMillis === undefined) return
    const width = { columns: Number.MAX_SAFE_INTEGER, paint: this.#paint }
    const line = watchLine(name, this.#nameWidth, standing, width)
    const news = line.replace(/again in \d+ s; /, "")
    if (this.#last.get(name) === news) return
    this.#last.set(name, news)
    this.#write(`${line}\n`)
  }

  #draw(): void {
    this.#timer = undefined
    const width = { columns: this.#terminal.columns - 1, paint: this.#paint }
    const lines = [...this.#standings].map(([name, standing]) =>
      watchLine(name, this.#nameWidth, standing, width),
    )
    const text = lines.map((line) => `\r\u001b[2K${line}\n`).join("")
    if (text === this.#text) return
    this.#text = text
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`
    this.#drawn = lines.length
    this.#write(up + text)
  }

  #write(text: string): void {
    // Nobody may read any more: that shows when the command ends.
    this.#writing = this.#writing.then(() => this.#terminal.write(text)).catch(() => undefined)
  }
}
