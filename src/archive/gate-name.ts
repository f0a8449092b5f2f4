/**
 * Which names members may have: bytes that mean the same to every system and every tool.
 *
 * A name is a label, never a path that is opened; still, one that would be dangerous as a path is
 * refused, because other tools unpack archives too. An allow-list of printable ASCII leaves no room
 * for control characters, right-to-left marks, backslashes, drives, hidden files or two spellings.
 *
 * Invariant: of all names taken, no two are equal when case is folded, and none is a folder of
 * another.
 */
import { shown } from "../event/failure.ts"
import { refuse } from "./refuse.ts"

const nameBytesMax = 240
const segmentBytesMax = 200
const segmentsMax = 8

const allowed = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/
/** Windows opens these as devices, whatever follows the first dot. */
const device = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/
/** What programs of this kind trip over when they use a name as a key. */
const forbidden = new Set(["__proto__", "constructor", "prototype"])

const flaw = (name: string): string | undefined => {
  if (name === "") return "has no name"
  if (name.length > nameBytesMax) return `has a name of more than ${nameBytesMax} bytes`
  if (!allowed.test(name)) return "has characters in its name that archives do not use"
  const segments = name.toLowerCase().split("/")
  if (segments.length > segmentsMax) return `lies more than ${segmentsMax} levels deep`
  for (const segment of segments) {
    if (segment.length > segmentBytesMax) return `has a part of more than ${segmentBytesMax} bytes`
    if (segment.endsWith(".")) return "has a part that ends with a dot"
    if (device.test(segment)) return "has a part that is a device on Windows"
    if (forbidden.has(segment)) return "has a part that no archive uses"
  }
  return undefined
}

/** Where a member is, for messages; `index` counts from 0. */
export const placeOf = (name: string, index: number): string =>
  name === "" ? `member ${index + 1}` : shown(name)

/** Takes the names of an archive one after another. */
export class NameCheck {
  readonly #files = new Set<string>()
  readonly #folders = new Set<string>()
  #count = 0

  /** `name` is the raw bytes read as Latin-1. */
  take(name: string): void {
    const found = flaw(name) ?? this.#collision(name.toLowerCase())
    if (found !== undefined) {
      const place = placeOf(name, this.#count)
      throw refuse("archive", "zip-name", `${place} ${found}.`, place)
    }
    this.#count += 1
  }

  #collision(folded: string): string | undefined {
    if (this.#files.has(folded)) return "is in the archive twice, give or take capital letters"
    if (this.#folders.has(folded)) return "is a folder of another member"
    this.#files.add(folded)
    for (
      let slash = folded.lastIndexOf("/");
      slash > 0;
      slash = folded.lastIndexOf("/", slash - 1)
    ) {
      const folder = folded.slice(0, slash)
      // Whoever added this folder also added those around it.
      if (this.#folders.has(folder)) return undefined
      if (this.#files.has(folder)) return "lies in a folder that is another member"
      this.#folders.add(folder)
    }
    return undefined
  }
}
