/**
 * What every attack is: a file that must be refused, and how.
 */
import type { Stage } from "../../../src/event/failure.ts"
import { stored } from "./zip-bytes.ts"
import type { Entry } from "./zip-bytes.ts"

/** The valid archive that attacks are grafted on, in pieces. */
export interface Base {
  /** Bytes of the archive as it was exported. */
  readonly file: Buffer
  /** Its members in order, the manifest first. */
  readonly members: ReadonlyArray<readonly [name: string, content: Buffer]>
  readonly manifest: ManifestText
}

/** manifest.json as plain data, to be altered at will. */
export interface ManifestText {
  readonly [key: string]: unknown
  readonly project: string
  readonly members: ReadonlyArray<{
    readonly path: string
    readonly sha256: string
    readonly size: number
  }>
  readonly logs: ReadonlyArray<ManifestLogText>
  readonly frontier: { readonly [log: string]: { readonly seq: number; readonly hash: string } }
}

export interface ManifestLogText {
  readonly log: string
  readonly node: string
  readonly publicKey: string
  readonly from: number
  readonly to: number
  readonly previous: string
  readonly head: string
  readonly signature?: string
  readonly members: ReadonlyArray<string>
}

export interface Attack {
  readonly class: string
  readonly name: string
  /** The stage of the refusal; several where the file breaks more than one rule. */
  readonly stages: ReadonlyArray<Stage>
  /** Codes that are right; any code of the stage when absent. */
  readonly codes?: ReadonlyArray<string>
  readonly build: () => Buffer
}

/** The members as stored entries of a zip, which attacks then change. */
export const entriesOf = (base: Base): Array<Entry> =>
  base.members.map(([name, content]) => stored(name, content))

/** The entries with one of them changed. */
export const withEntry = (
  entries: ReadonlyArray<Entry>,
  at: number,
  change: Partial<Entry>,
): Array<Entry> => entries.map((entry, index) => (index === at ? { ...entry, ...change } : entry))

/** Attacks of one class, all refused at the same stage unless they say otherwise. */
export const attacksOf = (
  className: string,
  stages: ReadonlyArray<Stage>,
  builds: {
    readonly [name: string]:
      | (() => Buffer)
      | (Omit<Partial<Attack>, "name"> & Pick<Attack, "build">)
  },
): ReadonlyArray<Attack> =>
  Object.entries(builds).map(([name, build]) =>
    typeof build === "function"
      ? { class: className, name, stages, build }
      : { class: className, name, stages, ...build },
  )
