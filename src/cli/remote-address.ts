/**
 * Where a remote is, as people write it: `folder:PATH`, `http(s)://HOST:PORT`, `nats://HOST:PORT`,
 * `tls://HOST:PORT`, with `#ID` for one project of a place that holds several.
 *
 * Invariants
 *  1. No secret is ever part of an address, so none is kept, listed or shown; the files that hold
 *     secrets are named by options.
 *  2. What is refused for a secret is not repeated in the error.
 *  3. Paths are absolute once they were read: the address means the same from every folder.
 */
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { isIdentifier } from "../event/hash.ts"
import type { Terminal } from "./terminal.ts"
import { nearestWord, UsageError } from "./usage.ts"

export interface RemoteAddress {
  readonly kind: "folder" | "http" | "nats"
  /** As it is kept, without the project. */
  readonly url: string
  /** For people: without options. */
  readonly where: string
  /** The project meant, of several at the place. */
  readonly project: string | undefined
}

const kinds: { readonly [scheme: string]: RemoteAddress["kind"] } = {
  folder: "folder",
  http: "http",
  https: "http",
  nats: "nats",
  tls: "nats",
}

const ways = "Write folder:PATH, http://HOST:PORT, https://…, nats://HOST:PORT or tls://…."
/** Options whose values are files. */
const fileOptions: ReadonlySet<string> = new Set(
  "creds nkey token-file password-file ca cert key".split(" "),
)
/** Options that would hold a secret itself. */
const secretOptions =
  /^(access[-_]?)?(token|pass|password|passwd|secret|seed|jwt|auth|api[-_]?key)$/i

const invalid = (message: string, remedy: string): UsageError =>
  new UsageError("remote-invalid", message, remedy, "URL")

const secretRefused = (kind: RemoteAddress["kind"]): UsageError =>
  new UsageError(
    "remote-secret",
    "The address holds a password or token; it would be kept and shown with it.",
    kind === "http"
      ? "Put the token into a file that only you may read, and write ?token-file=FILE."
      : "Put it into a file that only you may read, and write ?user=NAME&password-file=FILE, ?token-file=FILE, ?nkey=FILE or ?creds=FILE.",
    "URL",
  )

/** Whether a word is meant as an address, and not as a name or a file. */
export const isAddress = (text: string): boolean => {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase()
  return scheme !== undefined && (Object.hasOwn(kinds, scheme) || text.includes("://"))
}

/** What was probably meant by a word without a scheme that is known. */
const meant = (text: string): string => {
  const file = /^file:(?:\/\/)?(\/[^?#]*)$/.exec(text)?.[1]
  if (file !== undefined) return `For a folder write folder:${file}.`
  if (/^(\.{0,2}\/|~\/)/.test(text)) return `For a folder write folder:${text}.`
  if (/^[\w.-]+:4222$/.test(text)) return `For a NATS server write nats://${text}.`
  if (/^[\w.-]+:\d+$/.test(text)) return `Write http://${text} or nats://${text}.`
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1] ?? ""
  const near = nearestWord(scheme, Object.keys(kinds))
  return near === undefined ? ways : `Did you mean ${near}:? ${ways}`
}

const pathFrom = ({ directory, environment }: Terminal, path: string): string =>
  path === "~" || path.startsWith("~/")
    ? join(environment.HOME ?? homedir(), path.slice(1))
    : resolve(directory, path)

const projectFrom = (text: string | undefined): string | undefined => {
  if (text === undefined || text === "") return undefined
  const isProject: boolean = isIdentifier(text)
  if (isProject) return text
  throw invalid(
    "What follows the # of an address is no project id.",
    "A project id is 26 characters of a-z and 2-7; `lamplog status` shows it.",
  )
}

const folderAddress = (text: string, terminal: Terminal): RemoteAddress => {
  // Folders may have a # in their names; only an id after the last one is a project.
  const [, path = "", project] = /^(.*?)(?:#([a-z2-7]{26}))?$/s.exec(text)!
  if (path.startsWith("//") || path.includes("\0")) {
    throw invalid("This is no path of a folder.", "Write folder:PATH, such as folder:../shared.")
  }
  if (path === "") throw invalid("The address names no folder.", "Write folder:PATH.")
  const where = `folder:${pathFrom(terminal, path)}`
  return { kind: "folder", url: where, where, project }
}

const optionText = (name: string, value: string): string =>
  `${name}=${encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%3A", ":")}`

const serverPattern = /^([a-z]+):\/\/([^/?#]+)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s

const serverAddress = (
  kind: RemoteAddress["kind"],
  text: string,
  terminal: Terminal,
): RemoteAddress => {
  const match = serverPattern.exec(text)
  const [, scheme = "", host = "", path = "", query = "", fragment] = match ?? []
  if (/^[^/]*:\/*[^/?#]*@/.test(text)) throw secretRefused(kind)
  if (match === null || /[^\x21-\x7e]/.test(text)) {
    const example = kind === "http" ? "http://HOST:PORT" : "nats://HOST:PORT"
    throw invalid("The address names no server.", `Write ${example}.`)
  }
  const options = [...new URLSearchParams(query)]
  if (options.some(([name]) => secretOptions.test(name))) throw secretRefused(kind)
  const kept = options.map(([name, value]) =>
    optionText(name, fileOptions.has(name) ? pathFrom(terminal, value) : value),
  )
  const where = `${scheme}://${host}${path === "/" ? "" : path}`
  const url = kept.length === 0 ? where : `${where}?${kept.join("&")}`
  return { kind, url, where, project: projectFrom(fragment) }
}

/** Reads an address. Throws `UsageError`. */
export const addressFromText = (text: string, terminal: Terminal): RemoteAddress => {
  const colon = text.indexOf(":")
  const scheme = colon < 0 ? "" : text.slice(0, colon).toLowerCase()
  const kind = Object.hasOwn(kinds, scheme) ? kinds[scheme] : undefined
  if (kind === "folder") return folderAddress(text.slice(colon + 1), terminal)
  if (kind !== undefined) {
    return serverAddress(kind, `${scheme}${text.slice(colon)}`, terminal)
  }
  throw invalid("Lamplog knows no remote with such an address.", meant(text.split("@").at(-1)!))
}

/** The address as it is kept in the settings. */
export const addressText = ({ project, url }: RemoteAddress): string =>
  project === undefined ? url : `${url}#${project}`
