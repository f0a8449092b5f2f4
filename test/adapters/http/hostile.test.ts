/**
 * Whatever somebody sends to a server: it is refused or served, the server goes on, and nothing of it
 * stays behind.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openHttp, serveHttp } from "../../../adapters/http/index.ts"
import type { HttpServing, ServeOptions } from "../../../adapters/http/index.ts"
import { encodeSegment } from "../../../src/sync/segment.ts"
import { asker, hashOf, hello, Notebook, project, segment, writer } from "./notebook.ts"
import { dial, exchange, frameOf, requestBytes } from "./raw.ts"

const stream = "application/vnd.lamplog.stream"
const never = new AbortController().signal
const failures: Array<unknown> = []
let peer: Notebook
let serving: HttpServing
let url: string

const serve = async (options: ServeOptions = {}): Promise<void> => {
  await serving?.close()
  serving = await serveHttp(peer, { onFailure: (error) => failures.push(error), ...options })
  url = serving.url
}

/** A stranger's honest call still works. */
const works = async (token?: string): Promise<void> => {
  const remote = await openHttp(url, token === undefined ? {} : { token })
  await remote.pull({ ...hello, since: {} }, () => Promise.reject(new Error("unexpected")), never)
  await remote.close()
}

beforeEach(async () => {
  failures.length = 0
  peer = new Notebook()
  peer.giving = async function* () {}
  await serve()
})

afterEach(async () => {
  await serving.close()
  expect(peer.running).toBe(0)
  expect(peer.listeners).toBe(0)
  expect(failures).toEqual([])
})

const greeting = { node: asker, project, version: 1 }
const pullBody = `{"node":"${asker}","project":"${project}","since":{},"version":1}`
const json = { "content-type": "application/json" }

const pull = (body: string | Buffer, headers: { readonly [name: string]: string } = json) =>
  exchange(url, requestBytes({ path: "/pull", headers, body }))

const push = (...frames: ReadonlyArray<Buffer>) =>
  exchange(
    url,
    requestBytes({
      path: "/push",
      headers: { "content-type": stream },
      body: Buffer.concat(frames),
    }),
  )

const open = frameOf("M", JSON.stringify(greeting))
const someSegment = frameOf("S", encodeSegment(segment(writer, 1)))

describe("a server and paths", () => {
  it.each([
    "/pull/",
    "//pull",
    "/./pull",
    "/../pull",
    "/%70ull",
    "/pull?x=1",
    "/pull%00",
    "/PULL",
    "/assets/",
    "/assets/../../../etc/passwd",
    "/assets/..%2f..%2fetc%2fpasswd",
    `/assets/${hashOf("x").toUpperCase()}`,
    `/assets/${hashOf("x")}/`,
    `/assets/${hashOf("x")}%00`,
    "http://localhost/pull",
    "*",
    "/constructor",
    "/__proto__",
  ])("does not know %s", async (path) => {
    let asked = 0
    peer.before = () => {
      asked += 1
    }
    const answer = await exchange(url, requestBytes({ method: "GET", path }))
    expect(answer.status).toBe(404)
    expect(asked).toBe(0)
    await works()
  })

  it.each(["OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "HEAD"])(
    "has no method %s for a path that has others, and says which",
    async (method) => {
      const bytes = requestBytes({ method, path: "/pull" })
      const answer = await exchange(url, bytes, { headOnly: true })
      expect(answer.status).toBe(405)
      expect(answer.text.toLowerCase()).toContain("\r\nallow: post\r\n")
      await works()
    },
  )

  it.each(["CONNECT localhost:80 HTTP/1.1", "GET / HTTP/9.9", "NONSENSE / HTTP/1.1"])(
    "closes the line after %s",
    async (line) => {
      const answer = await exchange(url, Buffer.from(`${line}\r\nhost: localhost\r\n\r\n`), {
        untilClosed: true,
      })
      expect([0, 400]).toContain(answer.status)
      await works()
    },
  )

  it("answers no web page, under whatever name it found this machine", async () => {
    for (const headers of [
      { origin: "http://evil.example" },
      { origin: "null" },
      { host: "evil.example" },
      { host: `evil.example:${new URL(url).port}` },
      { host: "localhost.evil.example" },
    ]) {
      const answer = await exchange(url, requestBytes({ path: "/projects", headers }))
      expect(answer.status).toBe(403)
    }
    await works()
  })
})

describe("a server and bodies", () => {
  it.each([
    ["nothing", ""],
    ["no JSON", "pull"],
    ["blanks", JSON.stringify(JSON.parse(pullBody), null, 1)],
    ["unsorted keys", pullBody.replace(',"version":1', "").replace("{", '{"version":1,')],
    ["a key twice", pullBody.replace("{", `{"node":"${asker}",`)],
    ["a stranger's key", pullBody.replace("{", '{"a":1,')],
    ["a key that is a prototype", pullBody.replace("{", '{"__proto__":{},')],
    ["a list", "[]"],
    ["null", "null"],
    [
      "a hash that is none",
      pullBody.replace('"since":{}', `"since":{"${writer}":{"hash":"x","seq":1}}`),
    ],
    [
      "a log that is none",
      pullBody.replace('"since":{}', `"since":{"x":{"hash":"${hashOf("x")}","seq":1}}`),
    ],
    [
      "a seq that is none",
      pullBody.replace('"since":{}', `"since":{"${writer}":{"hash":"${hashOf("x")}","seq":0}}`),
    ],
    ["half a character", Buffer.from(`"\xc3`, "latin1")],
    ["100,000 brackets", "[".repeat(100_000)],
    ["a million values", `[${"1,".repeat(1_000_000)}1]`],
    ["version 0", pullBody.replace('"version":1', '"version":0')],
    ["version true", pullBody.replace('"version":1', '"version":true')],
  ])("refuses a pull of %s", async (_, body) => {
    expect((await pull(body)).status).toBe(400)
    await works()
  })

  it("tells a newer version apart from nonsense, whatever else it brings", async () => {
    const answer = await pull(`{"later":{"and":"more"},"version":2}`)
    expect(answer.status).toBe(409)
    expect(answer.text).toContain("protocol-newer")
  })

  it.each([
    ["no type", {}],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["text", { "content-type": "text/plain" }],
    ["a type in a type", { "content-type": "text/plain; application/json" }],
    ["a stream", { "content-type": stream }],
    ["compressed JSON", { ...json, "content-encoding": "gzip" }],
  ])("refuses a pull with %s", async (_, headers) => {
    expect((await pull(pullBody, headers)).status).toBe(415)
    await works()
  })

  it("refuses a message that is too long, by what it promises and by what comes", async () => {
    await serve({ limits: { messageBytesMax: 1000 } })
    const long = JSON.stringify({ ...greeting, since: {}, x: "y".repeat(2000) })
    expect((await pull(long)).status).toBe(413)
    const promised = requestBytes({
      path: "/pull",
      headers: { ...json, "content-length": "99999999999" },
      body: "",
    })
    expect((await exchange(url, promised)).status).toBe(413)
    const chunk = `${(2000).toString(16)}\r\n${"y".repeat(2000)}\r\n`
    const head = "POST /pull HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    const chunked = Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n${chunk}`)
    expect((await exchange(url, chunked)).status).toBe(413)
    await works()
  })

  it("refuses headers that are too long", async () => {
    const headers = { "x-long": "y".repeat(20_000) }
    expect((await exchange(url, requestBytes({ path: "/", headers }))).status).toBe(431)
    await works()
  })

  it.each<readonly [string, number, ReadonlyArray<Buffer>]>([
    ["nothing", 400, []],
    ["no greeting", 400, [someSegment, frameOf("B"), frameOf("E")]],
    ["two greetings", 400, [open, open, frameOf("E")]],
    ["an unknown frame", 400, [open, frameOf("X"), frameOf("E")]],
    ["an empty batch", 400, [open, frameOf("B"), frameOf("E")]],
    ["no end", 400, [open, someSegment, frameOf("B")]],
    ["an end inside a batch", 400, [open, someSegment, frameOf("E")]],
    ["something after the end", 400, [open, frameOf("E"), frameOf("E")]],
    ["an end with content", 413, [open, frameOf("E", "x")]],
    ["a segment that is none", 400, [open, frameOf("S", "{}\n"), frameOf("B"), frameOf("E")]],
    ["a frame of 4 GiB", 413, [open, Buffer.from([0x53, 255, 255, 255, 255])]],
    ["a message of 4 GiB", 413, [Buffer.from([0x4d, 255, 255, 255, 255])]],
    ["a failure", 400, [open, frameOf("F", "{}")]],
    ["a cut frame", 400, [open, someSegment.subarray(0, -1)]],
    ["a cut prefix", 400, [open, someSegment.subarray(0, 3)]],
  ])("refuses a push of %s", async (_, status, frames) => {
    expect((await push(...frames)).status).toBe(status)
    expect(peer.batches.flat().length).toBe(frames.length === 3 && frames[2]![0] === 0x42 ? 1 : 0)
    peer.batches.length = 0
    await works()
  })

  it("refuses a batch that would unpack to more than it may, before unpacking it", async () => {
    const bomb = frameOf("S", encodeSegment(segment(writer, 1, "\n".repeat(4_000_000))))
    expect(bomb.length).toBeLessThan(2000)
    const answer = await push(open, bomb, bomb, bomb, bomb, bomb, frameOf("B"), frameOf("E"))
    expect(answer.status).toBe(413)
    expect(peer.batches).toEqual([])
  })
})

describe("a server and forged borders of requests", () => {
  const smuggled = `GET /projects HTTP/1.1\r\nhost: localhost\r\n\r\n`
  const head = "POST /pull HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"

  it.each([
    [
      "length and chunks",
      `${head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ["two lengths", `${head}content-length: 0\r\ncontent-length: ${smuggled.length}\r\n\r\n`],
    ["a list of lengths", `${head}content-length: 0, ${smuggled.length}\r\n\r\n`],
    ["a negative length", `${head}content-length: -1\r\n\r\n`],
    ["a length in hexadecimal", `${head}content-length: 0x10\r\n\r\n`],
    ["a length with a plus", `${head}content-length: +0\r\n\r\n`],
    ["chunks spelled oddly", `${head}transfer-encoding: xchunked\r\n\r\n`],
    ["chunks that are not last", `${head}transfer-encoding: chunked, identity\r\n\r\n`],
    [
      "chunks after a tab",
      `${head}transfer-encoding:\tchunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n`,
    ],
    ["a blank before the colon", `${head}content-length : 0\r\n\r\n`],
    ["a folded header", `${head}x-a: b\r\n c: d\r\n\r\n`],
    ["a bare line feed", `${head}x-a: b\ncontent-length: 0\r\n\r\n`],
    ["a bare carriage return", `${head}x-a: b\rcontent-length: 0\r\n\r\n`],
    ["no host", "POST /pull HTTP/1.1\r\ncontent-length: 0\r\n\r\n"],
    ["a NUL", `${head}x-a: \0\r\ncontent-length: 0\r\n\r\n`],
    ["chunk sizes that are none", `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`],
    ["a huge chunk", `${head}transfer-encoding: chunked\r\n\r\nffffffffffffffffffff\r\n`],
    ["a chunk without an end", `${head}transfer-encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n`],
  ])("refuses %s, and nothing behind it is answered", async (_, text) => {
    const answer = await exchange(url, Buffer.from(text + smuggled, "latin1"), {
      half: true,
      untilClosed: true,
    })
    expect(answer.text).not.toContain(project)
    expect([400, 403]).toContain(answer.status)
    await works()
  })

  it("refuses a request that names two hosts", async () => {
    const text = "GET /projects HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n"
    expect((await exchange(url, Buffer.from(text))).status).toBe(400)
  })

  it("answers requests that were sent in one piece, in order", async () => {
    const two = Buffer.concat([
      requestBytes({ path: "/pull", headers: json, body: "no" }),
      Buffer.from(smuggled.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")),
    ])
    const answer = await exchange(url, two, { untilClosed: true })
    expect(answer.text.indexOf("400 Bad Request")).toBeLessThan(answer.text.indexOf("200 OK"))
  })
})

describe("a server and time", () => {
  it("cuts off headers that trickle in", async () => {
    await serve({ limits: { headerMillisMax: 200 } })
    const socket = dial(url)
    socket.write("GET / HTTP/1.1\r\n")
    const drip = setInterval(() => socket.write("x: y\r\n"), 20)
    await new Promise((resolve) => socket.once("close", resolve))
    clearInterval(drip)
    await works()
  })

  it("cuts off who connects and says nothing", async () => {
    await serve({ limits: { headerMillisMax: 200 } })
    const socket = dial(url)
    socket.resume()
    await new Promise((resolve) => socket.once("close", resolve))
    await works()
  })

  it("cuts off bodies that trickle in, and frees their place", async () => {
    await serve({ limits: { stallMillisMax: 100, pushesMax: 1, lingerMillis: 50 } })
    const socket = dial(url)
    const headers = { "content-type": stream, "content-length": "100000" }
    // The beginning of a frame that is never whole.
    const begun = Buffer.concat([open, frameOf("S", " ".repeat(90_000)).subarray(0, 5)])
    socket.write(requestBytes({ path: "/push", headers, body: begun }))
    const drip = setInterval(() => socket.write("x"), 10)
    const parts: Array<Buffer> = []
    socket.on("data", (part) => parts.push(part))
    await new Promise((resolve) => socket.once("close", resolve))
    clearInterval(drip)
    expect(Buffer.concat(parts).toString()).toMatch(/^HTTP\/1.1 408 /)
    const after = await push(open, frameOf("E"))
    expect(after.status).toBe(200)
  })

  it("cuts off who asks and does not read", async () => {
    await serve({ limits: { stallMillisMax: 150, pullsMax: 1 } })
    let given = 0
    let ended = () => {}
    const end = new Promise<void>((resolve) => (ended = resolve))
    const noise = Array.from({ length: 40_000 }, (_, at) => hashOf(`${at}`)).join("")
    peer.giving = async function* () {
      try {
        for (;;) yield [segment(writer, ++given, noise)]
      } finally {
        ended()
      }
    }
    const socket = dial(url)
    socket.pause()
    socket.write(requestBytes({ path: "/pull", headers: json, body: pullBody }))
    await end
    expect(given).toBeLessThan(20)
    // Nothing waits for ever to be read: what was under way is all that comes.
    socket.resume()
    await new Promise((resolve) => socket.once("close", resolve))
    peer.giving = async function* () {}
    await works()
    socket.destroy()
  })

  it("lets who was refused go on sending only for a while", async () => {
    await serve({ limits: { lingerMillis: 50 } })
    const socket = dial(url)
    const headers = { "content-type": "text/plain", "content-length": "100000000000" }
    socket.write(requestBytes({ path: "/push", headers, body: "" }))
    const flood = setInterval(() => socket.write(Buffer.alloc(10_000)), 5)
    await new Promise((resolve) => socket.once("close", resolve))
    clearInterval(flood)
    await works()
  })

  it("closes at once, whatever hangs", async () => {
    const hanging = Array.from({ length: 20 }, (_, at) => {
      const socket = dial(url)
      socket.resume()
      const whole = requestBytes({ path: "/watch", headers: json, body: JSON.stringify(greeting) })
      socket.write(at % 2 === 0 ? whole : whole.subarray(0, 20 + at * 5))
      return new Promise((resolve) => socket.once("close", resolve))
    })
    await works()
    await serving.close()
    await Promise.all(hanging)
  })
})

describe("a server and many", () => {
  it("serves or drops 200 connections at once, and serves afterwards", async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => pull(pullBody, json).then(({ status }) => status)),
    )
    expect([...new Set(answers)].filter((status) => ![0, 200, 503].includes(status))).toEqual([])
    expect(answers).toContain(200)
    await works()
  })

  it("holds no more connections of one address than it may, and forgets them when they end", async () => {
    await serve({ limits: { connectionsPerAddressMax: 5 } })
    const sockets = Array.from({ length: 12 }, () => dial(url))
    const closed = sockets.map((socket) => {
      socket.resume()
      return new Promise<true>((resolve) => socket.once("close", () => resolve(true)))
    })
    // Seven are closed by the server; the others only by us.
    await Promise.all(closed.slice(5))
    expect(sockets.filter((socket) => !socket.destroyed)).toHaveLength(5)
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
    await expect
      .poll(() =>
        works().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
  })

  it("answers or closes lines that are closed half", async () => {
    const bytes = requestBytes({ path: "/pull", headers: json, body: pullBody })
    for (let end = 0; end < bytes.length; end += 7) {
      const { status } = await exchange(url, bytes.subarray(0, end), {
        half: true,
        untilClosed: true,
      })
      expect([0, 400]).toContain(status)
    }
    const whole = await exchange(url, bytes, { half: true, untilClosed: true })
    expect([0, 200]).toContain(whole.status)
    await works()
  })

  it("forgets who hangs up in the middle", async () => {
    const bytes = Buffer.concat([
      requestBytes({
        path: "/push",
        headers: { "content-type": stream, "content-length": "9999999" },
        body: "",
      }),
      open,
      someSegment,
      frameOf("B"),
    ])
    let taken = 0
    for (let round = 0; round < 20; round++) {
      const arrived = new Promise<void>((resolve) => {
        peer.before = (what) => {
          if (what === "batch") resolve()
        }
      })
      const socket = dial(url)
      socket.write(bytes)
      await arrived
      taken += 1
      socket.destroy()
    }
    await expect.poll(() => peer.running).toBe(0)
    expect(peer.batches).toHaveLength(taken)
    peer.before = () => {}
    await works()
  })

  it("forgets who watched and hangs up, and listens once for each who watches", async () => {
    await serve({ limits: { heartbeatMillis: 5 } })
    const body = `{"node":"${asker}","project":"${project}","version":1}`
    const watchers = Array.from({ length: 3 }, () => {
      const socket = dial(url)
      socket.write(requestBytes({ path: "/watch", headers: json, body }))
      return socket
    })
    // Several signs of life.
    await Promise.all(
      watchers.map(
        (socket) =>
          new Promise<void>((resolve) => {
            let seen = 0
            socket.on("data", () => {
              seen += 1
              if (seen === 10) resolve()
            })
          }),
      ),
    )
    expect(peer.listeners).toBe(3)
    for (const socket of watchers) socket.destroy()
    await expect.poll(() => peer.listeners).toBe(0)
  })

  it("guesses of a token get nowhere, whatever they look like", async () => {
    const token = "the-token-of-this-house"
    await serve({ token })
    for (const authorization of [
      "",
      "Bearer",
      "Bearer ",
      `Basic ${Buffer.from(`a:${token}`).toString("base64")}`,
      token,
      `Bearer ${token} x`,
      `Bearer ${token}x`,
      `Bearer ${token.toUpperCase()}`,
      `Bearer Bearer ${token}`,
      `Bearer ${"x".repeat(10_000)}`,
    ]) {
      const headers = { ...json, authorization }
      const answer = await pull(pullBody, headers)
      expect(answer.status).toBe(401)
      expect(answer.text.toLowerCase()).toContain("www-authenticate: bearer")
      expect(answer.text).not.toContain(token)
    }
    await works(token)
  })
})
