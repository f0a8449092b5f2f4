/**
 * What a shelf needs of the place it stands in: a folder, a bucket, an object store.
 *
 * Invariants
 *  1. Names are lower-case ASCII, `/` between parts; each part is at most 143 characters.
 *  2. What `list` shows may be stale, half there or foreign. Nothing is believed for its name alone.
 *  3. Failures are `LamplogError` with the codes of a remote (`remote-unreachable`, `remote-busy`,
 *     `remote-denied`, `remote-full` …). An aborted call rejects with the signal's reason.
 */

export interface ShelfEntry {
  /** The whole name, with the prefix. May be anything that others left there. */
  readonly name: string
  readonly size: number
  /** Differs when the bytes do, if the place can tell. It only saves reading foreign files again. */
  readonly stamp?: string
}

export interface ShelfStorage {
  /** For people: where it is, without secrets. */
  readonly where: string
  /**
   * What lies below a prefix that ends with `/`, however deep, in one request where the place has one.
   * Only ordinary files: no links, pipes, folders. Nothing there is an empty list.
   */
  list(prefix: string, signal: AbortSignal): Promise<ReadonlyArray<ShelfEntry>>
  /** The projects' folders at the top: first parts of names, as they are. */
  listTop(signal: AbortSignal): Promise<ReadonlyArray<string>>
  /** The bytes; undefined when there is nothing of that name, or more than `bytesMax`. */
  read(name: string, bytesMax: number, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Puts it there whole and durably, over what has that name, or not at all. */
  write(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Fine when there is nothing of that name. */
  remove(name: string, signal: AbortSignal): Promise<void>
  /** Moves proven damage out of the way: to `name` + `.damaged`, or away for good. */
  setAside(name: string, signal: AbortSignal): Promise<void>
  /** Calls `news` whenever something may have changed below the prefix, until aborted. */
  watch?(prefix: string, news: () => void, signal: AbortSignal): Promise<void>
  readonly assets?: ShelfAssets
  /** Lets go of connections. Never rejects. */
  close(): Promise<void>
}

/** Bytes of assets by their SHA-256. Whoever calls checks hashes, in both directions. */
export interface ShelfAssets {
  /** Which of these are there, as far as can be told without reading them. */
  has(sha256: ReadonlyArray<string>, signal: AbortSignal): Promise<ReadonlySet<string>>
  read(sha256: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Whole or not at all: when `bytes` throws, nothing stays behind. */
  write(
    sha256: string,
    size: number,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>
  /** Moves proven damage out of the way, or removes it. */
  setAside(sha256: string, signal: AbortSignal): Promise<void>
}
