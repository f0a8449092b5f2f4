/**
 * Aliases that lead back to themselves, mode by mode: what has a value in no mode.
 *
 * Tarjan's strongly connected components, without recursion: chains may be as long as the file.
 */
import { referencesIn, valuesOf } from "./references.ts"
import type { TokenIndex } from "./references.ts"

/** Modes that one alias may fan out to before it is left alone. */
const fanOutMax = 64

const keyOf = (id: string, mode: string): string => `${id}\u0000${mode}`

/** Which value of which token refers to which others. */
const edgesOf = (index: TokenIndex): ReadonlyMap<string, ReadonlyArray<string>> => {
  const edges = new Map<string, Array<string>>()
  for (const [id, fields] of index.tokens) {
    for (const { mode, value } of valuesOf(fields)) {
      const to: Array<string> = []
      for (const reference of referencesIn(value)) {
        const target = index.target(reference)
        if (target.kind !== "token") continue
        const modes = index.modesMet(target.id, mode)
        if (modes.length <= fanOutMax) to.push(...modes.map((met) => keyOf(target.id, met)))
      }
      if (to.length > 0) edges.set(keyOf(id, mode), to)
    }
  }
  return edges
}

interface Visit {
  readonly key: string
  next: number
}

interface Mark {
  readonly order: number
  low: number
  open: boolean
}

/** The ids of all tokens on a cycle, each cycle a list. */
export const aliasCycles = (index: TokenIndex): ReadonlyArray<ReadonlyArray<string>> => {
  const edges = edgesOf(index)
  const marks = new Map<string, Mark>()
  const open: Array<string> = []
  const cycles: Array<ReadonlyArray<string>> = []
  const enter = (key: string, visits: Array<Visit>): void => {
    marks.set(key, { order: marks.size, low: marks.size, open: true })
    open.push(key)
    visits.push({ key, next: 0 })
  }
  const leave = (key: string): void => {
    const mark = marks.get(key)!
    if (mark.low !== mark.order) return
    const component = open.splice(open.lastIndexOf(key))
    for (const member of component) marks.get(member)!.open = false
    if (component.length === 1 && !edges.get(key)?.includes(key)) return
    cycles.push([...new Set(component.map((member) => member.slice(0, member.indexOf("\u0000"))))])
  }
  for (const start of edges.keys()) {
    if (marks.has(start)) continue
    const visits: Array<Visit> = []
    enter(start, visits)
    while (visits.length > 0) {
      const visit = visits.at(-1)!
      const mark = marks.get(visit.key)!
      const to = edges.get(visit.key)?.[visit.next++]
      if (to === undefined) {
        leave(visit.key)
        visits.pop()
        const before = visits.at(-1)
        if (before === undefined) continue
        const outer = marks.get(before.key)!
        outer.low = Math.min(outer.low, mark.low)
      } else {
        const known = marks.get(to)
        if (known === undefined) enter(to, visits)
        else if (known.open) mark.low = Math.min(mark.low, known.order)
      }
    }
  }
  return cycles
}
