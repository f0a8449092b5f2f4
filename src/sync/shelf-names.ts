/**
 * Names of what lies on a shelf: one listing tells what is held, without reading any file.
 *
 * `<project>/project.json` describes a project, `<project>/logs/<node>/<run>.events` is one segment, where
 * `<run>` is `<from>-<to>-<lamport>-<previous8>-<head>-<size>-<lines>`: first and last seq (10 digits), the
 * lamport of the first event (only for a good order of reading), the first 8 characters of the chain hash
 * before it, the whole chain hash at its end, the bytes of the file, and of its lines when unpacked. A run
 * that its node has signed has `-signed` behind it.
 */
import { isIdentifier } from "../event/hash.ts"
import { lineFromText } from "../log/segment.ts"
import { encodedBytesMax, linesBytesMax, linesOfSegment } from "./segment.ts"
import type { Segment } from "./segment.ts"

/** What a name says about the run of events in its file. */
export interface ShelfRun {
  /** The name that the file has, which may be odd. */
  readonly name: string
  readonly node: string
  readonly from: number
  readonly to: number
  readonly lamport: number
  /** First characters of the chain hash before `from`. */
  readonly previous: string
  readonly head: string
  /** Bytes of the file. */
  readonly size: number
  /** Bytes of the lines when unpacked. */
  readonly lines: number
  /** Whether its node has signed the end of it. */
  readonly signed: boolean
}

/** Characters of a hash that a name repeats to tell what it goes on from. */
export const previousLength = 8
const seqDigits = 10

export const logsPrefix = (project: string): string => `${project}/logs/`
export const descriptionName = (project: string): string => `${project}/project.json`

const runPattern =
  /^([0-9]{10,16})-([0-9]{10,16})-([0-9]{1,16})-([0-9a-f]{8})-([0-9a-f]{64})-([0-9]{1,8})-([0-9]{1,8})(-signed)?\.events$/

const digits = (seq: number): string => String(seq).padStart(seqDigits, "0")

/** Reads a name below `logsPrefix`; undefined when it is none of ours, or promises the impossible. */
export const runFromName = (name: string, prefix: string): ShelfRun | undefined => {
  const [node, file, ...deeper] = name.slice(prefix.length).split("/")
  if (!isIdentifier(node) || file === undefined || deeper.length > 0) return undefined
  const match = runPattern.exec(file)
  if (match === null) return undefined
  const [from, to, lamport] = match.slice(1, 4).map(Number) as [number, number, number]
  const [size, lines] = match.slice(6, 8).map(Number) as [number, number]
  if (from < 1 || to < from || !Number.isSafeInteger(to) || !Number.isSafeInteger(lamport)) {
    return undefined
  }
  if (size > encodedBytesMax || lines > linesBytesMax) return undefined
  const signed = match[8] !== undefined
  const [previous, head] = [match[4]!, match[5]!]
  return { name, node, from, to, lamport, previous, head, size, lines, signed }
}

/** Lamport of the first event of some lines; 0 when they hold none. */
const firstLamport = (lines: Buffer): number => {
  try {
    const line = lines.toString("utf8", 0, Math.max(0, lines.indexOf(0x0a)))
    const { lamport } = JSON.parse(lineFromText(line, "").header) as { lamport?: unknown }
    return Number.isSafeInteger(lamport) && (lamport as number) > 0 ? (lamport as number) : 0
  } catch {
    return 0
  }
}

/** The run that a segment is, under the name that it should have; `size` is that of the file. */
export const runOfSegment = (segment: Segment, size: number): ShelfRun => {
  const { project, node, from, to, head, size: lines } = segment
  const lamport = firstLamport(linesOfSegment(segment, node))
  const previous = segment.previous.slice(0, previousLength)
  const signed = segment.signature !== undefined
  const run = [digits(from), digits(to), lamport, previous, head, size, lines].join("-")
  const name = `${logsPrefix(project)}${node}/${run}${signed ? "-signed" : ""}.events`
  return { name, node, from, to, lamport, previous, head, size, lines, signed }
}
