/**
 * Says what went wrong with a server in the words of the contract: a stable code, and what to do.
 *
 * Invariants
 *  1. No message repeats a password, token, seed or the query of a URL.
 *  2. What another attempt may mend has a code of `transientCodes`; nothing else has.
 */
import { JetStreamApiError } from "@nats-io/jetstream"
import { errors } from "@nats-io/transport-node"
import { LamplogError } from "../../src/remote.ts"

/** Codes of the JetStream API that this adapter tells apart. */
export const apiCodes = {
  wrongLastSequence: 10071,
  consumerExists: 10148,
  consumerNameTaken: 10013,
  consumerNotFound: 10014,
  streamNotFound: 10059,
  messageTooLarge: 10054,
  wrongLastMessage: 10070,
} as const

/** Storage is exhausted: of the stream, the server, the account. */
const fullCodes: ReadonlySet<number> = new Set([10077, 10047, 10023, 10028, 10002, 10122, 10026])
/** The configuration of the account or stream does not allow it; waiting does not help. */
const configurationCodes: ReadonlySet<number> = new Set([10039, 10052, 10058, 10060, 10065, 10074])

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly remedy: string
  readonly where: string
  readonly cause?: unknown
}

export const refuse = (refusal: Refusal): LamplogError => new LamplogError(refusal)

export const invalid = (where: string, message: string, remedy: string): LamplogError =>
  refuse({ code: "remote-invalid", message: `${where}: ${message}`, remedy, where })

export const unreachable = (where: string, message: string, cause?: unknown): LamplogError =>
  refuse({
    code: "remote-unreachable",
    message: `${where}: ${message}`,
    remedy: "Check that nats-server runs there with JetStream; Lamplog tries again by itself.",
    where,
    cause,
  })

export const interrupted = (where: string, message: string, cause?: unknown): LamplogError =>
  refuse({
    code: "remote-interrupted",
    message: `${where}: ${message}`,
    remedy: "Nothing to do: the next attempt goes on from here.",
    where,
    cause,
  })

export const timedOut = (where: string, message: string, cause?: unknown): LamplogError =>
  refuse({
    code: "remote-timeout",
    message: `${where}: ${message}`,
    remedy: "Nothing to do if it passes; else look at the server's load and its connection.",
    where,
    cause,
  })

export const busy = (where: string, message: string): LamplogError =>
  refuse({
    code: "remote-busy",
    message: `${where}: ${message}`,
    remedy: "Nothing to do: Lamplog tries again by itself.",
    where,
  })

export const behind = (where: string): LamplogError =>
  busy(where, "the server that was read from lags behind the others")

export const nonsense = (where: string, message: string): LamplogError =>
  refuse({
    code: "remote-protocol",
    message: `${where}: ${message}`,
    remedy: "Something else than Lamplog writes to these subjects; give it other permissions.",
    where,
  })

const denied = (where: string, message: string, remedy: string, cause: unknown): LamplogError =>
  refuse({ code: "remote-denied", message: `${where}: ${message}`, remedy, where, cause })

const causes = (error: unknown): ReadonlyArray<unknown> => {
  const chain: Array<unknown> = []
  for (let next = error; next !== undefined && next !== null && chain.length < 8;) {
    chain.push(next)
    next = next instanceof Error ? next.cause : undefined
  }
  return chain
}

const foundIn = <E>(chain: ReadonlyArray<unknown>, type: abstract new (...values: never) => E) =>
  chain.find((error): error is E => error instanceof type)

const fromApi = (error: JetStreamApiError, where: string, doing: string): LamplogError => {
  const { code } = error
  const told = `${doing}: ${error.message} (${code})`
  if (fullCodes.has(code)) {
    return refuse({
      code: "remote-full",
      message: `${where}: no room left: ${told}`,
      remedy:
        "Give the stream or the account more room (lamplog nats init --max-bytes, or the server's max_file_store).",
      where,
      cause: error,
    })
  }
  if (configurationCodes.has(code)) {
    return refuse({
      code: "remote-invalid",
      message: `${where}: ${told}`,
      remedy: "Let an administrator run `lamplog nats init` against this server.",
      where,
      cause: error,
    })
  }
  if (code === apiCodes.messageTooLarge) return interrupted(where, told, error)
  return unreachable(where, told, error)
}

const certificateCode = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_OSSL)/

/** The error of the contract for what a client library threw while `doing` something. */
export const mapFailure = (error: unknown, where: string, doing: string): LamplogError => {
  if (error instanceof LamplogError) return error
  const chain = causes(error)
  const permission = foundIn(chain, errors.PermissionViolationError)
  if (permission !== undefined) {
    const { operation, subject } = permission
    return denied(
      where,
      `not permitted: ${operation === "publish" ? "publish to" : "subscribe to"} ${subject} (${doing})`,
      "Let an administrator add it to this user's permissions; `lamplog nats init` prints them.",
      error,
    )
  }
  if (
    foundIn(chain, errors.AuthorizationError) !== undefined ||
    foundIn(chain, errors.UserAuthenticationExpiredError) !== undefined
  ) {
    return denied(
      where,
      "the server does not accept these credentials, or does no longer",
      "Check user and password, token, nkey or creds file in the remote's URL.",
      error,
    )
  }
  const api = foundIn(chain, JetStreamApiError)
  // Gone in the middle of something: the next attempt makes it anew, or says who has to.
  if (api?.code === apiCodes.streamNotFound) {
    return interrupted(where, `the stream is gone (${doing})`, error)
  }
  if (api !== undefined) return fromApi(api, where, doing)
  if (foundIn(chain, errors.NoRespondersError) !== undefined) {
    return unreachable(
      where,
      `JetStream does not answer (${doing}): off, or without a leader`,
      error,
    )
  }
  if (foundIn(chain, errors.TimeoutError) !== undefined) {
    return timedOut(where, `no answer in time (${doing})`, error)
  }
  if (foundIn(chain, errors.InvalidArgumentError) !== undefined) {
    // The library checks max_payload, which a server may lower at any reconnect.
    return interrupted(where, `${doing}: ${(error as Error).message}`, error)
  }
  const code = chain.map((cause) => (cause as NodeJS.ErrnoException).code).find(Boolean)
  if (typeof code === "string" && certificateCode.test(code)) {
    return denied(
      where,
      `the server's certificate, or ours, was not accepted (${code})`,
      "Name the authority with ?ca=FILE, and a client certificate with ?cert=FILE&key=FILE.",
      error,
    )
  }
  return unreachable(where, `${doing}: ${(error as Error).message}`, error)
}

export const missingStream = (where: string, doing: string): LamplogError =>
  refuse({
    code: "remote-invalid",
    message: `${where}: this project has no stream there, and none may be made (${doing})`,
    remedy: "Let an administrator run `lamplog nats init` for this project.",
    where,
  })

export const apiCodeOf = (error: unknown): number | undefined =>
  foundIn(causes(error), JetStreamApiError)?.code

export const isMissingStream = (error: unknown): boolean =>
  apiCodeOf(error) === apiCodes.streamNotFound
