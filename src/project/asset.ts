/**
 * Assets as callers see them: entities of type `asset`, each naming its bytes by their SHA-256.
 *
 * The entity travels with the history like any other; the bytes are held beside the database, come
 * with archives, and may be absent until somebody asks for them.
 */

/** What can hand out the bytes of assets: an archive, a remote. */
export interface AssetSource {
  /** For people, when the source has failed. */
  readonly name: string
  /**
   * The bytes with this SHA-256; undefined when the source knows that it has none. What comes is
   * checked before anything of it is used, so a source may be wrong, or fail half-way.
   */
  readonly fetch: (sha256: string, signal: AbortSignal) => AsyncIterable<Uint8Array> | undefined
}

/** A file to keep. */
export interface NewAsset {
  /** The file, or its bytes as a stream. */
  readonly content: string | AsyncIterable<Uint8Array>
  /** The entity's id. Unless given, one that is free, after the name of the file. */
  readonly id?: string
  /** For people; the name of the file unless given. */
  readonly name?: string
  /** `type/subtype`; told from the bytes and the file's name unless given. */
  readonly mediaType?: string
  readonly licence?: string
  /** Added to those that the asset has. */
  readonly tags?: ReadonlyArray<string>
}

/** What became of a file. */
export interface AddedAsset {
  readonly id: string
  readonly sha256: string
  readonly bytes: number
  readonly mediaType: string
  /** Whether its bytes are held now and were not before. */
  readonly stored: boolean
}

export interface AddedAssets {
  readonly assets: ReadonlyArray<AddedAsset>
  /** Events written; 0 when everything was there already. */
  readonly events: number
  readonly lamport: number
}

/** A living asset. A field is missing where the entity has none of the kind that it should have. */
export interface Asset {
  readonly id: string
  readonly name?: string
  readonly mediaType?: string
  readonly licence?: string
  readonly sha256?: string
  readonly bytes?: number
  readonly tags: ReadonlyArray<string>
  /** Whether its bytes are held here. */
  readonly present: boolean
}

export interface AssetContent {
  /** The asset asked for; undefined when it was asked for by a hash that no asset has now. */
  readonly asset: Asset | undefined
  readonly sha256: string
  readonly bytes: number
  /** The source that the bytes came from just now; undefined when they were held. */
  readonly fetchedFrom: string | undefined
  /** Fails at its end if the bytes are not those of the hash. */
  readonly stream: AsyncIterable<Uint8Array>
}

export interface GetAssetOptions {
  /** Asked before the project's own sources; they may also replace bytes that are damaged. */
  readonly sources?: ReadonlyArray<AssetSource>
}

export interface SweptAssets {
  /** Contents taken away, or that would be. */
  readonly removed: number
  readonly bytes: number
  /** Contents that living assets or open conflicts name. */
  readonly kept: number
}
