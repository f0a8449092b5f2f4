/**
 * The documents that `--json` prints, as scripts rely on them.
 */
export interface ErrorDocument {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly remedy: string
    readonly stage?: string
    readonly where?: string
  }
}

export interface StatusDocument {
  readonly project: string
  readonly name: string
  readonly node: string
  readonly actor: string
  readonly lamport: number
  readonly events: number
  readonly entities: { readonly [type: string]: number }
  readonly conflicts: number
  readonly digest: string
  readonly frontier: { readonly [node: string]: { readonly seq: number; readonly hash: string } }
  readonly setAside: number
  readonly waiting: number
  readonly fence?: string
  readonly continues?: string
}

export interface WriteDocument {
  readonly events: number
  readonly lamport: number
}

export interface ConflictDocument {
  readonly id: string
  readonly type: string
  readonly entity: string
  readonly field: string
  readonly kind: string
  readonly base?: unknown
  readonly candidates: ReadonlyArray<{
    readonly value?: unknown
    readonly absent?: boolean
    readonly node: string
    readonly seq: number
    readonly lamport: number
    readonly actor: string
    readonly hash: string
  }>
  readonly winner: string
  readonly winnerSeq: number
}

export interface LogDocument {
  readonly node: string
  readonly seq: number
  readonly lamport: number
  readonly hash: string
  readonly parents: ReadonlyArray<{ node: string; seq: number; hash: string }>
  readonly type: string
  readonly id: string
  readonly op: string
  readonly fields: { readonly [name: string]: unknown }
  readonly unset?: ReadonlyArray<string>
  readonly actor: string
  readonly at: string | null
  readonly reason: string | null
}

export interface EntityDocument {
  readonly type: string
  readonly id: string
  readonly fields: { readonly [name: string]: unknown }
  readonly deleted: boolean
  readonly conflicts: ReadonlyArray<ConflictDocument>
  readonly history?: ReadonlyArray<LogDocument>
}
