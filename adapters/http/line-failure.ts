/**
 * What a client makes of a broken line and of an answer that is no success: failures of the contract,
 * which tell whether another attempt makes sense.
 */
import type { LamplogError } from "../../src/remote.ts"
import { cut, failure, nonsense, shown } from "./failure.ts"
import { failureFromBytes } from "./messages.ts"

const unreachable = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
])

export const timedOut = (where: string): LamplogError =>
  failure("remote-timeout", "The server did not answer in time.", "Try again later.", where)

export const failureFromLine = (error: NodeJS.ErrnoException, where: string): LamplogError => {
  const code = error.code ?? ""
  if (unreachable.has(code)) {
    const remedy = "Check the address, the network, and that the server runs."
    return failure("remote-unreachable", `No server can be reached (${code}).`, remedy, where)
  }
  if (code === "ETIMEDOUT") return timedOut(where)
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|ISSUER/.test(code)) {
    const remedy = "Name the authority that signed it: ?ca=FILE"
    return failure("remote-denied", `Its certificate is not trusted (${code}).`, remedy, where)
  }
  if (/SSL|EPROTO/.test(code)) return nonsense(`no TLS (${code})`, where)
  if (/^HPE_|HTTP/.test(code)) return nonsense(`no HTTP (${code})`, where)
  return cut(where)
}

const codesByStatus: { readonly [status: number]: string } = {
  401: "remote-denied",
  403: "remote-denied",
  407: "remote-denied",
  408: "remote-timeout",
  413: "limit-exceeded",
  429: "remote-busy",
  500: "remote-busy",
  502: "remote-busy",
  503: "remote-busy",
  504: "remote-busy",
  507: "remote-full",
}

const conflictCodes: ReadonlySet<string> = new Set([
  "other-project",
  "protocol-newer",
  "asset-unnamed",
  "asset-mismatch",
])

const remedies: { readonly [code: string]: string } = {
  "remote-denied": "Check the token: LAMPLOG_REMOTE_TOKEN, or ?token-file=FILE",
  "limit-exceeded": "Raise the limit of the server.",
  "remote-busy": "Try again later.",
  "remote-timeout": "Try again when the line is better.",
  "remote-full": "Free some space there.",
}

export const isRedirect = (status: number): boolean => status >= 300 && status < 400

/** The failure that an answer stands for; `document` is its body, as far as it came. */
export const failureFromAnswer = (
  status: number,
  document: Uint8Array | undefined,
  where: string,
  token: string | undefined,
): LamplogError => {
  if (isRedirect(status)) {
    return nonsense(`it answers with a redirect (${status}), which is not followed`, where)
  }
  const told = document === undefined ? undefined : failureFromBytes(document, where)
  // Whoever says it in a server's name may know the token, too.
  const hidden = (text: string) => (token === undefined ? text : text.replaceAll(token, "…"))
  if (status === 409 && told !== undefined && conflictCodes.has(told.code)) {
    return failure(told.code, hidden(told.message), hidden(told.remedy), where)
  }
  const code = codesByStatus[status]
  if (code === undefined) {
    const reason = told === undefined ? "" : `: ${hidden(shown(told.message))}`
    return nonsense(`it answers with status ${status}${reason.replace(/\.$/, "")}`, where)
  }
  const isDocument = told !== undefined && told.code !== "remote-protocol"
  const message = isDocument ? told.message : `The server answers with status ${status}.`
  return failure(code, hidden(message), remedies[code]!, where)
}
