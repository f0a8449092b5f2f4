/**
 * `serve`: offers this replica to others over HTTP until Ctrl-C.
 */
import * as Effect from "effect/Effect"
import { work } from "../archive/work.ts"
import { LamplogError } from "../event/failure.ts"
import type { Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { readKeys, readSecret } from "./key-files.ts"
import { tokenVariable } from "./open-remote.ts"
import { printable } from "./paint.ts"
import { withProject } from "./session.ts"
import { untilInterrupted } from "./stopping.ts"
import { UsageError } from "./usage.ts"

const portMax = 65_535

const portFrom = (call: Call): number => {
  const text = call.flag("port") ?? "0"
  const port = /^\d{1,5}$/.test(text) ? Number(text) : portMax + 1
  if (port <= portMax) return port
  throw new UsageError(
    "port-invalid",
    `--port cannot be "${text.slice(0, 100)}".`,
    `Give a number from 0 (any free port) to ${portMax}.`,
    "--port",
  )
}

const absent = (path: string): LamplogError =>
  new LamplogError({
    code: "file-missing",
    message: `${path}: there is no such file.`,
    remedy: "Check the path.",
    where: path,
  })

/** The text of a file that a flag names; undefined without the flag. */
const fileOf = (
  call: Call,
  flag: string,
  read: (path: string) => string | undefined,
): string | undefined => {
  const name = call.flag(flag)
  if (name === undefined) return undefined
  const path = pathFrom(call.terminal, name)
  const text = read(path)
  if (text === undefined) throw absent(path)
  return text
}

/** What others have to show to get in. */
const tokenOf = (call: Call): { readonly token?: string } => {
  const fromFile = fileOf(call, "token-file", (path) => readSecret(call, path))
  const token = (fromFile ?? call.terminal.environment[tokenVariable] ?? "").trim()
  if (token !== "") return { token }
  if (fromFile === undefined) return {}
  throw new LamplogError({
    code: "token-empty",
    message: "The token file holds no token.",
    remedy: "Make one: openssl rand -hex 32 > FILE",
    where: "--token-file",
  })
}

const tlsOf = (call: Call) => {
  const key = fileOf(call, "tls-key", (path) => readSecret(call, path))
  const cert = fileOf(call, "tls-cert", readKeys)
  if (key !== undefined && cert !== undefined) return { tls: { key, cert } }
  if (key === undefined && cert === undefined) return {}
  throw new UsageError(
    "tls-incomplete",
    "A certificate and its key go together.",
    "Give --tls-cert FILE and --tls-key FILE.",
    key === undefined ? "--tls-key" : "--tls-cert",
  )
}

export const serve: Run = (call) =>
  Effect.suspend(() => {
    const host = call.flag("host")
    const options = {
      port: portFrom(call),
      ...(host === undefined ? {} : { host }),
      ...tokenOf(call),
      ...tlsOf(call),
      onFailure: (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        call.terminal.writeError(`${printable(message)}\n`)
      },
    }
    const serving = withProject(call, (project) =>
      Effect.scoped(
        Effect.gen(function* () {
          const peer = yield* project.peer
          const { serveHttp } = yield* Effect.promise(() => import("../../adapters/http/index.ts"))
          const { url } = yield* Effect.acquireRelease(
            work("serve", () => serveHttp(peer, options)),
            (server) => Effect.promise(() => server.close()),
          )
          const { name, project: id } = peer.description
          const guard =
            options.token === undefined
              ? "without a token, to this machine alone"
              : "to those who have the token"
          const text = call.json
            ? `${JSON.stringify({ url, project: id, name, token: options.token !== undefined }, undefined, 2)}\n`
            : `Serving ${call.paint.bold(printable(name))} at ${url}, ${guard}. Ctrl-C ends it.\n`
          yield* Effect.promise(() => call.terminal.write(text))
          return yield* Effect.never
        }),
      ),
    )
    return untilInterrupted(call, serving, "Stopped serving; what others sent is kept.")
  })
