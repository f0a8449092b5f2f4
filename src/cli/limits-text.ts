/**
 * Limits of archives as people write them: `archiveBytes=1000,items.token=500`.
 */
import { limitsByProfile } from "../archive/limits.ts"
import type { ArchiveLimits } from "../archive/limits.ts"
import { nearestWord, UsageError } from "./usage.ts"

const { itemsByType: _, ...plain } = limitsByProfile.balanced
const names = Object.keys(plain)
const ofType = "items."

const refuse = (code: string, message: string, remedy: string, where: string): UsageError =>
  new UsageError(code, message, remedy, where.slice(0, 100))

const unknown = (name: string): UsageError => {
  const near = nearestWord(name, names)
  const choices = `Use ${names.join(", ")}, or ${ofType}TYPE.`
  const message = `There is no limit "${name.slice(0, 100)}".`
  return refuse(
    "limit-unknown",
    message,
    near === undefined ? choices : `Did you mean ${near}?`,
    name,
  )
}

/** Limits by name. Throws `UsageError`; a text without any sets none. */
export const limitsFromText = (text: string): Partial<ArchiveLimits> => {
  const limits = new Map<string, number>()
  const itemsByType = new Map<string, number>()
  for (const part of text.split(",").filter((one) => one.trim() !== "")) {
    const equals = part.indexOf("=")
    const name = part.slice(0, equals < 0 ? undefined : equals).trim()
    const digits = equals < 0 ? "" : part.slice(equals + 1).trim()
    const isOfType = name.startsWith(ofType) && name.length > ofType.length
    if (!isOfType && !names.includes(name)) throw unknown(name)
    const value = Number(digits)
    if (!/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(value)) {
      const message = `The limit ${name.slice(0, 100)} cannot be "${digits.slice(0, 100)}".`
      throw refuse("limit-invalid", message, "Give a whole number, as in archiveBytes=1000.", name)
    }
    if (isOfType) itemsByType.set(name.slice(ofType.length), value)
    else limits.set(name, value)
  }
  const byType = itemsByType.size === 0 ? {} : { itemsByType: Object.fromEntries(itemsByType) }
  return { ...Object.fromEntries(limits), ...byType }
}
