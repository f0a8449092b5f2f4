/**
 * What goes wrong between two machines, in the words of the contract, and which HTTP status stands
 * for it. Texts of the other side are shown as printable ASCII, bounded.
 */
import { LamplogError } from "../../src/remote.ts"

export const failure = (
  code: string,
  message: string,
  remedy: string,
  where?: string,
): LamplogError =>
  new LamplogError({ code, message, remedy, ...(where === undefined ? {} : { where }) })

const shownLengthMax = 300

/** A text of the other side, safe to show. */
export const shown = (text: string): string =>
  text.slice(0, shownLengthMax).replaceAll(/[^ -~]/g, "?")

export const nonsense = (what: string, where?: string): LamplogError =>
  failure(
    "remote-protocol",
    `The other side does not speak Lamplog's protocol: ${what}.`,
    "Check the address, and what stands between both machines.",
    where,
  )

export const tooLarge = (limit: string, most: number, where?: string): LamplogError =>
  failure(
    "limit-exceeded",
    `Too large: limit ${limit} = ${most}.`,
    "Send less at once, or raise the limit of the server.",
    where,
  )

export const newer = (version: number, ours: number, where?: string): LamplogError =>
  failure(
    "protocol-newer",
    `The other side speaks version ${version} of the protocol; this program speaks ${ours}.`,
    "Upgrade Lamplog on the older machine.",
    where,
  )

export const cut = (where?: string): LamplogError =>
  failure(
    "remote-interrupted",
    "The connection ended in the middle.",
    "Try again; what arrived is kept.",
    where,
  )

/** The status that tells of a failure; undefined for those that are the server's own affair. */
const statuses: { readonly [code: string]: number } = {
  "remote-protocol": 400,
  "remote-interrupted": 400,
  "segment-invalid": 400,
  "remote-denied": 403,
  "asset-absent": 404,
  "asset-damaged": 404,
  "remote-timeout": 408,
  "other-project": 409,
  "protocol-newer": 409,
  "segment-newer": 409,
  "asset-unnamed": 409,
  "asset-mismatch": 409,
  "limit-exceeded": 413,
  "asset-too-large": 413,
  "media-type": 415,
  "remote-busy": 503,
  "project-busy": 503,
  "disk-full": 507,
  "remote-full": 507,
}

/** What may be told of a failure: never the paths and texts of the machine it happened on. */
export interface Refusal {
  readonly status: number
  readonly error: LamplogError
}

export const refusalFrom = (error: unknown): Refusal => {
  const code = error instanceof LamplogError ? error.code : undefined
  const status = code === undefined ? undefined : statuses[code]
  if (status === 507) {
    const remedy = "Free some space there."
    return { status, error: failure("remote-full", "The disk of the server is full.", remedy) }
  }
  if (status === 503) return { status, error: busy() }
  if (status !== undefined) return { status, error: error as LamplogError }
  return {
    status: 500,
    error: failure(
      "remote-busy",
      "The server could not answer because of a failure of its own.",
      "Try again; its operator sees why.",
    ),
  }
}

/** Whether the operator of the server has to hear of it: nobody else can mend it. */
export const isOperators = (status: number, error: unknown): boolean =>
  status === 500 || (error instanceof LamplogError && error.code === "asset-damaged")

export const busy = (): LamplogError =>
  failure("remote-busy", "The server is busy.", "Try again in a few seconds.")
