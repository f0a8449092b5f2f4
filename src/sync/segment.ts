/**
 * One segment on its way: a run of one log's events, under a head that says which.
 *
 * Bytes: the head as canonical JSON, a line feed, then the lines (`log/segment.ts`) as they are in
 * archives, compressed (zstd, RFC 8878) when that is shorter. The same bytes are a message, a file, an object
 * or a part of a request. Nothing of a head is believed before the lines have been checked; the head's `head`
 * is compared with the chain that they give.
 *
 * A segment may end inside a transaction that is longer than a segment; it then waits for the rest.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { canonicalFromJson, jsonFromCanonical } from "../event/canonical.ts"
import type { Json, JsonObject } from "../event/canonical.ts"
import { LamplogError } from "../event/failure.ts"
import { isHash, isIdentifier } from "../event/hash.ts"
import { lineBytesMax, segmentBytesMax } from "../log/segment.ts"

/** Version of the head and of the protocol around it. */
export const protocolVersion = 1
/** Longest head, in bytes. */
export const headBytesMax = 2048
/** Lines of one segment, in bytes: it is cut after the line that reaches the limit. */
export const linesBytesMax = segmentBytesMax + lineBytesMax
/** A whole segment as it travels, in bytes. */
export const encodedBytesMax = headBytesMax + linesBytesMax

export type Codec = "none" | "zstd"

export interface SegmentHead {
  readonly project: string
  readonly node: string
  /** 64 hexadecimal characters. */
  readonly publicKey: string
  /** Seq of the first and last event. */
  readonly from: number
  readonly to: number
  /** Chain hash before `from`, and at `to`. */
  readonly previous: string
  readonly head: string
  /** The node's own signature over its log up to `to`, where there is one. */
  readonly signature?: string
  readonly codec: Codec
  /** Bytes of the lines when they are not compressed. */
  readonly size: number
}

export interface Segment extends SegmentHead {
  /** The lines, as `codec` says. */
  readonly payload: Uint8Array
}

/** Segments that build only on what the other side holds, on those before them and on each other. */
export type Batch = ReadonlyArray<Segment>

/** Fewer bytes than this are not worth compressing. */
const compressedBytesMin = 256
const compressionLevel = 3
const signaturePattern = /^[0-9a-f]{128}$/

const refuse = (code: string, message: string, where: string, remedy?: string): LamplogError =>
  new LamplogError({
    stage: "archive",
    code,
    message,
    where,
    remedy: remedy ?? "Nothing of it was taken; ask the sender for a new copy.",
  })

/** What a segment is made of, before its lines are compressed. */
export type SegmentRun = Omit<SegmentHead, "codec" | "size">

export const segmentFrom = (run: SegmentRun, lines: Uint8Array): Segment => {
  const { project, node, publicKey, from, to, previous, head, signature } = run
  const base = { project, node, publicKey, from, to, previous, head, size: lines.length }
  const signed = signature === undefined ? base : { ...base, signature }
  if (lines.length >= compressedBytesMin) {
    const level = { [constants.ZSTD_c_compressionLevel]: compressionLevel }
    const payload = zstdCompressSync(lines, { params: level })
    if (payload.length < lines.length) return { ...signed, codec: "zstd", payload }
  }
  return { ...signed, codec: "none", payload: lines }
}

export const encodeSegment = ({ payload, ...head }: Segment): Buffer => {
  const text = canonicalFromJson({ lamplog: "segment", version: protocolVersion, ...head } as Json)
  return Buffer.concat([Buffer.from(`${text}\n`), payload])
}

const isSeq = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 1

const headFromJson = (value: Json, where: string): SegmentHead => {
  const wrong = (what: string) => refuse("segment-invalid", `${where}: ${what}.`, where)
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw wrong("the head is no object")
  }
  const {
    lamplog,
    version,
    project,
    node,
    publicKey,
    from,
    to,
    previous,
    head,
    signature,
    codec,
    size,
  } = value as JsonObject
  if (lamplog !== "segment") throw wrong("this is no segment")
  if (version !== protocolVersion) {
    const newer = typeof version === "number" && version > protocolVersion
    throw refuse(
      newer ? "segment-newer" : "segment-invalid",
      `${where}: the segment is of version ${JSON.stringify(version)}; this program reads ${protocolVersion}.`,
      where,
      newer ? "Upgrade Lamplog on this machine." : undefined,
    )
  }
  if (!isIdentifier(project) || !isIdentifier(node)) throw wrong("project or node is no id")
  if (!isHash(publicKey) || !isHash(previous) || !isHash(head)) throw wrong("a hash is no hash")
  if (!isSeq(from) || !isSeq(to) || to < from) throw wrong("from and to name no run of events")
  if (codec !== "none" && codec !== "zstd") throw wrong("the codec is not known")
  if (!isSeq(size) || size > linesBytesMax) {
    throw refuse(
      "limit-exceeded",
      `${where}: too large: limit linesBytesMax = ${linesBytesMax}, value ${JSON.stringify(size)}.`,
      where,
    )
  }
  if (
    signature !== undefined &&
    (typeof signature !== "string" || !signaturePattern.test(signature))
  ) {
    throw wrong("the signature is no signature")
  }
  const base = { project, node, publicKey, from, to, previous, head, codec, size } as const
  return signature === undefined ? base : { ...base, signature: signature as string }
}

/** Refuses a segment whose head no decoded one can have: it came from an adapter without being encoded. */
export const checkSegment = ({ payload, ...head }: Segment, where: string): void => {
  const value = { lamplog: "segment", version: protocolVersion, ...head } as Json
  checkLength(headFromJson(value, where), payload, where)
}

const checkLength = ({ codec, size }: SegmentHead, payload: Uint8Array, where: string): void => {
  if (payload.length > size || (codec === "none" && payload.length !== size)) {
    throw refuse("segment-invalid", `${where}: the segment is not as long as it says.`, where)
  }
}

/** Reads a segment. Throws `LamplogError`; `where` names the place. Lines are not looked at. */
export const decodeSegment = (bytes: Uint8Array, where: string): Segment => {
  const end = bytes.subarray(0, headBytesMax).indexOf(0x0a)
  if (end < 0) throw refuse("segment-invalid", `${where}: there is no head of a segment.`, where)
  let value: Json
  try {
    value = jsonFromCanonical(Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("utf8"))
  } catch (error) {
    throw refuse("segment-invalid", `${where}: ${(error as Error).message}.`, where)
  }
  const head = headFromJson(value, where)
  const payload = bytes.subarray(end + 1)
  checkLength(head, payload, where)
  return { ...head, payload }
}

/** The lines of a segment, never more than its head promises. Throws `LamplogError`. */
export const linesOfSegment = ({ codec, size, payload }: Segment, where: string): Buffer => {
  const plain = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  if (codec === "none") return plain
  let lines: Buffer
  try {
    lines = zstdDecompressSync(plain, { maxOutputLength: size })
  } catch (error) {
    const cause = (error as Error).message
    throw refuse("segment-invalid", `${where}: the lines cannot be unpacked: ${cause}.`, where)
  }
  if (lines.length === size) return lines
  throw refuse("segment-invalid", `${where}: the lines are not as long as the head says.`, where)
}
