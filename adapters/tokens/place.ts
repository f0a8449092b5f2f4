/**
 * Places in a text, as editors show them: `file:line:column`, both counted from 1.
 */

export const placeOf = (path: string, text: string, offset: number): string => {
  let line = 1
  let lineStart = 0
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line++
    lineStart = at + 1
  }
  return `${path}:${line}:${offset - lineStart + 1}`
}
