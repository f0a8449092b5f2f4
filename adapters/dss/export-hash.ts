/**
 * The `exportHash` of an old archive: SHA-256, in hexadecimal, of its manifest as JSON with sorted
 * keys, without that field.
 *
 * The old exporters did not agree on blanks and escapes. All forms that their JSON libraries write are
 * tried: compact, as JavaScript does, or with ", " and ": ", as Python does; other characters than
 * ASCII as they are or escaped; numbers as either of the two writes them. Each form stands for one
 * manifest only, so trying several weakens nothing. The hash covers the manifest alone.
 */
import { createHash } from "node:crypto"
import type { JsonObject } from "../../src/index.ts"

/** A number as it stands in the file: Python keeps `1.0` apart from `1`. */
class Source {
  readonly value: number
  readonly text: string
  constructor(value: number, text: string) {
    this.value = value
    this.text = text
  }
}

type Parsed = null | boolean | string | Source | ReadonlyArray<Parsed> | ParsedObject
interface ParsedObject {
  readonly [key: string]: Parsed
}

interface Form {
  readonly spaced: boolean
  readonly ascii: boolean
  readonly numbers: "javascript" | "python"
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown

const parseWithSources = (text: string): Parsed => {
  const keep: Reviver = (_key, value, { source }) =>
    typeof value === "number" ? new Source(value, source ?? String(value)) : value
  return JSON.parse(text, keep as Parameters<typeof JSON.parse>[1]) as Parsed
}

/** Python's repr of a float: the same digits as JavaScript's, other bounds for the exponent. */
const pythonFloat = (value: number): string => {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0"
  const [digits, power] = value.toExponential().split("e") as [string, string]
  const exponent = Number(power)
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? "-" : "+"
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`
  }
  const plain =
    exponent < 0 ? value.toFixed(digits.replace(/[-.]/g, "").length - 1 - exponent) : String(value)
  return plain.includes(".") ? plain : `${plain}.0`
}

const numberText = ({ value, text }: Source, numbers: Form["numbers"]): string => {
  if (numbers === "javascript") return JSON.stringify(value)
  return /[.eE]/.test(text) ? pythonFloat(value) : text
}

const escaped = (text: string): string =>
  text.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )

/** By code points, as Python compares texts; JavaScript differs beyond U+FFFF only. */
const compareCodePoints = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left), Buffer.from(right))

const textIn = (form: Form, value: Parsed): string => {
  if (value instanceof Source) return numberText(value, form.numbers)
  if (typeof value === "string") {
    const text = JSON.stringify(value)
    return form.ascii ? escaped(text) : text
  }
  if (value === null || typeof value === "boolean") return String(value)
  const comma = form.spaced ? ", " : ","
  if (Array.isArray(value)) {
    return `[${(value as ReadonlyArray<Parsed>).map((item) => textIn(form, item)).join(comma)}]`
  }
  const object = value as ParsedObject
  const colon = form.spaced ? ": " : ":"
  const keys = Object.keys(object).sort(form.numbers === "python" ? compareCodePoints : undefined)
  return `{${keys.map((key) => textIn(form, key) + colon + textIn(form, object[key]!)).join(comma)}}`
}

const forms: ReadonlyArray<Form> = (["javascript", "python"] as const).flatMap((numbers) =>
  [false, true].flatMap((spaced) => [false, true].map((ascii) => ({ spaced, ascii, numbers }))),
)

const hashField = "exportHash"

/** Whether a manifest's text fits the hash it names; undefined when it names none. */
export const exportHashFits = (manifest: JsonObject, text: string): boolean | undefined => {
  const named = manifest[hashField]
  if (named === undefined || named === null) return undefined
  if (typeof named !== "string") return false
  const wanted = named.toLowerCase().replace(/^sha256:/, "")
  const { [hashField]: _hash, ...rest } = parseWithSources(text) as ParsedObject
  return forms.some(
    (form) => createHash("sha256").update(textIn(form, rest)).digest("hex") === wanted,
  )
}
