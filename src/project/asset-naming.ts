/**
 * Which entity a file becomes, and what is written of it.
 *
 * A file that is added again under a name of its own choice, with the same bytes, is the asset that
 * it became the first time: then only what was said expressly is written.
 */
import { idLengthMax, isName } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"
import type { Change } from "../state/change.ts"
import type { EntityState } from "../state/entity.ts"
import { isMediaType } from "../store/assets-media.ts"
import { assetType } from "../store/assets-named.ts"
import type { Replica } from "../store/replica.ts"
import type { NewAsset } from "./asset.ts"

/** A file whose bytes are known. */
export interface AssetFile {
  readonly asset: NewAsset
  readonly name: string
  readonly sha256: string
  readonly bytes: number
  readonly mediaType: string
}

export interface Additions {
  readonly changes: ReadonlyArray<Change>
  /** The id of each file's entity. */
  readonly ids: ReadonlyArray<string>
}

const refuse = (code: string, message: string, remedy: string, where: string): LamplogError =>
  new LamplogError({ code, message, remedy, where: where.slice(0, 100) })

/** Refuses what can be refused before anything is read. */
export const checkNewAsset = ({ content, id, mediaType, name }: NewAsset): void => {
  if (id !== undefined && !isName(id, idLengthMax)) {
    const message = `An asset cannot have this id.`
    throw refuse("asset-id", message, `Give 1 to ${idLengthMax} characters.`, id)
  }
  if (mediaType !== undefined && !isMediaType(mediaType)) {
    const message = `"${mediaType.slice(0, 100)}" is not a media type.`
    throw refuse("media-type", message, "Write type/subtype, such as image/png.", mediaType)
  }
  if (typeof content !== "string" && id === undefined && name === undefined) {
    const message = "Bytes without a file need an id or a name."
    throw refuse("asset-unnamed", message, "Give an id.", "stream")
  }
}

/** Leaves room for a number after it. */
const derivedLengthMax = 200

/** An id after a file's name: without its extension, on one line, without slashes. */
const idFromName = (name: string): string => {
  const stem = name.normalize("NFC").replace(/(?<=.)\.[A-Za-z0-9]{1,10}$/, "")
  const id = stem
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}/\\]+/gu, "-")
    .replaceAll(/^[-.]+|-+$/g, "")
    .slice(0, derivedLengthMax)
    .toWellFormed()
  return id === "" ? assetType : id
}

type Fields = { readonly [name: string]: string | number | ReadonlyArray<string> }

const givenFields = ({ licence, mediaType, name }: NewAsset): Fields => ({
  ...(name === undefined ? {} : { name }),
  ...(mediaType === undefined ? {} : { mediaType }),
  ...(licence === undefined ? {} : { licence }),
})

const tagsWith = (state: EntityState | undefined, tags: ReadonlyArray<string>): Fields => {
  if (tags.length === 0) return {}
  const before = state?.deleted === false ? state.fields.tags : undefined
  const kept = Array.isArray(before) ? (before as ReadonlyArray<string>) : []
  return { tags: [...new Set([...kept, ...tags])] }
}

/** What to write so that an entity stands for a file. */
const fieldsFor = (state: EntityState | undefined, file: AssetFile): Fields => {
  const { asset, bytes, mediaType, name, sha256 } = file
  const given = { ...givenFields(asset), ...tagsWith(state, asset.tags ?? []) }
  if (state === undefined || state.deleted) {
    return { ...(name === "" ? {} : { name }), mediaType, sha256, bytes, ...given }
  }
  if (state.fields.sha256 !== sha256) return { mediaType, sha256, bytes, ...given }
  // Saying expressly that this asset has these bytes settles a conflict about them.
  return asset.id === undefined ? given : { sha256, bytes, ...given }
}

/** Plans the entities of files, in a transaction. */
export const planAdditions = (replica: Replica, files: ReadonlyArray<AssetFile>): Additions => {
  /** Hashes of the files of this call that have become these entities. */
  const taken = new Map<string, string>()
  const hashAt = (id: string): string | undefined => {
    const here = taken.get(id)
    if (here !== undefined) return here
    const state = replica.projection.stateOf(assetType, id)
    const sha256 = state?.deleted === false ? state.fields.sha256 : undefined
    return typeof sha256 === "string" ? sha256 : undefined
  }
  const idFor = ({ asset, name, sha256 }: AssetFile): string => {
    if (asset.id !== undefined) return asset.id
    const stem = idFromName(name)
    for (let count = 1; ; count++) {
      const id = count === 1 ? stem : `${stem}-${count}`
      const hash = hashAt(id)
      if (hash === undefined || hash === sha256) return id
    }
  }
  const changes: Array<Change> = []
  const ids = files.map((file) => {
    const id = idFor(file)
    taken.set(id, file.sha256)
    const fields = fieldsFor(replica.projection.stateOf(assetType, id), file)
    if (Object.keys(fields).length > 0) changes.push({ op: "patch", type: assetType, id, fields })
    return id
  })
  return { changes, ids }
}
