/**
 * Whether a file on a shelf is what it says: read to its end, each hash computed again.
 */
import { bodyHash, chainHash, genesisHash, nodeFromPublicKey, verifyHead } from "../event/hash.ts"
import { LamplogError } from "../event/failure.ts"
import { lineFromText } from "../log/segment.ts"
import { linesOfSegment } from "./segment.ts"
import type { Segment } from "./segment.ts"

const damaged = (what: string, where: string): LamplogError =>
  new LamplogError({
    stage: "archive",
    code: "segment-damaged",
    message: `${where}: ${what}.`,
    where,
    remedy: "Nothing of it was taken; the next replica that holds these events writes them again.",
  })

/** Each line of a segment with the chain hash after it. */
export interface CheckedLine {
  readonly bytes: Buffer
  readonly hash: string
}

/**
 * The lines of a segment whose chain leads from its `previous` to its `head`, and whose signature fits,
 * where it has one. Throws `LamplogError` otherwise. Clocks and what events mean are the reader's to check.
 */
export const checkedLines = (segment: Segment, where: string): ReadonlyArray<CheckedLine> => {
  const { node, publicKey, project, from, to, previous, head, signature } = segment
  if (nodeFromPublicKey(publicKey) !== node) throw damaged("the key is not its node's", where)
  if (from === 1 && previous !== genesisHash(project, publicKey)) {
    throw damaged("the log does not begin where this project's logs begin", where)
  }
  const bytes = linesOfSegment(segment, where)
  const lines: Array<CheckedLine> = []
  let hash = previous
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start)
    if (end < 0) throw damaged("the last line is cut short", where)
    const { header, salt, body } = lineFromText(bytes.toString("utf8", start, end), where)
    if (!header.includes(`"body":"${bodyHash(salt, body)}"`)) {
      throw damaged(
        `the body of event ${from + lines.length} is not the one its header names`,
        where,
      )
    }
    hash = chainHash(hash, header)
    lines.push({ bytes: bytes.subarray(start, end + 1), hash })
    start = end + 1
  }
  if (lines.length !== to - from + 1) throw damaged("it holds other events than it says", where)
  if (hash !== head) throw damaged("its events do not lead to the hash that it names", where)
  // A file that nobody can take would hide the events from those who could bring them.
  if (signature !== undefined && !verifyHead(publicKey, signature, project, node, to, head)) {
    throw damaged("its signature does not fit", where)
  }
  return lines
}
