/**
 * Colour, and values as people read them.
 *
 * Colour only on a terminal, and never when NO_COLOR is set. Text that came from others (ids, names,
 * values) passes through `printable`, so that no escape sequence in it reaches the terminal.
 */
import type { Json } from "../event/canonical.ts"
import { rgbFromValue } from "./swatch.ts"

export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
  /** A small field of the colour that a value names; empty when it names none. */
  readonly swatch: (value: Json | undefined) => string
}

type Environment = { readonly [name: string]: string | undefined }

const escape = "\u001b["
const code = (open: number, close: number) => (text: string) =>
  text === "" ? "" : `${escape}${open}m${text}${escape}${close}m`
const plain = (text: string): string => text

const noColour: Paint = {
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  cyan: plain,
  swatch: () => "",
}

/** The nearest of the 216 colours that every colour terminal has. */
const cubeColour = (rgb: readonly [number, number, number]): number => {
  const [red, green, blue] = rgb.map((part) => Math.round((part / 255) * 5)) as [
    number,
    number,
    number,
  ]
  return 16 + 36 * red + 6 * green + blue
}

const swatchWith = (environment: Environment) => (value: Json | undefined) => {
  const rgb = value === undefined ? undefined : rgbFromValue(value)
  if (rgb === undefined) return ""
  const exact = /^(truecolor|24bit)$/.test(environment.COLORTERM ?? "")
  const ground = exact ? `48;2;${rgb.join(";")}` : `48;5;${cubeColour(rgb)}`
  return `${escape}${ground}m  ${escape}49m `
}

export const paintFor = (isTerminal: boolean, environment: Environment): Paint => {
  const unwanted = (environment.NO_COLOR ?? "") !== "" || environment.TERM === "dumb"
  if (!isTerminal || unwanted) return noColour
  return {
    bold: code(1, 22),
    dim: code(2, 22),
    red: code(31, 39),
    green: code(32, 39),
    yellow: code(33, 39),
    cyan: code(36, 39),
    swatch: swatchWith(environment),
  }
}

/** Control characters and the signs that reorder text: whatever could act on a terminal. */
const acting = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** Text from others, safe to print on one line. */
export const printable = (text: string): string =>
  text.replace(acting, (sign) => `\\u{${sign.codePointAt(0)!.toString(16)}}`)

/** A value on one line: strings as they are, anything else as JSON. */
export const shown = (value: Json | undefined): string =>
  value === undefined
    ? "–"
    : printable(typeof value === "string" && value !== "" ? value : JSON.stringify(value))

/** Text cut to a width, with a sign that it was. */
export const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`

/** 1372 as 1,372, the same in every locale. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",")

/** "1 event", "2 events", "1,372 events". */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`

const painted = new RegExp(`${escape.replace("[", "\\[")}[0-9;]*m`, "g")

/** Characters that a text takes on the terminal, colours aside. */
export const widthOf = (text: string): number => Array.from(text.replace(painted, "")).length

/** Rows with their columns aligned; the last column is free. */
export const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>, indent = 2): string => {
  const widths: Array<number> = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, widthOf(cell))
    }
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, index) =>
        index === row.length - 1 ? cell : cell + " ".repeat(widths[index]! - widthOf(cell)),
      )
      return `${" ".repeat(indent)}${cells.join("  ").trimEnd()}`
    })
    .join("\n")
}
