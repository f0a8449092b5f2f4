/**
 * Servers that are none, or mean no good: whatever they answer, the caller hears what is wrong in the
 * words of the contract, soon, and takes nothing that was not whole.
 */
import { createServer } from "node:net"
import type { AddressInfo, Server } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { openHttp } from "../../../adapters/http/index.ts"
import { bytesFromJson } from "../../../adapters/http/json.ts"
import { LamplogError } from "../../../src/remote.ts"
import type { Remote, Taken } from "../../../src/remote.ts"
import { encodeSegment } from "../../../src/sync/segment.ts"
import { hashOf, hello, Notebook, segment, writer } from "./notebook.ts"
import { frameOf } from "./raw.ts"

const token = "a-token-that-nobody-sees"
const never = new AbortController().signal
const open: Array<() => Promise<void> | void> = []

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  open.push(() => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}

type Bytes = Buffer | string

/** A remote whose server answers every request with these bytes, and closes or goes on holding the line. */
const answering = async (
  bytes: Bytes | ReadonlyArray<Bytes>,
  { holds = false, endless }: { readonly holds?: boolean; readonly endless?: Bytes } = {},
): Promise<Remote> => {
  const server = createServer((socket) => {
    socket.on("error", () => {})
    open.push(() => {
      socket.destroy()
    })
    socket.once("data", () => {
      for (const piece of Array.isArray(bytes) ? bytes : [bytes as Bytes]) socket.write(piece)
      const flood = () => {
        while (endless !== undefined && !socket.destroyed && socket.write(endless));
      }
      socket.on("drain", flood)
      flood()
      if (!holds && endless === undefined) socket.end()
    })
    socket.resume()
  })
  const times = { connectMillisMax: 5000, stallMillisMax: 200, quietMillisMax: 200 }
  const remote = await openHttp(`http://127.0.0.1:${await listen(server)}`, { token, times })
  open.push(() => remote.close())
  return remote
}

const answerOf = (status: string, type: string, body: Bytes): Buffer =>
  Buffer.concat([
    Buffer.from(
      `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    ),
    Buffer.from(body),
  ])

const document = (code: string, message = "So it is."): Buffer =>
  bytesFromJson({ code, message, remedy: "None." })

const json = "application/json"
const streamOf = (...frames: ReadonlyArray<Buffer>): Buffer =>
  answerOf("200 OK", "application/vnd.lamplog.stream", Buffer.concat(frames))

const holdings = frameOf("M", bytesFromJson({ version: 1, frontier: {}, unsure: [] }))
const one = frameOf("S", encodeSegment(segment(writer, 1)))
const taken: Taken = { events: 1, waiting: 0, refused: [], forks: [] }

const failureOf = async (promise: Promise<unknown>): Promise<LamplogError> => {
  const error = await promise.then(() => undefined).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(LamplogError)
  expect(`${JSON.stringify(error)}${(error as Error).message}`).not.toContain(token)
  return error as LamplogError
}

const pulled = async (remote: Remote): Promise<{ failure: LamplogError; batches: number }> => {
  let batches = 0
  const take = async () => {
    batches += 1
    return taken
  }
  const failure = await failureOf(remote.pull({ ...hello, since: {} }, take, never))
  return { failure, batches }
}

const pushed = (remote: Remote): Promise<unknown> => {
  const { description } = new Notebook()
  const batches = (async function* () {
    yield [segment(writer, 1)]
  })()
  return remote.push({ ...hello, description, known: {}, batches }, never)
}

describe("a client and statuses", () => {
  it.each([
    ["400 Bad Request", "x", "remote-protocol"],
    ["401 Unauthorized", document("remote-denied"), "remote-denied"],
    ["403 Forbidden", "", "remote-denied"],
    ["404 Not Found", "<html>", "remote-protocol"],
    ["407 Proxy Authentication Required", "", "remote-denied"],
    ["408 Request Timeout", "", "remote-timeout"],
    ["409 Conflict", document("other-project"), "other-project"],
    ["409 Conflict", document("protocol-newer"), "protocol-newer"],
    ["409 Conflict", document("disk-full"), "remote-protocol"],
    ["413 Content Too Large", "", "limit-exceeded"],
    ["418 I'm a teapot", "", "remote-protocol"],
    ["429 Too Many Requests", "", "remote-busy"],
    ["500 Internal Server Error", "", "remote-busy"],
    ["502 Bad Gateway", "<html>", "remote-busy"],
    ["503 Service Unavailable", document("remote-busy"), "remote-busy"],
    ["504 Gateway Timeout", "", "remote-busy"],
    ["507 Insufficient Storage", document("remote-full"), "remote-full"],
    ["204 No Content", "", "remote-protocol"],
    ["206 Partial Content", streamOf(), "remote-protocol"],
  ])("makes of %s and %s: %s", async (status, body, code) => {
    const remote = await answering(answerOf(status, json, body as Bytes))
    expect((await pulled(remote)).failure.code).toBe(code)
    expect((await failureOf(pushed(remote))).code).toBe(code)
    expect((await failureOf(remote.describe(never))).code).toBe(code)
    expect((await failureOf(remote.watch!(hello, () => {}, never))).code).toBe(code)
  })

  it("follows no redirect, so that nobody else sees the token", async () => {
    let visited = 0
    const elsewhere = await listen(
      createServer((socket) => {
        visited += 1
        socket.destroy()
      }),
    )
    for (const status of ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"]) {
      const answer = `HTTP/1.1 ${status}\r\nlocation: http://127.0.0.1:${elsewhere}/pull\r\ncontent-length: 0\r\n\r\n`
      const { failure } = await pulled(await answering(answer))
      expect(failure.code).toBe("remote-protocol")
      expect(failure.message).toContain("redirect")
    }
    expect(visited).toBe(0)
  })

  it("asks again over a new connection when one that was kept turns out to be dead", async () => {
    const body = bytesFromJson({ version: 1, projects: [] })
    let connections = 0
    const server = createServer((socket) => {
      connections += 1
      let requests = 0
      socket.on("error", () => {})
      socket.on("data", () => {
        requests += 1
        if (requests > 1) socket.destroy()
        else
          socket.write(
            `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body.toString()}`,
          )
      })
    })
    const remote = await openHttp(`http://127.0.0.1:${await listen(server)}`)
    open.push(() => remote.close())
    for (let call = 1; call <= 3; call++) {
      expect(await remote.describe(never)).toEqual([])
      expect(connections).toBe(call)
    }
  })

  it("reads an answer that comes while much is still to be sent", async () => {
    const noise = Array.from({ length: 40_000 }, (_, at) => hashOf(`${at}`)).join("")
    let sent = 0
    const batches = async function* () {
      for (let seq = 1; seq <= 200; seq++) {
        sent = seq
        yield [segment(writer, seq, noise)]
      }
    }
    const remote = await answering(answerOf("413 Content Too Large", json, ""))
    const { description } = new Notebook()
    const push = remote.push({ ...hello, description, known: {}, batches: batches() }, never)
    expect((await failureOf(push)).code).toBe("limit-exceeded")
    expect(sent).toBeLessThan(200)
  })

  it("shows what a server says only as far as it can be shown", async () => {
    const message = `\u001b[2J${token} \u202e ${"long ".repeat(500)}`
    const remote = await answering(answerOf("401 No", json, document("x", message)))
    const { failure } = await pulled(remote)
    expect(failure.message).not.toMatch(/[^ -~…]/)
    expect(failure.message.length).toBeLessThan(400)
  })
})

describe("a client and nonsense", () => {
  it.each<readonly [string, Bytes, string]>([
    ["nothing", "", "remote-interrupted"],
    ["another protocol", 'INFO {"server_id":"x"}\r\n', "remote-protocol"],
    ["a page", answerOf("200 OK", "text/html", "<html></html>"), "remote-protocol"],
    ["an empty body", answerOf("200 OK", json, ""), "remote-interrupted"],
    ["no end", streamOf(holdings, one, frameOf("B")), "remote-interrupted"],
    ["half a frame", streamOf(holdings, one.subarray(0, 50)), "remote-interrupted"],
    ["batches first", streamOf(one, frameOf("B"), frameOf("E")), "remote-protocol"],
    [
      "a newer version",
      streamOf(frameOf("M", bytesFromJson({ version: 2 })), frameOf("E")),
      "protocol-newer",
    ],
    [
      "other holdings",
      streamOf(frameOf("M", bytesFromJson({ version: 1, frontier: [], unsure: [] }))),
      "remote-protocol",
    ],
    ["a failure", streamOf(holdings, frameOf("F", document("remote-busy"))), "remote-busy"],
    [
      "two bodies",
      "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
      "remote-protocol",
    ],
    ["long headers", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`, "remote-protocol"],
    [
      "a segment of a newer version",
      streamOf(holdings, frameOf("S", newerSegment()), frameOf("B"), frameOf("E")),
      "protocol-newer",
    ],
  ])("hears of %s what is wrong", async (_, bytes, code) => {
    const { failure, batches } = await pulled(await answering(bytes))
    expect(failure.code).toBe(code)
    expect(batches).toBeLessThanOrEqual(1)
  })

  it("takes no batch that is not whole", async () => {
    const bytes = streamOf(holdings, one, frameOf("B"), one, one)
    expect((await pulled(await answering(bytes))).batches).toBe(1)
  })

  it.each<readonly [string, Bytes, Bytes]>([
    ["headers", "HTTP/1.1 200 OK\r\n", `x: ${"y".repeat(1000)}\r\n`],
    ["interim answers", "", "HTTP/1.1 103 Early Hints\r\n\r\n"],
    [
      "a list",
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n`,
      `1000\r\n${"[".repeat(4096)}\r\n`,
    ],
    ["a batch", Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), holdings]), one],
  ])("reads no endless %s", { timeout: 30_000 }, async (_, start, endless) => {
    const before = process.memoryUsage().rss
    const remote = await answering(start, { endless })
    const calls = [
      () => remote.describe(never),
      () => remote.pull({ ...hello, since: {} }, async () => taken, never),
    ]
    for (const call of calls) expect((await failureOf(call())).code).toMatch(/^(remote-|limit-)/)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
  })

  it.each<readonly [string, Bytes]>([
    ["says nothing", ""],
    ["stops in its headers", "HTTP/1.1 200 OK\r\n"],
    [
      "stops in a frame",
      Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), holdings, one.subarray(0, 30)]),
    ],
    ["stops in an error document", "HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\n{"],
  ])("does not wait for ever for a server that %s", async (_, bytes) => {
    const remote = await answering(bytes, { holds: true })
    expect((await pulled(remote)).failure.code).toMatch(/^remote-(timeout|busy)$/)
    expect((await failureOf(pushed(remote))).code).toMatch(/^remote-(timeout|busy|protocol)$/)
    expect((await failureOf(remote.watch!(hello, () => {}, never))).code).toMatch(/^remote-/)
  })
})

function newerSegment(): Buffer {
  const bytes = encodeSegment(segment(writer, 1)).toString("latin1")
  return Buffer.from(bytes.replace('"version":1', '"version":2'), "latin1")
}
