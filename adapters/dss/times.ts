/**
 * Times as the old server wrote them, and the order they give.
 *
 * Lamplog trusts no wall clock; here it has nothing else to go by. So times only decide in which order
 * items become events, and what is doubtful about them is told. No clock is read: a time is judged by
 * the years in which such a server can have run, by the date of the export, and by the other items.
 */
import type { Json } from "../../src/index.ts"

const microsPerSecond = 1_000_000
const microsPerDay = 86_400 * microsPerSecond
const microsPerYear = 365.25 * microsPerDay

/** Before this year there was no such server; from that year on a clock must have been wrong. */
const yearMin = 2000
const yearMax = 2100
/** How much later than the middle of all times an item may be. */
const spreadYearsMax = 10
/** How much later than the export an item may be, for times without a zone are hours off. */
const exportSlackMicros = microsPerDay

const isoTime =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i

const microsFromZone = (zone: string | undefined): number => {
  if (zone === undefined || /^z$/i.test(zone)) return 0
  const digits = zone.replaceAll(/\D/g, "").padEnd(4, "0")
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return minutes * 60 * microsPerSecond * (zone[0] === "-" ? -1 : 1)
}

const microsFromText = (text: string): number | undefined => {
  if (/^-?\d+(\.\d+)?$/.test(text)) return microsFromNumber(Number(text))
  const found = isoTime.exec(text)
  if (found === null) return undefined
  const [year, month, day, hour, minute, second] = found
    .slice(1, 7)
    .map((part) => Number(part ?? 0))
  const millis = Date.UTC(year!, month! - 1, day, hour, minute, second)
  const back = new Date(millis)
  // Date.UTC takes February 30 for March 2. A leap second is the second after it.
  if (back.getUTCMonth() !== month! - 1 && second !== 60) return undefined
  if (hour! > 23 || minute! > 59 || second! > 60 || day! < 1) return undefined
  const fraction = Number((found[7] ?? "").padEnd(6, "0").slice(0, 6))
  return millis * 1000 + fraction - microsFromZone(found[8])
}

/** Seconds, milliseconds or microseconds since 1970, told apart by how large they are. */
const microsFromNumber = (value: number): number | undefined => {
  const size = Math.abs(value)
  if (size < 1e11) return Math.round(value * microsPerSecond)
  if (size < 1e14) return Math.round(value * 1000)
  return size < 1e17 && Number.isSafeInteger(Math.round(value)) ? Math.round(value) : undefined
}

/** Microseconds since 1970 UTC; a time without a zone is taken for UTC. Undefined: no time. */
export const microsFrom = (value: Json | undefined): number | undefined => {
  if (typeof value === "number") return microsFromNumber(value)
  return typeof value === "string" ? microsFromText(value.trim()) : undefined
}

/** What an item says of itself; undefined where it says nothing that can be read. */
export interface Times {
  readonly created: number | undefined
  readonly updated: number | undefined
}

/** When an item became what it is: the later of its times, which should be that of its update. */
export const timeOf = ({ created, updated }: Times): number | undefined =>
  created === undefined || updated === undefined ? (updated ?? created) : Math.max(created, updated)

const yearStart = (year: number): number => Date.UTC(year, 0, 1) * 1000

const shown = (micros: number): string => new Date(micros / 1000).toISOString()

/** What is known beside an item when its times are judged. */
export interface Surroundings {
  readonly exported: number | undefined
  /** The middle one of all items' times; undefined when there are too few to compare. */
  readonly median: number | undefined
}

/** Items from which on a middle says something. */
const comparedItemsMin = 5

export const medianOf = (times: ReadonlyArray<number>): number | undefined =>
  times.length < comparedItemsMin
    ? undefined
    : times.toSorted((left, right) => left - right)[Math.floor(times.length / 2)]

const doubtAbout = (time: number, { exported, median }: Surroundings): string | undefined => {
  if (time < yearStart(yearMin)) return `before the year ${yearMin}`
  if (time >= yearStart(yearMax)) return `in or after the year ${yearMax}`
  if (exported !== undefined && time > exported + exportSlackMicros) {
    return `after the export itself, ${shown(exported)}`
  }
  if (median !== undefined && time > median + spreadYearsMax * microsPerYear) {
    return `more than ${spreadYearsMax} years after most other items`
  }
  return undefined
}

/** What is doubtful about an item's times, in words. */
export const doubtsAbout = (times: Times, around: Surroundings): ReadonlyArray<string> => {
  const doubts: Array<string> = []
  for (const [name, time] of [
    ["created", times.created],
    ["updated", times.updated],
  ] as const) {
    if (time === undefined) continue
    const doubt = doubtAbout(time, around)
    if (doubt !== undefined) doubts.push(`it was ${name} at ${shown(time)}, ${doubt}`)
  }
  const { created, updated } = times
  if (created !== undefined && updated !== undefined && updated < created) {
    doubts.push(`it was updated at ${shown(updated)}, before it was created at ${shown(created)}`)
  }
  return doubts
}
