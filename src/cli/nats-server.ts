/**
 * `nats init` and `nats permissions`: what an administrator of a NATS server does and needs.
 */
import * as Effect from "effect/Effect"
import { work } from "../archive/work.ts"
import { LamplogError } from "../event/failure.ts"
import type { Call, Run } from "./command.ts"
import { findProject } from "./folder.ts"
import { tokenFor } from "./open-remote.ts"
import { aligned, printable } from "./paint.ts"
import { addressFromText } from "./remote-address.ts"
import type { RemoteAddress } from "./remote-address.ts"
import { withProjectIn } from "./session.ts"
import { UsageError } from "./usage.ts"
import { nodeFromText } from "./words.ts"

interface Place {
  readonly project: string
  readonly node: string
}

/** The project that the command stands in, if it does. */
const placeOf = (call: Call): Effect.Effect<Place | undefined, LamplogError> =>
  Effect.suspend(() => {
    let directory: string
    try {
      directory = findProject(call)
    } catch (error) {
      if (call.has("project")) throw error
      return Effect.succeed(undefined)
    }
    return withProjectIn(directory, call, (project) =>
      Effect.map(project.status, ({ node, project: id }) => ({ node, project: id })),
    )
  })

const countFrom = (call: Call, flag: string): number | undefined => {
  const text = call.flag(flag)
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new UsageError(
    "count-invalid",
    `--${flag} cannot be "${text.slice(0, 100)}".`,
    "Give a whole number from 1.",
    `--${flag}`,
  )
}

const natsAddress = (call: Call): RemoteAddress => {
  const address = addressFromText(call.argument("URL"), call.terminal)
  if (address.kind === "nats") return address
  throw new UsageError(
    "remote-invalid",
    "This is not the address of a NATS server.",
    "Write nats://HOST:PORT or tls://HOST:PORT.",
    "URL",
  )
}

const layoutPattern = /^(?:project|shards:([1-9]\d{0,3}))$/

type Layout = { readonly kind: "project" } | { readonly kind: "shards"; readonly count: number }

const layoutOf = (call: Call): Layout | undefined => {
  const text = call.flag("layout")
  if (text === undefined) return undefined
  const match = layoutPattern.exec(text)
  if (match === null) {
    throw new UsageError(
      "layout-invalid",
      `--layout cannot be "${text.slice(0, 100)}".`,
      "Write project (a stream for each), or shards:64 (always the same number).",
      "--layout",
    )
  }
  return match[1] === undefined ? { kind: "project" } : { kind: "shards", count: Number(match[1]) }
}

const projectMissing = (): LamplogError =>
  new LamplogError({
    code: "no-project",
    message: "Which project the server is to be prepared for is not clear.",
    remedy:
      "Run this in the project's folder, or write its id after the address: nats://HOST:PORT#ID.",
  })

const loadNats = Effect.promise(() => import("../../adapters/nats/index.ts"))

export const init: Run = (call) =>
  Effect.gen(function* () {
    const address = natsAddress(call)
    const layout = layoutOf(call)
    const replicas = countFrom(call, "replicas")
    const maxBytes = countFrom(call, "max-bytes")
    const here = yield* placeOf(call)
    const project = address.project ?? here?.project
    const isShared = layout?.kind === "shards" || /[?&]layout=shards/.test(address.url)
    if (project === undefined && !isShared) return yield* Effect.fail(projectMissing())
    const { initNats } = yield* loadNats
    const prepared = yield* work(address.where, (signal) =>
      initNats(address.url, {
        ...(project === undefined ? {} : { project }),
        ...(layout === undefined ? {} : { layout }),
        ...(replicas === undefined ? {} : { replicas }),
        ...(maxBytes === undefined ? {} : { maxBytes }),
        ...(call.has("tidy") ? { tidy: true } : {}),
        ...tokenFor(address, call.terminal),
        signal,
      }),
    )
    return {
      document: { where: address.where, project: project ?? null, prepared },
      text: () =>
        `${call.paint.bold(printable(address.where))} is ready.\n${aligned(
          prepared.flatMap(({ bucket, bucketWas, stream, streamWas, tidied }) => [
            ["stream", stream, streamWas],
            ["bucket", bucket, bucketWas],
            ...(tidied === 0 ? [] : [["taken away", `${tidied} messages of aborted uploads`]]),
          ]),
        )}\n\`lamplog nats permissions NODE\` prints what a node has to be allowed there.\n`,
    }
  })

export const permissions: Run = (call) =>
  Effect.gen(function* () {
    const asked = call.optionalArgument("NODE")
    const layout = layoutOf(call)
    const domain = call.flag("domain")
    const here = yield* placeOf(call)
    if (here === undefined) return yield* Effect.fail(projectMissing())
    const node = asked === undefined ? here.node : nodeFromText(asked, "NODE")
    const { permissionsFor, serverConfiguration } = yield* loadNats
    const wishes = {
      project: here.project,
      node,
      ...(layout === undefined ? {} : { layout }),
      ...(domain === undefined ? {} : { domain }),
    }
    const granted = yield* work("permissions", async () => permissionsFor(wishes))
    const { publish, subscribe, text } = granted
    const whole = call.has("configuration") ? serverConfiguration([granted]) : `${text}\n`
    return {
      document: { project: here.project, node, publish, subscribe, text: whole },
      text: () => whole,
    }
  })
