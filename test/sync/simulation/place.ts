/**
 * Places that only keep: a shelf, a stream. They forget, and somebody leaves garbage there.
 */
import type { Remote } from "../../../src/sync/remote.ts"
import { decodeSegment } from "../../../src/sync/segment.ts"
import type { Segment } from "../../../src/sync/segment.ts"
import { shelfRemote } from "../../../src/sync/shelf.ts"
import { memoryStorage } from "../../../src/testing/memory-shelf.ts"
import type { Random } from "../../simulation/random.ts"
import type { Loss, PlaceKind } from "./operations.ts"
import { Stream, streamRemote } from "./stream.ts"

export interface MeetingPlace {
  readonly kind: PlaceKind
  /** As one more process would open it. */
  readonly remote: () => Remote
  readonly lose: (loss: Loss, random: Random) => void
  /** Somebody leaves bytes there that look like nothing known, or like what belongs there. */
  readonly litter: (bytes: Uint8Array, random: Random) => void
  /** What is there to be read. */
  readonly segments: () => ReadonlyArray<Segment>
}

/** Which of so many things, oldest first, go away. */
const lost = (count: number, loss: Loss, random: Random): ReadonlySet<number> => {
  const part = 1 + random.below(Math.max(1, count))
  const all = Array.from({ length: count }, (_, index) => index)
  switch (loss) {
    case "all":
      return new Set(all)
    case "oldest":
      return new Set(all.slice(0, part))
    case "newest":
      return new Set(all.slice(-part))
    case "some":
      return new Set(random.some(all, 0.4))
  }
}

const shelf = (): MeetingPlace => {
  const storage = memoryStorage()
  const { files } = storage
  const segments = (): ReadonlyArray<Segment> =>
    [...files].flatMap(([name, bytes]) => {
      if (name.endsWith(".damaged")) return []
      try {
        return [decodeSegment(bytes, name)]
      } catch {
        return []
      }
    })
  return {
    kind: "shelf",
    remote: () => shelfRemote(storage),
    lose: (loss, random) => {
      const going = lost(files.size, loss, random)
      for (const [index, name] of [...files.keys()].entries()) {
        if (!going.has(index)) continue
        const bytes = files.get(name)!
        // Half of a file may be all that is left of it.
        if (random.chance(0.2)) files.set(name, bytes.subarray(0, random.below(bytes.length + 1)))
        else files.delete(name)
      }
    },
    litter: (bytes, random) => {
      const names = [...files.keys()]
      const beside = names.length === 0 ? "somewhere/else" : random.pick(names)
      if (random.chance(0.3)) files.set(beside, bytes)
      else files.set(`${beside} (conflicted copy ${random.below(100)})`, bytes)
    },
    segments,
  }
}

const stream = (): MeetingPlace => {
  const kept = new Stream()
  return {
    kind: "stream",
    remote: () => streamRemote(kept),
    lose: (loss, random) => {
      const count = 1 + random.below(kept.messages.length + 1)
      if (loss === "oldest") kept.forget(count)
      else if (loss === "newest") kept.cut(count)
      else if (loss === "all") kept.begin()
      else
        kept.messages = kept.messages.map((message) => (random.chance(0.4) ? undefined : message))
    },
    litter: (bytes) => {
      kept.append(bytes)
    },
    segments: () => kept.messages.flatMap((message) => message?.segment ?? []),
  }
}

export const meetingPlace = (kind: PlaceKind): MeetingPlace =>
  kind === "shelf" ? shelf() : stream()
