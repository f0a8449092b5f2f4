/**
 * What is doubtful in the data, kept beside it. Errors come before warnings; beyond the limit the
 * rest is only counted, and a last line says how many there are.
 */
import { problemsMax } from "./model.ts"
import type { Problem, Stage } from "./model.ts"

export class Problems {
  readonly #kept: { readonly error: Array<Problem>; readonly warning: Array<Problem> } = {
    error: [],
    warning: [],
  }
  #count = 0

  add(problem: Problem): void {
    this.#count++
    const kept = this.#kept[problem.severity]
    if (kept.length < problemsMax) kept.push(problem)
  }

  warn(stage: Stage, code: string, where: string, message: string): void {
    this.add({ severity: "warning", stage, code, message, where })
  }

  list(): ReadonlyArray<Problem> {
    const all = [...this.#kept.error, ...this.#kept.warning].slice(0, problemsMax)
    const rest = this.#count - all.length
    if (rest === 0) return all
    return [
      ...all,
      {
        severity: "warning",
        stage: "structure",
        code: "more-problems",
        message: `${rest} more problems are not listed`,
        where: "",
      },
    ]
  }
}
