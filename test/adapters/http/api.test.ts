/**
 * The published description and the server agree: each path, method and status in it is answered so,
 * with the media type that it names.
 */
import { afterEach, describe, expect, it } from "vitest"
import { openApi, routes } from "../../../adapters/http/api.ts"
import { serveHttp } from "../../../adapters/http/index.ts"
import type { ServeOptions } from "../../../adapters/http/index.ts"
import { bytesFromJson } from "../../../adapters/http/json.ts"
import type { Json } from "../../../src/index.ts"
import { LamplogError } from "../../../src/remote.ts"
import { encodeSegment } from "../../../src/sync/segment.ts"
import { asker, hashOf, hello, Notebook, project, segment, writer } from "./notebook.ts"
import { exchange, frameOf, requestBytes } from "./raw.ts"
import type { RawAnswer, RawRequest } from "./raw.ts"

const token = "a-token-of-sixteen"
const authorization = `Bearer ${token}`
const asset = hashOf("bytes")
const stream = "application/vnd.lamplog.stream"
const open: Array<{ close(): Promise<void> }> = []

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

/** What a good request to each operation looks like. */
const json = (value: object): RawRequest => ({
  path: "",
  headers: { authorization, "content-type": "application/json" },
  body: bytesFromJson(value as Json),
})
const greeting = { node: asker, project, version: 1 }

const good: { readonly [operation: string]: RawRequest } = {
  "GET /projects": { path: "" },
  "POST /pull": json({ ...greeting, since: {} }),
  "POST /push": {
    path: "",
    headers: { authorization, "content-type": stream },
    body: Buffer.concat([
      frameOf("M", bytesFromJson(greeting)),
      frameOf("S", encodeSegment(segment(writer, 1))),
      frameOf("B"),
      frameOf("E"),
    ]),
  },
  "POST /watch": json(greeting),
  "GET /assets/{sha256}": { path: "" },
  "PUT /assets/{sha256}": {
    path: "",
    headers: { authorization, "content-type": "application/octet-stream" },
    body: "bytes",
  },
  "POST /assets": json({ sha256: [asset], version: 1 }),
  "GET /openapi.json": { path: "", headers: {} },
  "GET /": { path: "", headers: {} },
}

interface Stage {
  readonly peer: Notebook
  readonly url: string
}

const stage = async (options: ServeOptions = {}): Promise<Stage> => {
  const peer = new Notebook()
  peer.assets.set(asset, Buffer.from("bytes"))
  const serving = await serveHttp(peer, { token, ...options })
  open.push(serving)
  return { peer, url: serving.url }
}

const ask = async (url: string, operation: string, change: Partial<RawRequest> = {}) => {
  const [method, path] = operation.split(" ") as [string, string]
  const request = { headers: { authorization }, ...good[operation]!, ...change }
  const target = change.path ?? path.replace("{sha256}", asset)
  return exchange(url, requestBytes({ ...request, method, path: target }), {
    headOnly: operation === "POST /watch",
  })
}

/** A server with one place of each kind, and somebody who holds it for as long as `during` runs. */
const whenTaken = async (
  operation: string,
  during: (stage: Stage) => Promise<RawAnswer>,
): Promise<RawAnswer> => {
  const one = { pullsMax: 1, pushesMax: 1, watchesMax: 1, assetsMax: 1 }
  const { peer, url } = await stage({ limits: one })
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  let entered = () => {}
  const inside = new Promise<void>((resolve) => (entered = resolve))
  peer.before = () => (entered(), held)
  const changed = peer.changed.bind(peer)
  peer.changed = (signal) => (entered(), changed(signal))
  const first = ask(url, operation, { headers: { ...good[operation]!.headers, authorization } })
  await inside
  const answer = await during({ peer, url })
  release()
  await first
  return answer
}

const failing = async (operation: string, error: unknown): Promise<RawAnswer> => {
  const { peer, url } = await stage()
  peer.before = () => Promise.reject(error as Error)
  return ask(url, operation)
}

const full = new LamplogError({ code: "disk-full", message: "Full.", remedy: "Free some." })
const other = { ...greeting, project: "d".repeat(26) }

/** A body that says `other` where the good one says who asks, or is not what the path says. */
const otherBody = (operation: string): string | Buffer => {
  switch (operation) {
    case "POST /push":
      return frameOf("M", bytesFromJson(other))
    case "POST /pull":
      return bytesFromJson({ ...other, since: {} })
    case "POST /assets":
      return bytesFromJson({ sha256: [], version: 2 })
    case "PUT /assets/{sha256}":
      return "other"
    default:
      return bytesFromJson(other)
  }
}

/** How to get each status out of an operation. */
const provoke: { readonly [status: string]: (operation: string) => Promise<RawAnswer> } = {
  200: async (operation) => ask((await stage()).url, operation),
  400: async (operation) => {
    // Bytes of any form are an asset's, but it has to be known how many there are.
    const bad = operation.startsWith("PUT") ? { body: undefined } : { body: "{}   " }
    return ask((await stage()).url, operation, bad)
  },
  401: async (operation) =>
    ask((await stage()).url, operation, {
      headers: { ...good[operation]!.headers, authorization: "Bearer no" },
    }),
  403: async (operation) => {
    const headers = { ...good[operation]!.headers, authorization, origin: "http://localhost" }
    return ask((await stage()).url, operation, { headers })
  },
  404: async (operation) =>
    ask((await stage()).url, operation, { path: `/assets/${hashOf("another")}` }),
  408: async (operation) => {
    const { url } = await stage({ limits: { stallMillisMax: 30 } })
    const headers = { ...good[operation]!.headers, "content-length": "1000" }
    return ask(url, operation, { headers })
  },
  409: async (operation) => ask((await stage()).url, operation, { body: otherBody(operation) }),
  413: async (operation) => {
    const { url } = await stage({ limits: { messageBytesMax: 10, assetBytesMax: 4 } })
    return ask(url, operation)
  },
  415: async (operation) =>
    ask((await stage()).url, operation, {
      headers: { authorization, "content-type": "text/plain" },
    }),
  500: (operation) => failing(operation, new Error("a bug")),
  503: (operation) => whenTaken(operation, ({ url }) => ask(url, operation)),
  507: (operation) => failing(operation, full),
}

const documented = Object.entries(openApi.paths).flatMap(([path, item]) =>
  Object.entries(item).flatMap(([method, operation]) =>
    Object.entries((operation as { responses: object }).responses).map(([status, response]) => ({
      operation: `${method.toUpperCase()} ${path}`,
      status,
      types: Object.keys((response as { content?: object }).content ?? {}),
    })),
  ),
)

describe("the description of the interface", () => {
  it("names what the server answers, and nothing else", () => {
    const served = routes.map(
      ({ method, path, hasParameter }) => `${method} ${path}${hasParameter ? "{sha256}" : ""}`,
    )
    expect([...new Set(documented.map(({ operation }) => operation))].sort()).toEqual(served.sort())
    expect(Object.keys(good).sort()).toEqual(served.sort())
  })

  it.each(documented)(
    "is right about $operation and $status",
    async ({ operation, status, types }) => {
      const answer = await provoke[status]!(operation)
      expect(answer.status, answer.text).toBe(Number(status))
      const type = /\r\ncontent-type: ([^;\r]+)/i.exec(answer.text)?.[1]
      expect(type === undefined ? [] : [type]).toEqual(types)
    },
    20_000,
  )

  it("is one document for programs and a page for people that loads nothing", async () => {
    const { url } = await stage()
    const answer = await fetch(`${url}/openapi.json`)
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(openApi)))
    const page = await fetch(`${url}/`)
    const policy = page.headers.get("content-security-policy")
    const text = await page.text()
    expect(policy).toContain("default-src 'none'")
    for (const path of Object.keys(openApi.paths)) expect(text).toContain(`<code>${path}</code>`)
    expect(text.replace('href="/openapi.json"', "")).not.toMatch(/<script|<link|\bsrc=|href="(?!#)/)
  })

  it("says nothing of the project or its token", async () => {
    const { url } = await stage()
    for (const path of ["/", "/openapi.json"]) {
      const text = await (await fetch(`${url}${path}`)).text()
      expect(text).not.toContain(project)
      expect(text).not.toContain("Lamps")
      expect(text).not.toContain(token)
    }
    expect(hello.version).toBe(Number(openApi.info.version))
  })
})
