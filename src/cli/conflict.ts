/**
 * A conflict as the command line shows it.
 */
import type { Conflict } from "../state/entity.ts"
import type { EntityName } from "./words.ts"
import type { Paint } from "./paint.ts"
import { aligned, printable, shown } from "./paint.ts"

/** The document: `entity` is the id alone, `winner` the node whose write stands for now. */
export const conflictDocument = ({ type, id }: EntityName, conflict: Conflict) => ({
  id: conflict.id,
  type,
  entity: id,
  field: conflict.field,
  kind: conflict.kind,
  ...(conflict.base === undefined ? {} : { base: conflict.base }),
  candidates: conflict.candidates,
  winner: conflict.winner.node,
  winnerSeq: conflict.winner.seq,
  ...(conflict.afterResolutionBy === undefined
    ? {}
    : { afterResolutionBy: conflict.afterResolutionBy }),
})

/** A heading, then the common ancestor and the candidates, the provisional winner marked. */
export const conflictText = (
  { type, id }: EntityName,
  conflict: Conflict,
  paint: Paint,
): string => {
  const { field, kind, base, candidates, winner, afterResolutionBy } = conflict
  const subject = kind === "field" ? printable(field) : "deleted and edited"
  const heading = `${paint.yellow(conflict.id)}  ${printable(`${type}/${id}`)}  ${paint.bold(subject)}`
  const rows = candidates.map((candidate) => {
    const { node, seq, value, absent, op, actor, lamport } = candidate
    const wins = winner.node === node && winner.seq === seq
    const wrote = absent === true ? (op === "delete" ? "deleted" : "cleared") : shown(value)
    return [
      wins ? paint.green("▸") : " ",
      `${node}:${seq}`,
      paint.swatch(value) + wrote,
      paint.dim(`${printable(actor)}, lamport ${lamport}`),
    ]
  })
  const before = base === undefined ? [] : [[" ", "before", paint.swatch(base) + shown(base), ""]]
  const settledBy = (afterResolutionBy ?? []).map(({ actor }) => printable(actor)).join(", ")
  const after = settledBy === "" ? "" : `\n    ${paint.dim(`after resolution by ${settledBy}`)}`
  return `${heading}\n${aligned([...before, ...rows])}${after}`
}
