/** What somebody hostile may hand over, and what must become of it. */

/** The reason for which it is refused; what waits for what it builds on; what counts as history. */
export type Verdict = { readonly refused: ReadonlyArray<string> } | "waits" | "taken"

const verdicts = {
  /** A body is not the one that its header names. */
  "bad body": { refused: ["body-hash"] },
  /** A header was changed, and with it the chain. */
  "bad header": { refused: ["log-end", "transaction-broken"] },
  /** The chain is sound, the lamport is not what it stands on gives. */
  "bad clock": { refused: ["clock-equation"] },
  "wrong head": { refused: ["log-end"] },
  "wrong key": { refused: ["key-mismatch"] },
  "bad signature": { refused: ["signature-invalid"] },
  garbage: { refused: ["line-parts", "not-utf8", "line-cut", "event-count", "segment-invalid"] },
  /** More than the limits, or more than it says when unpacked. */
  oversized: { refused: ["limit-exceeded"] },
  bomb: { refused: ["segment-invalid"] },
  "other project": { refused: ["other-project"] },
  /** Written for another project, labelled as one of ours. */
  relabelled: { refused: ["other-project"] },
  "broken transaction": { refused: ["transaction-broken"] },
  "cut transaction": "waits",
  gap: "waits",
  orphan: "waits",
  /** Honest events without their node's signature. */
  unsigned: "taken",
  /** Another's log goes on in a second way: in an open project everybody could be its writer. */
  fork: "taken",
} as const satisfies { readonly [kind: string]: Verdict }

export type ForgeryKind = keyof typeof verdicts

/** What nobody has admitted or signed waits in a project of members, whatever it says. */
const waitingAmongMembers: ReadonlySet<ForgeryKind> = new Set(["bad clock", "unsigned", "fork"])

export const verdictOn = (kind: ForgeryKind, members: boolean): Verdict =>
  members && waitingAmongMembers.has(kind) ? "waits" : verdicts[kind]

/** Says the wrong things about itself, or says again what was said before, or lies about what it holds. */
export type AttackKind = ForgeryKind | "other hello" | "newer hello" | "replay" | "liar"

export const forgeryKinds = Object.keys(verdicts) as ReadonlyArray<ForgeryKind>

export const attackKinds: ReadonlyArray<AttackKind> = [
  ...forgeryKinds,
  "other hello",
  "newer hello",
  "replay",
  "liar",
]
