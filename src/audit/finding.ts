/**
 * What a check found, kept short: damage that repeats itself is told a few times and then counted,
 * so that one lost key does not hide the rest and memory does not grow with the damage.
 */
import type { Stage } from "../event/failure.ts"

export interface Finding {
  /** Dangling references and values that do not fit are warnings; anything else is an error. */
  readonly severity: "error" | "warning"
  readonly stage: Stage
  readonly code: string
  /** The first bad place: a row, a log and seq, an entity, a member and line. */
  readonly where: string
  readonly message: string
}

export interface Verification {
  /** False only when a finding is an error. */
  readonly ok: boolean
  readonly checked: { readonly [what: string]: number }
  readonly findings: ReadonlyArray<Finding>
}

/** Findings told one by one, at most. */
export const findingsMax = 1000
/** Findings of one kind in one place (a log, a table), at most. */
const alikeMax = 20

export class Findings {
  readonly #kept: Array<Finding> = []
  readonly #alike = new Map<string, { readonly last: Finding; count: number }>()
  #untold = 0
  #failed = false

  /** Notes one finding; `among` names the log or table whose findings are counted together. */
  add(finding: Finding, among: string): void {
    if (finding.severity === "error") this.#failed = true
    const key = `${finding.severity} ${finding.code} ${among}`
    const group = this.#alike.get(key)
    if (group === undefined) {
      if (this.#alike.size < findingsMax) this.#alike.set(key, { last: finding, count: 1 })
    } else {
      group.count += 1
      if (group.count > alikeMax) return
    }
    if (this.#kept.length < findingsMax) this.#kept.push(finding)
    else this.#untold += 1
  }

  error(stage: Stage, code: string, where: string, message: string, among: string): void {
    this.add({ severity: "error", stage, code, where, message }, among)
  }

  get failed(): boolean {
    return this.#failed
  }

  /** Errors first, each kind with a last line that says how many more there are. */
  list(): ReadonlyArray<Finding> {
    const more: Array<Finding> = []
    for (const { last, count } of this.#alike.values()) {
      const rest = count - alikeMax
      if (rest > 0) more.push({ ...last, message: `… and ${rest} more like it` })
    }
    const all = [...this.#kept, ...more]
    const sorted = [
      ...all.filter((finding) => finding.severity === "error"),
      ...all.filter((finding) => finding.severity === "warning"),
    ]
    if (this.#untold === 0) return sorted
    const last = sorted.at(-1)!
    return [
      ...sorted,
      { ...last, code: "findings-untold", message: `… and ${this.#untold} findings more` },
    ]
  }
}
