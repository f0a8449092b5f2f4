/**
 * Themes as files: which mode a file stands for when several files define one token differently.
 *
 * The mode is the distinguishing part of the path: `light.json` and `dark.json` give `light` and
 * `dark`, `size.json` beside `size-coarse.json` gives `$default` and `coarse`. Two files are siblings
 * if they define mostly the same tokens and their paths differ by one word; the words in which
 * siblings differ are mode words, and a file's mode is the mode words of its path. So a file has the
 * same mode for all its tokens, and further files seldom change it.
 */
import { defaultMode } from "./model.ts"

/** Files that together define some tokens, each differently, and how many such tokens there are. */
export interface Overlap {
  readonly files: ReadonlyArray<string>
  readonly count: number
}

interface Word {
  readonly text: string
  /** What stands between this word and the one before it. */
  readonly separator: string
}

/** More files than this for one token are no siblings any more, and too many to compare. */
const siblingsMax = 64

const withoutExtension = (path: string): string =>
  path.replace(/(\.tokens)?\.(json|json5|jsonc|tokens)$/i, "")

/** The words of a path; of a word that comes twice, such as `dark/patterns-dark`, the last. */
const wordsOf = (path: string): ReadonlyArray<Word> => {
  const words = [...withoutExtension(path).matchAll(/([^\p{L}\p{N}@]*)([\p{L}\p{N}@]+)/gu)].map(
    ([, separator, text]) => ({ separator: separator!, text: text! }),
  )
  const last = new Map(words.map((word, index) => [word.text, index]))
  return words.filter((word, index) => last.get(word.text) === index)
}

/** The words in which two paths differ, if one word of a path was swapped or added; else undefined. */
const difference = (
  left: ReadonlyArray<Word>,
  right: ReadonlyArray<Word>,
): ReadonlyArray<string> | undefined => {
  const shorter = Math.min(left.length, right.length)
  let start = 0
  while (start < shorter && left[start]!.text === right[start]!.text) start++
  let end = 0
  while (end < shorter - start && left.at(-1 - end)!.text === right.at(-1 - end)!.text) end++
  const ofLeft = left.slice(start, left.length - end).map((word) => word.text)
  const ofRight = right.slice(start, right.length - end).map((word) => word.text)
  const swapped = Math.min(ofLeft.length, ofRight.length) <= 1
  return swapped && !ofLeft.some((text) => ofRight.includes(text))
    ? [...ofLeft, ...ofRight]
    : undefined
}

const modeWords = (
  overlaps: Iterable<Overlap>,
  tokensByFile: ReadonlyMap<string, number>,
  words: (file: string) => ReadonlyArray<Word>,
): ReadonlySet<string> => {
  const shared = new Map<string, Map<string, number>>()
  for (const { files, count } of overlaps) {
    if (files.length > siblingsMax) continue
    for (const [index, left] of files.entries()) {
      const counts = shared.get(left) ?? new Map<string, number>()
      shared.set(left, counts)
      for (const right of files.slice(index + 1)) {
        counts.set(right, (counts.get(right) ?? 0) + count)
      }
    }
  }
  const found = new Set<string>()
  for (const [left, counts] of shared) {
    for (const [right, count] of counts) {
      const smaller = Math.min(tokensByFile.get(left)!, tokensByFile.get(right)!)
      if (count * 2 < smaller) continue
      for (const word of difference(words(left), words(right)) ?? []) found.add(word)
    }
  }
  return found
}

/** The mode words of a path, with the signs between them where they stand side by side. */
const labelOf = (words: ReadonlyArray<Word>, modes: ReadonlySet<string>): string => {
  let label = ""
  let previous = -2
  for (const [index, word] of words.entries()) {
    if (!modes.has(word.text)) continue
    const separator = previous === index - 1 && !word.separator.includes("/") ? word.separator : "-"
    label += label === "" ? word.text : separator + word.text
    previous = index
  }
  return label
}

const baseName = (path: string): string => withoutExtension(path.slice(path.lastIndexOf("/") + 1))

/**
 * Takes the longer name wherever the shorter one is not the only one of its kind. The one that
 * `keeps` says may stay as it is.
 */
const distinct = (
  shorter: ReadonlyArray<string>,
  longer: (index: number) => string,
  keeps: (name: string, index: number) => boolean,
): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const name of shorter) counts.set(name, (counts.get(name) ?? 0) + 1)
  return shorter.map((name, index) =>
    counts.get(name) === 1 || keeps(name, index) ? name : longer(index),
  )
}

/** By mode, which of these files defines the most tokens: the theme, and not what overrides it. */
const largest = (
  labels: ReadonlyArray<string>,
  sizeOf: (index: number) => number,
): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const [index, label] of labels.entries()) {
    const before = found.get(label)
    if (before === undefined || sizeOf(index) > sizeOf(before)) found.set(label, index)
  }
  return found
}

/**
 * Names the modes of a token defined in these files, in the same order, each different. `overlaps`
 * and `tokensByFile` describe the whole import.
 */
export const fileModes = (
  overlaps: Iterable<Overlap>,
  tokensByFile: ReadonlyMap<string, number>,
): ((files: ReadonlyArray<string>) => ReadonlyArray<string>) => {
  const wordsByFile = new Map<string, ReadonlyArray<Word>>()
  const words = (file: string): ReadonlyArray<Word> => {
    const known = wordsByFile.get(file) ?? wordsOf(file)
    wordsByFile.set(file, known)
    return known
  }
  const modes = modeWords(overlaps, tokensByFile, words)
  return (files) => {
    const labels = files.map((file) => labelOf(words(file), modes) || defaultMode)
    const main = largest(labels, (index) => tokensByFile.get(files[index]!) ?? 0)
    const names = distinct(
      labels,
      (index) => baseName(files[index]!),
      (label, index) => label !== defaultMode && main.get(label) === index,
    )
    return distinct(
      names,
      (index) => withoutExtension(files[index]!),
      () => false,
    )
  }
}
