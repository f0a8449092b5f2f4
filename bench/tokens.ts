/**
 * Design tokens as they occur, from a seed: colours, lengths, aliases, some with modes. The events
 * that write them have bodies of 200 to 300 bytes.
 */
import type { JsonObject } from "../src/event/canonical.ts"
import type { Change } from "../src/state/change.ts"

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const groups = ["color", "background", "border", "spacing", "radius", "font", "shadow", "motion"]
const parts = ["accent", "neutral", "positive", "negative", "notice", "surface", "overlay", "focus"]
const steps = ["100", "200", "300", "400", "hover", "down", "disabled", "default"]
const words = [
  "Used",
  "for",
  "the",
  "edge",
  "of",
  "raised",
  "panels",
  "when",
  "contrast",
  "is",
  "low",
]

const pick = (random: () => number, from: ReadonlyArray<string>): string =>
  from[Math.floor(random() * from.length)]!

const tokensInPart = 1600

/** The id of the token with a number: neighbours are neighbours, as in the files that tokens come from. */
export const tokenId = (number: number): string => {
  const part = Math.floor(number / tokensInPart)
  const name = Math.floor(number / steps.length)
  const group = groups[Math.floor(part / parts.length) % groups.length]!
  return `${group}.${parts[part % parts.length]!}.${name}.${steps[number % steps.length]!}`
}

const colour = (random: () => number): string =>
  `#${Math.floor(random() * 2 ** 24)
    .toString(16)
    .padStart(6, "0")}`

const sentence = (random: () => number, length: number): string => {
  let text = pick(random, words)
  while (text.length < length) text += ` ${pick(random, words)}`
  return text
}

/** The fields of one token. */
export const tokenFields = (random: () => number): JsonObject => {
  const kind = random()
  if (kind < 0.3) {
    return {
      description: sentence(random, 40),
      modes: { dark: { value: colour(random) }, light: { value: colour(random) } },
      type: "color",
    }
  }
  const value =
    kind < 0.6
      ? colour(random)
      : kind < 0.8
        ? `${Math.floor(random() * 64)}px`
        : "{color.accent.0.100}"
  return {
    description: sentence(random, 70 + Math.floor(random() * 60)),
    type: kind < 0.6 ? "color" : "dimension",
    value,
  }
}

/** Transactions that create tokens, made as they are asked for. */
export function* newTokens(
  size: number,
  perTransaction: number,
  seed: number,
): Generator<ReadonlyArray<Change>> {
  const random = randomFrom(seed)
  for (let first = 0; first < size; first += perTransaction) {
    const count = Math.min(perTransaction, size - first)
    yield Array.from({ length: count }, (_, index) => ({
      op: "put" as const,
      type: "token",
      id: tokenId(first + index),
      fields: tokenFields(random),
    }))
  }
}

/** Transactions that change tokens which exist, each at most once in a transaction. */
export function* editedTokens(
  size: number,
  existing: number,
  perTransaction: number,
  seed: number,
): Generator<ReadonlyArray<Change>> {
  const random = randomFrom(seed + 1)
  for (let first = 0; first < size; first += perTransaction) {
    const numbers = new Set<number>()
    const count = Math.min(perTransaction, size - first)
    while (numbers.size < count) numbers.add(Math.floor(random() * existing))
    yield [...numbers].map((number) => ({
      op: "patch" as const,
      type: "token",
      id: tokenId(number),
      fields: {
        value: colour(random),
        description: sentence(random, 100),
        deprecated: `since ${first}`,
      },
    }))
  }
}
