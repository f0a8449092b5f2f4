/**
 * Judges mutations, and counts: whatever is accepted is the archive that it was made from, whatever
 * is refused has a stage, and nothing is left behind.
 */
import { mutationOf } from "./mutations.ts"
import type { Mutation } from "./mutations.ts"
import type { Judgement, Range } from "./sources.ts"

/** Mutations between two looks at the project's bytes. */
const traceEvery = 250

const faultOf = (mutation: Mutation, judgement: Judgement): string | undefined => {
  const { source, reforged } = mutation
  if (judgement.kind === "refused") return undefined
  if (judgement.kind === "broken") return judgement.message
  if (judgement.effect !== source.effect) {
    return `it was accepted, and does ${judgement.effect} where the honest one does ${source.effect}`
  }
  if (judgement.exportHash === source.exportHash || reforged) return undefined
  return "it was accepted as another archive"
}

export interface Tally {
  readonly accepted: ReadonlyArray<Buffer>
  /** By stage and code. */
  readonly refused: { readonly [reason: string]: number }
  readonly faults: ReadonlyArray<string>
}

/** Judges the mutations of some seeds. */
export const tally = async (
  range: Range,
  from: number,
  count: number,
  report: (done: number) => void = () => {},
): Promise<Tally> => {
  const before = range.trace()
  const faults: Array<string> = []
  const refused = new Map<string, number>()
  const accepted: Array<Buffer> = []
  for (let seed = from; seed < from + count; seed++) {
    const mutation = mutationOf(seed, range.sources)
    const judgement = await range.judge(mutation.bytes)
    const fault = faultOf(mutation, judgement)
    const name = `seed ${seed} (${mutation.source.name}: ${mutation.what})`
    if (fault !== undefined) {
      faults.push(`${name}: ${fault}; kept as ${range.keep(`${seed}.lamplog`, mutation.bytes)}`)
    }
    if (judgement.kind === "accepted") accepted.push(mutation.bytes)
    if (judgement.kind === "refused") {
      const reason = `${judgement.stage} ${judgement.code}`
      refused.set(reason, (refused.get(reason) ?? 0) + 1)
    }
    const last = seed === from + count - 1
    if ((last || (seed - from) % traceEvery === traceEvery - 1) && range.trace() !== before) {
      faults.push(`${name} or one before it left something behind: ${range.trace()} not ${before}`)
      break
    }
    report(seed - from + 1)
  }
  return { accepted, refused: Object.fromEntries(refused), faults }
}
