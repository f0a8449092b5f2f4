/**
 * Reads where a server is, and how to get in, from a URL and options.
 *
 * Secrets come from files only, never from the URL, and stay in functions that hand them to the client library:
 * nothing that prints settings can print a secret.
 */
import { readFileSync } from "node:fs"
import type { Authenticator, TlsOptions } from "@nats-io/transport-node"
import {
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node"
import type { Peer } from "../../src/remote.ts"
import { invalid } from "./refuse.ts"
import { shardsMax } from "./subjects.ts"
import type { Layout } from "./subjects.ts"

export interface NatsOptions {
  /** The node that connects: its inbox and permissions bear this id. */
  readonly node?: string
  /** The project whose assets are meant, until one was met. */
  readonly project?: string
  /** For people who look at who is there. */
  readonly name?: string
  /** Answers others while this replica watches. */
  readonly peer?: Peer
  /** A token, instead of a file that holds it. */
  readonly token?: string
  /** Hears of what works less well than it could: an old server, a bucket that is missing. */
  readonly onWarning?: (message: string) => void
}

export interface Settings {
  /** For people, without secrets. */
  readonly where: string
  readonly servers: ReadonlyArray<string>
  readonly authenticator: Authenticator | undefined
  readonly tls: TlsOptions | undefined
  readonly layout: Layout
  /** JetStream's domain, for a server behind a leaf node. */
  readonly domain: string | undefined
  /** The project that a fragment names. */
  readonly project: string | undefined
  /** How long to wait for a connection, and for an answer. */
  readonly timeoutMillis: number
  readonly options: NatsOptions
}

const known: ReadonlySet<string> = new Set(
  "creds nkey token-file user password-file ca cert key layout domain timeout".split(" "),
)

const defaultTimeoutMillis = 5000
const timeoutMillisMax = 120_000

const fileOf = (where: string, name: string, path: string): string => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw invalid(
      where,
      `the file of ${name} cannot be read: ${path} (${code ?? "?"})`,
      `Give ?${name}=FILE with a file that you may read.`,
    )
  }
}

const layoutFrom = (where: string, text: string | null): Layout => {
  if (text === null || text === "project") return { kind: "project" }
  const match = /^shards:([1-9][0-9]{0,3})$/.exec(text)
  const count = Number(match?.[1])
  if (match !== null && count <= shardsMax) return { kind: "shards", count }
  throw invalid(
    where,
    "layout is neither `project` nor `shards:COUNT`",
    `Give ?layout=shards:64, with the same count everywhere and for ever, at most ${shardsMax}.`,
  )
}

const credsPattern =
  /^-+BEGIN NATS USER JWT-+\r?\n.*^-+BEGIN USER NKEY SEED-+\r?\nSU[A-Z2-7]{56}$/ms

const authenticatorFrom = (
  where: string,
  query: URLSearchParams,
  options: NatsOptions,
): Authenticator | undefined => {
  const ways: Array<Authenticator> = []
  const read = (name: string): string | undefined => {
    const path = query.get(name)
    return path === null ? undefined : fileOf(where, name, path)
  }
  const creds = read("creds")
  if (creds !== undefined) {
    if (!credsPattern.test(creds)) {
      throw invalid(
        where,
        "the creds file holds no user and seed",
        "It has two blocks: NATS USER JWT and USER NKEY SEED; `nsc` writes such files.",
      )
    }
    // The library reads a block only with the end of its last line.
    ways.push(credsAuthenticator(new TextEncoder().encode(`${creds}\n`)))
  }
  const nkey = read("nkey")
  if (nkey !== undefined) {
    const seed = /^SU[A-Z2-7]{56}$/m.exec(nkey)?.[0]
    if (seed === undefined) {
      throw invalid(where, "the nkey file holds no user seed", "It has one line: SU… (58 letters).")
    }
    ways.push(nkeyAuthenticator(new TextEncoder().encode(seed)))
  }
  const token = read("token-file") ?? options.token
  if (token !== undefined) ways.push(tokenAuthenticator(token))
  const user = query.get("user")
  const password = read("password-file")
  if (user !== null) ways.push(usernamePasswordAuthenticator(user, password ?? ""))
  if (user === null && password !== undefined) {
    throw invalid(where, "a password without a user", "Give ?user=NAME&password-file=FILE.")
  }
  if (ways.length > 1) {
    throw invalid(where, "more than one way to get in", "Give one: creds, nkey, token or user.")
  }
  return ways[0]
}

const tlsFrom = (where: string, scheme: string, query: URLSearchParams): TlsOptions | undefined => {
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => {
    const path = query.get(name)
    return path === null ? undefined : fileOf(where, name, path)
  })
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(where, "a certificate and its key go together", "Give ?cert=FILE&key=FILE.")
  }
  if (scheme !== "tls" && ca === undefined && cert === undefined) return undefined
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

const urlPattern = /^(nats|tls):\/\/([^/?#@]+)\/?(?:\?([^#]*))?(?:#(.*))?$/

/** Reads a URL. Throws `remote-invalid`. */
export const settingsFrom = (url: string, options: NatsOptions = {}): Settings => {
  const match = urlPattern.exec(url)
  if (match === null) {
    const secret = /^(nats|tls):\/\/[^/?#]*@/.test(url)
    throw invalid(
      secret ? "nats://…" : (url.split(/[?#]/)[0] ?? url),
      secret ? "a URL must not hold a secret" : "this is no URL of a NATS server",
      "Write nats://HOST:PORT[,HOST:PORT…], with ?user=NAME&password-file=FILE and the like.",
    )
  }
  const [, scheme, hosts, text = "", project] = match as unknown as [
    string,
    string,
    string,
    string,
  ] &
    ReadonlyArray<string | undefined>
  const where = `${scheme}://${hosts}`
  const query = new URLSearchParams(text)
  const stranger = [...query.keys()].find((name) => !known.has(name))
  if (stranger !== undefined) {
    throw invalid(where, `no such option: ${stranger}`, `There are: ${[...known].join(", ")}.`)
  }
  const timeout = query.get("timeout")
  const timeoutMillis = timeout === null ? defaultTimeoutMillis : Number(timeout) * 1000
  if (!(timeoutMillis >= 100 && timeoutMillis <= timeoutMillisMax)) {
    throw invalid(where, "timeout is no number of seconds", "Give ?timeout=5, at most 120.")
  }
  const domain = query.get("domain") ?? undefined
  if (domain !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(domain)) {
    throw invalid(
      where,
      "domain is no name",
      "Give ?domain=NAME as in the server's jetstream block.",
    )
  }
  return {
    where,
    servers: hosts.split(","),
    authenticator: authenticatorFrom(where, query, options),
    tls: tlsFrom(where, scheme, query),
    layout: layoutFrom(where, query.get("layout")),
    domain,
    project: project === undefined || project === "" ? undefined : project,
    timeoutMillis,
    options,
  }
}
