/**
 * Values that need themselves: aliases, or themes that extend each other, in a circle.
 *
 * Tarjan's strongly connected components, without recursion, over a graph that is asked for edge by
 * edge. What has been looked at is never looked at again, whatever it is reached from.
 */

/** One value of one entity refers to another. */
export interface Edge {
  readonly to: string
  /** The field that holds the reference. */
  readonly field: string
}

export interface Cycle {
  /** Everything that can reach itself and all the others. */
  readonly members: ReadonlyArray<string>
  /** A way round, from the smallest member back to it, which is named once. */
  readonly path: ReadonlyArray<string>
  /** The field with which the way begins. */
  readonly field: string
}

interface Visit {
  readonly node: string
  readonly edges: ReadonlyArray<Edge>
  next: number
}

interface Mark {
  readonly order: number
  low: number
  open: boolean
}

export class Cycles {
  readonly #edgesOf: (node: string) => ReadonlyArray<Edge>
  readonly #marks = new Map<string, Mark>()
  readonly #open: Array<string> = []

  constructor(edgesOf: (node: string) => ReadonlyArray<Edge>) {
    this.#edgesOf = edgesOf
  }

  /** All cycles that can be reached from a node and were not found before. */
  from(start: string): ReadonlyArray<Cycle> {
    if (this.#marks.has(start)) return []
    const cycles: Array<Cycle> = []
    const visits = [this.#enter(start)]
    for (let visit = visits.at(-1); visit !== undefined; visit = visits.at(-1)) {
      const mark = this.#marks.get(visit.node)!
      const edge = visit.edges[visit.next++]
      if (edge !== undefined) {
        const known = this.#marks.get(edge.to)
        if (known === undefined) visits.push(this.#enter(edge.to))
        else if (known.open) mark.low = Math.min(mark.low, known.order)
        continue
      }
      visits.pop()
      const cycle = mark.low === mark.order ? this.#leave(visit.node) : undefined
      if (cycle !== undefined) cycles.push(cycle)
      const before = visits.at(-1)
      if (before === undefined) continue
      const outer = this.#marks.get(before.node)!
      outer.low = Math.min(outer.low, mark.low)
    }
    return cycles
  }

  #enter(node: string): Visit {
    const order = this.#marks.size
    this.#marks.set(node, { order, low: order, open: true })
    this.#open.push(node)
    return { node, edges: this.#edgesOf(node), next: 0 }
  }

  #leave(node: string): Cycle | undefined {
    const members = this.#open.splice(this.#open.lastIndexOf(node))
    for (const member of members) this.#marks.get(member)!.open = false
    const alone = members.length === 1
    if (alone && !this.#edgesOf(node).some(({ to }) => to === node)) return undefined
    return this.#wayRound(members)
  }

  /** The shortest way from the smallest member back to itself. */
  #wayRound(members: ReadonlyArray<string>): Cycle {
    const inside = new Set(members)
    const start = members.reduce((least, member) => (member < least ? member : least))
    const cameFrom = new Map<string, string>()
    const queue = [start]
    for (const node of queue) {
      for (const { to } of this.#edgesOf(node)) {
        if (!inside.has(to) || cameFrom.has(to)) continue
        cameFrom.set(to, node)
        if (to !== start) queue.push(to)
      }
      if (cameFrom.has(start)) break
    }
    const path: Array<string> = []
    for (let node = cameFrom.get(start)!; node !== start; node = cameFrom.get(node)!) {
      path.unshift(node)
    }
    path.unshift(start)
    const second = path[1] ?? start
    const { field } = this.#edgesOf(start).find(({ to }) => to === second)!
    return { members, path, field }
  }
}
