/**
 * The clock and the chain: what makes a log provable.
 *
 * Invariants
 *  1. `lamport = 1 + max(lamport of prev, of all parents, of the anchor)`. Members of a transaction
 *     share one lamport, over the parents of all of them.
 *  2. The anchor is named only when it lies above prev and all parents: otherwise it proves nothing.
 *  3. Nothing here reads a clock, a file or a socket. Callers pass what they know.
 */

/** Lamports that an event or transaction stands on; 0 where there is none. */
export interface ClockBase {
  readonly previous: number
  readonly parentsMax: number
  readonly anchor?: number
}

/** The one lamport that a writer may give. */
export const nextLamport = (base: ClockBase): number =>
  1 + Math.max(base.previous, base.parentsMax, base.anchor ?? 0)

/** Why a claimed lamport is refused; undefined when the equation holds. */
export const clockFault = (claimed: number, base: ClockBase): string | undefined => {
  if (base.anchor !== undefined && base.anchor <= Math.max(base.previous, base.parentsMax)) {
    return "names an anchor that is not above its prev and parents"
  }
  const expected = nextLamport(base)
  return claimed === expected
    ? undefined
    : `claims lamport ${claimed}, but what it stands on gives ${expected}`
}
