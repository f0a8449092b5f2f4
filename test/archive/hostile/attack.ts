/**
 * What every attack is: a file that must be refused, and how.
 */
import type { Stage } from "../../../src/event/failure.ts"
import type { SigningKey } from "../../../src/seal/keys.ts"
import { stored, zipBytes } from "./zip-bytes.ts"
import type { Entry } from "./zip-bytes.ts"
import { canonicalFromJson } from "../../../src/event/canonical.ts"
import type { Json } from "../../../src/event/canonical.ts"
import { sha256 } from "../../../src/event/hash.ts"

/** The valid archive that attacks are grafted on, in pieces. */
export interface Base {
  /** Bytes of the archive as it was exported. */
  readonly file: Buffer
  /** The same, encrypted with age to `identity`. */
  readonly sealed: Buffer
  readonly identity: string
  /** Its members in order, the manifest first. */
  readonly members: ReadonlyArray<readonly [name: string, content: Buffer]>
  readonly manifest: ManifestText
  /** The log whose end the reader does not know. */
  readonly log: ManifestLogText
  /** The same archive with a signature, and the key that signed it. */
  readonly signed: ReadonlyArray<readonly [name: string, content: Buffer]>
  readonly signer: SigningKey
  /** What came since something that the reader lacks. */
  readonly incremental: ReadonlyArray<readonly [name: string, content: Buffer]>
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

/** The ways into a project. */
export type Door =
  /** Looked at without reading its members, which not every attack is noticed by. */
  | "inspected"
  /** Opened with keys, and every member read to its end. */
  | "opened"
  | "verified"
  /** Imported as an archive. */
  | "imported"
  /** Imported as whatever it looks like. */
  | "guessed"
  | "merged"

/** Those that must refuse at the right stage, unless an attack is about some of them only. */
export const strictDoors: ReadonlyArray<Door> = ["opened", "verified", "imported", "merged"]
/** The others need only not break, and take nothing. */
export const looseDoors: ReadonlyArray<Door> = ["inspected", "guessed"]

export interface Attack {
  readonly class: string
  readonly name: string
  /** The stage of the refusal; several where the file breaks more than one rule. */
  readonly stages: ReadonlyArray<Stage>
  /** Codes that are right; any code of the stage when absent. */
  readonly codes?: ReadonlyArray<string>
  /** The doors that must refuse; all of them when absent. */
  readonly doors?: ReadonlyArray<Door>
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

export const manifestBytesOf = (manifest: unknown): Buffer =>
  Buffer.from(`${canonicalFromJson(manifest as Json)}\n`)

/** The archive with another manifest, everything else as it was. */
export const withManifestBytes = (base: Base, bytes: Buffer | string): Buffer =>
  zipBytes(withEntry(entriesOf(base), 0, { content: Buffer.from(bytes as string) }))

export const withManifest = (base: Base, change: { readonly [key: string]: unknown }): Buffer => {
  const changed = Object.entries({ ...base.manifest, ...change })
  const kept = changed.filter(([, value]) => value !== undefined)
  return withManifestBytes(base, manifestBytesOf(Object.fromEntries(kept)))
}

/** The archive with other contents in some members, and a manifest that fits them. */
export const withContents = (
  base: Base,
  contents: { readonly [path: string]: Buffer | string },
  change: { readonly [key: string]: unknown } = {},
  pack: (name: string, content: Buffer) => Entry = stored,
): Buffer => {
  const names = new Set([...base.members.slice(1).map(([name]) => name), ...Object.keys(contents)])
  const held = new Map(base.members)
  const members = [...names].sort().map((name) => {
    const content = contents[name]
    return [name, content === undefined ? held.get(name)! : Buffer.from(content as string)] as const
  })
  const listed = members.map(([path, content]) => ({
    path,
    sha256: sha256(content),
    size: content.length,
  }))
  const manifest = manifestBytesOf({ ...base.manifest, members: listed, ...change })
  return zipBytes([
    stored("manifest.json", manifest),
    ...members.map(([name, content]) => pack(name, content)),
  ])
}
