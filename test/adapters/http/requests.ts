/**
 * Requests for fuzzing: good ones of every kind, altered by what a seed says.
 */
import { bytesFromJson } from "../../../adapters/http/json.ts"
import type { Json } from "../../../src/index.ts"
import { encodeSegment } from "../../../src/sync/segment.ts"
import { asker, hashOf, project, segment, writer } from "./notebook.ts"
import { frameOf, requestBytes } from "./raw.ts"

/** What a server may answer to anything; 0 is a line that was closed. */
export const statuses: ReadonlySet<number> = new Set([
  0, 100, 200, 400, 403, 404, 405, 408, 409, 413, 415, 417, 431, 503,
])

/** A generator of numbers below a bound (mulberry32): the same for the same seed, everywhere. */
export type Below = (bound: number) => number

export const belowFrom = (seed: number): Below => {
  let state = (seed * 0x9e3779b1) >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

const greeting = { node: asker, project, version: 1 }
const since = { [writer]: { hash: hashOf("head"), seq: 7 } }
const points = { [writer]: [{ hash: hashOf("head"), seq: 7 }] }
const json = { "content-type": "application/json" }
const octets = { "content-type": "application/octet-stream" }
const stream = { "content-type": "application/vnd.lamplog.stream" }

const post = (path: string, value: Json): Buffer =>
  requestBytes({ path, headers: json, body: bytesFromJson(value) })

const frames = [
  frameOf("M", bytesFromJson(greeting)),
  frameOf("S", encodeSegment(segment(writer, 1))),
  frameOf("S", encodeSegment(segment(asker, 1, "long ".repeat(500)))),
  frameOf("B"),
  frameOf("E"),
]

const chunked = (parts: ReadonlyArray<Buffer>): Buffer =>
  Buffer.concat([
    Buffer.from(
      "POST /push HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n" +
        `content-type: ${stream["content-type"]}\r\n\r\n`,
    ),
    ...parts.map((part) =>
      Buffer.from(`${part.length.toString(16)}\r\n${part.toString("latin1")}\r\n`, "latin1"),
    ),
    Buffer.from("0\r\n\r\n"),
  ])

const good: ReadonlyArray<Buffer> = [
  requestBytes({ path: "/projects" }),
  requestBytes({ path: "/" }),
  requestBytes({ path: `/assets/${hashOf("x")}` }),
  requestBytes({ method: "PUT", path: `/assets/${hashOf("x")}`, headers: octets, body: "x" }),
  post("/assets", { sha256: [hashOf("x")], version: 1 }),
  post("/pull", { ...greeting, since }),
  post("/pull", { ...greeting, since, points }),
  post("/watch", greeting),
  requestBytes({ path: "/push", headers: stream, body: Buffer.concat(frames) }),
  chunked(frames),
]

const words = [
  "\r\n",
  "\r\n\r\n",
  "content-length: 0\r\n",
  "content-length: 99999999\r\n",
  "transfer-encoding: chunked\r\n",
  "expect: 100-continue\r\n",
  "expect: the unexpected\r\n",
  "upgrade: websocket\r\nconnection: upgrade\r\n",
  "connection: close\r\n",
  "content-encoding: gzip\r\n",
  "0\r\n\r\n",
  "../",
  "%00",
  '"version":2',
  '"__proto__":{}',
  "\0",
  "\u00ff",
  "-",
  "9".repeat(30),
  "[".repeat(1000),
  "x".repeat(20_000),
]

/** One alteration of a request. */
const alter = (bytes: Buffer, below: Below): Buffer => {
  const at = below(bytes.length + 1)
  const length = 1 + below(1 + below(64))
  const before = bytes.subarray(0, at)
  const after = bytes.subarray(at)
  switch (below(8)) {
    case 0: {
      const flipped = Buffer.from(bytes)
      if (at < bytes.length) flipped[at]! ^= 1 << below(8)
      return flipped
    }
    case 1:
      return Buffer.concat([before, Buffer.from(words[below(words.length)]!, "latin1"), after])
    case 2:
      return Buffer.concat([before, after.subarray(length)])
    case 3:
      return Buffer.concat([before, after.subarray(0, length), after])
    case 4:
      return before
    case 5:
      return Buffer.concat([before, Buffer.from(Array.from({ length }, () => below(256))), after])
    case 6: {
      // A number among the text becomes another one.
      const text = bytes.toString("latin1")
      const numbers = [...text.matchAll(/\d+/g)]
      const one = numbers[below(numbers.length)]
      if (one === undefined) return bytes
      const other = [0, 1, 2, 255, 65_536, 2 ** 32, 2 ** 53][below(7)]!
      const end = one.index + one[0].length
      return Buffer.from(`${text.slice(0, one.index)}${other}${text.slice(end)}`, "latin1")
    }
    default: {
      // A header goes somewhere else, or comes twice.
      const lines = bytes.toString("latin1").split("\r\n")
      lines.splice(below(lines.length), 0, lines[below(lines.length)]!)
      return Buffer.from(lines.join("\r\n"), "latin1")
    }
  }
}

/** What a seed makes of a good request: nothing, or up to four alterations; now and then two requests. */
export const altered = (seed: number): Buffer => {
  const below = belowFrom(seed)
  let bytes = good[below(good.length)]!
  for (let times = below(5); times > 0; times--) bytes = alter(bytes, below)
  return below(8) === 0 ? Buffer.concat([bytes, good[below(good.length)]!]) : bytes
}
