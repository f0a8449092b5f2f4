/**
 * One line on stderr that tells how far a long call has come: stage, share, rate, time left.
 *
 * Appears after half a second, only on a terminal, and takes itself away; nothing of it ever gets
 * into a file or a pipe.
 */
import type { Progress, ProgressListener } from "../project/progress.ts"
import { counted, grouped, paintFor } from "./paint.ts"
import type { Paint } from "./paint.ts"
import type { Terminal } from "./terminal.ts"

const delayMillis = 500
const redrawMillis = 100
const barCells = 20
const clearLine = "\r\u001b[2K"

const size = (count: number, unit: Progress["unit"]): string =>
  unit === "bytes" ? `${(count / 1e6).toFixed(1)} MB` : counted(count, unit.replace(/s$/, ""), unit)

const duration = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`

/** The line for one report, `seconds` after its stage began. */
export const progressLine = (progress: Progress, seconds: number, paint: Paint): string => {
  const { stage, done, total, unit } = progress
  const rate = seconds > 0 ? done / seconds : 0
  const pace =
    unit === "bytes" ? `${(rate / 1e6).toFixed(1)} MB/s` : `${grouped(Math.round(rate))}/s`
  if (total === undefined || total <= 0) return `${stage}  ${size(done, unit)}  ${paint.dim(pace)}`
  const share = Math.min(1, done / total)
  const full = Math.round(share * barCells)
  const bar = `${"█".repeat(full)}${"░".repeat(barCells - full)}`
  const left = rate > 0 && share < 1 ? `  about ${duration((total - done) / rate)} left` : ""
  const percent = `${Math.floor(share * 100)}%`.padStart(5)
  return `${stage}  ${paint.cyan(bar)}${percent}  ${size(done, unit)}  ${paint.dim(pace + left)}`
}

export interface ProgressBar {
  readonly listen: ProgressListener
  /** Takes the line away. */
  readonly clear: () => void
}

/** `now` is a running clock in milliseconds, for durations only. */
export const progressBar = (terminal: Terminal, now: () => number): ProgressBar => {
  if (!terminal.errorIsTerminal) return { listen: () => {}, clear: () => {} }
  const paint = paintFor(terminal.errorIsTerminal, terminal.environment)
  const start = now()
  let stage: string | undefined
  let stageStart = start
  let drawn: number | undefined
  return {
    listen: (progress) => {
      const time = now()
      if (progress.stage !== stage) {
        stage = progress.stage
        stageStart = time
      }
      if (time - start < delayMillis || (drawn !== undefined && time - drawn < redrawMillis)) return
      drawn = time
      const line = progressLine(progress, (time - stageStart) / 1000, paint)
      terminal.writeError(clearLine + line)
    },
    clear: () => {
      if (drawn !== undefined) terminal.writeError(clearLine)
      drawn = undefined
    },
  }
}
