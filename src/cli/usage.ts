/**
 * Wrong usage: the command was not understood, so nothing was tried. Exit status 2.
 */
import { LamplogError } from "../event/failure.ts"

export class UsageError extends LamplogError {
  constructor(code: string, message: string, remedy: string, where?: string) {
    super({ code, message, remedy, ...(where === undefined ? {} : { where }) })
    this.name = "UsageError"
  }
}

/** Edits between two words: insertion, removal, change, or swap of neighbours. */
const editsBetween = (left: string, right: string): number => {
  let beforeLast: ReadonlyArray<number> = []
  let last: ReadonlyArray<number> = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const here = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1]
      let edits = Math.min(last[column - 1]! + (same ? 0 : 1), last[column]! + 1, here.at(-1)! + 1)
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (swapped && row > 1 && column > 1) edits = Math.min(edits, beforeLast[column - 2]! + 1)
      here.push(edits)
    }
    beforeLast = last
    last = here
  }
  return last[right.length]!
}

/** The word that was probably meant; undefined when none is near. */
export const nearestWord = (word: string, words: ReadonlyArray<string>): string | undefined => {
  const asked = word.slice(0, 64).toLowerCase()
  const near = words
    .map((candidate) => ({ candidate, edits: editsBetween(asked, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((left, right) => left.edits - right.edits)
  const longer = words.find((candidate) => asked.length > 1 && candidate.startsWith(asked))
  return near[0]?.candidate ?? longer
}

/** "Did you mean …?", or where to look when nothing is near. */
export const suggestion = (
  word: string,
  words: ReadonlyArray<string>,
  otherwise: string,
): string => {
  const near = nearestWord(word, words)
  return near === undefined ? otherwise : `Did you mean ${near}?`
}
