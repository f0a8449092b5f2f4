/**
 * How events travel: the same lines in archives, messages, files and requests.
 *
 * A line is `header TAB salt TAB body LF`. Canonical JSON holds no raw tab or line feed (RFC 8785
 * writes them as \t and \n), so a line is cut by looking for two tabs, and each part is exactly
 * the text that was hashed.
 */
import { bodyBytesMax, headerBytesMax } from "../event/event.ts"
import { LamplogError } from "../event/failure.ts"

/** A segment is cut at the first transaction end after this many bytes of lines. */
export const segmentBytesMax = 4 * 1024 * 1024
/** Longest line, in bytes: header, salt, body, two tabs. */
export const lineBytesMax = bodyBytesMax + headerBytesMax + 64

export interface LineParts {
  readonly header: string
  readonly salt: string
  readonly body: string
}

export const lineText = (header: string, salt: string, body: string): string =>
  `${header}\t${salt}\t${body}\n`

/** Cuts a line (without its LF) into its parts; checks nothing else. */
export const lineFromText = (text: string, where: string): LineParts => {
  const first = text.indexOf("\t")
  const second = text.indexOf("\t", first + 1)
  if (first < 0 || second < 0 || text.includes("\t", second + 1)) {
    throw new LamplogError({
      stage: "schema",
      code: "line-parts",
      message: `${where}: a line is not a header, a salt and a body with tabs between.`,
      where,
      remedy: "Ask the sender for a new copy; nothing of this one was taken.",
    })
  }
  return {
    header: text.slice(0, first),
    salt: text.slice(first + 1, second),
    body: text.slice(second + 1),
  }
}
