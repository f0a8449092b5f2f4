/**
 * A remote over HTTP, as its callers see it: what travels, in how many requests, and what they are
 * told when it does not.
 */
import { rmSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { openHttp, serveHttp } from "../../../adapters/http/index.ts"
import type { HttpServing, OpenHttpOptions, ServeOptions } from "../../../adapters/http/index.ts"
import { LamplogError } from "../../../src/remote.ts"
import type { Batch, Remote, Taken } from "../../../src/remote.ts"
import { asker, hashOf, hello, Notebook, project, segment, writer } from "./notebook.ts"

const token = "a token of sixteen".replaceAll(" ", "-")
const never = new AbortController().signal
const open: Array<{ close(): Promise<void> }> = []

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

const served = async (peer: Notebook, options: ServeOptions = {}): Promise<HttpServing> => {
  const serving = await serveHttp(peer, options)
  open.push(serving)
  return serving
}

const remoteOf = async (url: string, options: OpenHttpOptions = {}): Promise<Remote> => {
  const remote = await openHttp(url, options)
  open.push(remote)
  return remote
}

const both = async (peer: Notebook, options: ServeOptions = {}) => {
  const { url } = await served(peer, options)
  return remoteOf(url, options.token === undefined ? {} : { token: options.token })
}

const failureOf = async (promise: Promise<unknown>): Promise<LamplogError> => {
  const error = await promise.then(() => undefined).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(LamplogError)
  return error as LamplogError
}

/** Hardly compressible, so that a few of it fill a line. */
const noise = Array.from({ length: 40_000 }, (_, at) => hashOf(`${at}`)).join("")

const taken: Taken = { events: 1, waiting: 0, refused: [], forks: [] }

async function* given(...batches: ReadonlyArray<Batch>): AsyncGenerator<Batch> {
  yield* batches
}

const pushing = (batches: AsyncIterable<Batch>) => ({
  ...hello,
  description: new Notebook().description,
  known: {},
  batches,
})

describe("a remote over HTTP", () => {
  it("tells of the project there", async () => {
    const peer = new Notebook()
    const remote = await both(peer)
    expect(await remote.describe(never)).toEqual([peer.description])
  })

  it("hands over batches in their order, the next when the last was taken, and then what is held", async () => {
    const peer = new Notebook()
    peer.write([segment(writer, 1), segment(asker, 1)])
    peer.write([segment(writer, 2, "long ".repeat(1000))])
    const remote = await both(peer)
    const got: Array<Batch> = []
    let taking = 0
    const since = { [asker]: { seq: 9, hash: hashOf("x") } }
    const holdings = await remote.pull(
      { ...hello, since },
      async (batch) => {
        taking += 1
        expect(taking).toBe(1)
        await Promise.resolve()
        got.push(batch)
        taking -= 1
        return taken
      },
      never,
    )
    expect(got.map((batch) => batch.map(({ node, from }) => [node, from]))).toEqual([
      [
        [writer, 1],
        [asker, 1],
      ],
      [[writer, 2]],
    ])
    expect(got[1]![0]!.payload).toEqual(peer.batches[1]![0]!.payload)
    expect(holdings).toEqual({ frontier: peer.frontier, unsure: [] })
  })

  it("passes on what the asker holds, and where its logs may have parted", async () => {
    const peer = new Notebook()
    const seen: Array<unknown> = []
    const answerPull = peer.answerPull.bind(peer)
    peer.answerPull = (request, signal) => {
      seen.push(request)
      return answerPull(request, signal)
    }
    const remote = await both(peer)
    const since = { [writer]: { seq: 3, hash: hashOf("3") } }
    const points = { [writer]: [since[writer]!, { seq: 2, hash: hashOf("2") }] }
    const request = { ...hello, since, points }
    expect(await remote.pull(request, async () => taken, never)).toMatchObject({ unsure: [writer] })
    expect(seen).toEqual([request])
  })

  it("takes what is pushed and tells what came of it", async () => {
    const peer = new Notebook()
    const remote = await both(peer)
    const batches = [[segment(writer, 1)], [segment(writer, 2), segment(asker, 1)]]
    const pushed = await remote.push(pushing(given(...batches)), never)
    expect(pushed).toEqual({ frontier: peer.frontier, unsure: [], events: 3, refused: [] })
    expect(peer.batches.map((batch) => batch.map(({ head }) => head))).toEqual(
      batches.map((batch) => batch.map(({ head }) => head)),
    )
  })

  it("carries what was refused there, with its reason", async () => {
    const peer = new Notebook()
    const error = new LamplogError({
      stage: "structure",
      code: "clock-equation",
      message: "The clock is wrong.",
      where: "seq 3",
      remedy: "Ask for a new copy.",
    })
    const refused = [{ node: writer, from: 3, to: 4, error }]
    const answer = peer.answerPush.bind(peer)
    peer.answerPush = async (...all) => ({ ...(await answer(...all)), refused })
    const remote = await both(peer)
    expect((await remote.push(pushing(given()), never)).refused).toEqual(refused)
  })

  it("reads batches only as fast as they are taken there", async () => {
    const peer = new Notebook()
    let read = 0
    let release = () => {}
    const full = new Promise<void>((resolve) => (release = resolve))
    const endless = async function* (): AsyncGenerator<Batch> {
      for (let seq = 1; seq <= 40; seq++) {
        read = seq
        yield [segment(writer, seq, noise)]
      }
    }
    let stuck = 0
    peer.before = async (what) => {
      if (what !== "batch" || peer.batches.length > 0) return
      // The sender goes on until the line is full: then its count stands still.
      while (stuck !== read) {
        stuck = read
        for (let turn = 0; turn < 2000; turn++)
          await new Promise((resolve) => setImmediate(resolve))
      }
      release()
    }
    const remote = await both(peer)
    const pushed = remote.push(pushing(endless()), never)
    await full
    expect(stuck).toBeLessThan(20)
    expect((await pushed).events).toBe(40)
  })

  it("tells of news from the moment it listens, whoever writes", async () => {
    const peer = new Notebook()
    const remote = await both(peer)
    const stop = new AbortController()
    let heard = 0
    let wake = () => {}
    const next = () => new Promise<void>((resolve) => (wake = resolve))
    const first = next()
    const watching = remote.watch!(
      hello,
      () => {
        heard += 1
        wake()
      },
      stop.signal,
    )
    await first
    for (let round = 1; round <= 3; round++) {
      const news = next()
      peer.write([segment(writer, round)])
      await news
      expect(heard).toBe(round + 1)
    }
    stop.abort()
    await watching
  })

  it("rejects a watch when the server is gone, and listens to nothing any more there", async () => {
    const peer = new Notebook()
    const serving = await serveHttp(peer)
    const remote = await remoteOf(serving.url)
    const watching = failureOf(
      new Promise((_, reject) => {
        void remote.watch!(hello, () => void serving.close(), never).catch(reject)
      }),
    )
    expect((await watching).code).toBe("remote-interrupted")
    await serving.close()
    expect(peer.listeners).toBe(0)
  })

  it("gives the bytes of assets, and tells which are held", async () => {
    const peer = new Notebook()
    const bytes = Buffer.from("lamp ".repeat(100_000))
    const held = hashOf("an asset")
    peer.assets.set(held, bytes)
    const remote = await both(peer)
    const got = await Array.fromAsync((await remote.getAsset!(held, never))!)
    expect(Buffer.concat(got).equals(bytes)).toBe(true)
    expect(await remote.getAsset!(hashOf("another"), never)).toBeUndefined()
    expect(await remote.hasAssets!([held, hashOf("another")], never)).toEqual(new Set([held]))
  })

  it("says where it is without query and token", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lamplog-http-"))
    const file = join(folder, "token")
    writeFileSync(file, `${token}\n`)
    const { url } = await served(new Notebook(), { token })
    const remote = await remoteOf(`${url}/?token-file=${file}`)
    expect(await remote.describe(never)).toMatchObject([{ project }])
    expect(remote.where).toBe(url)
    rmSync(folder, { recursive: true })
  })
})

describe("a remote over HTTP that cannot", () => {
  it.each([
    ["no token", undefined],
    ["a wrong token", "b".repeat(token.length)],
    ["half a token", token.slice(0, -1)],
  ])("is denied with %s, and never shows it", async (_, wrong) => {
    const { url } = await served(new Notebook(), { token })
    const remote = await remoteOf(url, wrong === undefined ? {} : { token: wrong })
    for (const call of [
      remote.describe(never),
      remote.pull({ ...hello, since: {} }, async () => taken, never),
      remote.push(pushing(given([segment(writer, 1)])), never),
      remote.watch!(hello, () => {}, never),
      remote.getAsset!(hashOf("x"), never),
    ]) {
      const failure = await failureOf(call)
      expect(failure).toMatchObject({ code: "remote-denied", where: url })
      expect(JSON.stringify(failure)).not.toContain(wrong ?? token)
    }
  })

  it("is unreachable where nobody listens", async () => {
    const serving = await serveHttp(new Notebook())
    await serving.close()
    const remote = await remoteOf(serving.url)
    expect((await failureOf(remote.describe(never))).code).toBe("remote-unreachable")
    const push = remote.push(pushing(given([segment(writer, 1)])), never)
    expect((await failureOf(push)).code).toBe("remote-unreachable")
  })

  it("hears that another project is served, or another version is spoken", async () => {
    const remote = await both(new Notebook())
    const other = { ...hello, project: "d".repeat(26) }
    const pull = (asked: typeof hello) =>
      remote.pull({ ...asked, since: {} }, async () => taken, never)
    expect((await failureOf(pull(other))).code).toBe("other-project")
    expect((await failureOf(pull({ ...hello, version: 2 }))).code).toBe("protocol-newer")
    const push = remote.push({ ...pushing(given([segment(writer, 1)])), ...other }, never)
    expect((await failureOf(push)).code).toBe("other-project")
    expect((await failureOf(remote.watch!(other, () => {}, never))).code).toBe("other-project")
  })

  it("is busy when all places are taken, and serves again afterwards", async () => {
    const peer = new Notebook()
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let entered = () => {}
    const inside = new Promise<void>((resolve) => (entered = resolve))
    peer.before = () => {
      entered()
      return held
    }
    const remote = await both(peer, { limits: { pullsMax: 1 } })
    const pull = () => remote.pull({ ...hello, since: {} }, async () => taken, never)
    const first = pull()
    await inside
    expect((await failureOf(pull())).code).toBe("remote-busy")
    release()
    await first
    await pull()
  })

  it("hears of too large a push, and what came before is kept", async () => {
    const peer = new Notebook()
    const remote = await both(peer, { limits: { pushBytesMax: 2000 } })
    const batches = [1, 2, 3, 4, 5].map((seq) => [segment(writer, seq, hashOf(`${seq}`).repeat(3))])
    const failure = await failureOf(remote.push(pushing(given(...batches)), never))
    expect(failure.code).toBe("limit-exceeded")
    expect(peer.batches.length).toBeGreaterThan(0)
    expect(peer.batches.length).toBeLessThan(5)
  })

  it("hears that the disk there is full, and that something else failed", async () => {
    const peer = new Notebook()
    const failures: Array<unknown> = []
    const remote = await both(peer, { onFailure: (error) => failures.push(error) })
    const full = { code: "disk-full", message: "/home/ana/lamps is full", remedy: "Free some." }
    peer.before = () => Promise.reject(new LamplogError(full))
    const push = () => remote.push(pushing(given([segment(writer, 1)])), never)
    const first = await failureOf(push())
    expect(first.code).toBe("remote-full")
    expect(first.message).not.toContain("/home")
    const bug = new Error("secret of the house")
    peer.before = () => Promise.reject(bug)
    const second = await failureOf(push())
    expect(second.code).toBe("remote-busy")
    expect(second.message).not.toContain("secret")
    expect(failures).toEqual([bug])
  })

  it("is told why a pull ended in the middle", async () => {
    const peer = new Notebook()
    peer.giving = async function* () {
      yield [segment(writer, 1)]
      throw new LamplogError({ code: "project-busy", message: "Locked.", remedy: "Wait." })
    }
    const remote = await both(peer)
    let batches = 0
    const pull = remote.pull({ ...hello, since: {} }, async () => ((batches += 1), taken), never)
    expect((await failureOf(pull)).code).toBe("remote-busy")
    expect(batches).toBe(1)
  })

  it("gives the taker's own failure back, and lets go of the answer", async () => {
    const peer = new Notebook()
    let given = 0
    let ended = false
    peer.giving = async function* () {
      try {
        for (let seq = 1; seq < 1000; seq++) {
          given = seq
          yield [segment(writer, seq, noise)]
        }
      } finally {
        ended = true
      }
    }
    const serving = await serveHttp(peer)
    const remote = await remoteOf(serving.url)
    const full = new LamplogError({ code: "disk-full", message: "Full.", remedy: "Free some." })
    const pull = remote.pull({ ...hello, since: {} }, () => Promise.reject(full), never)
    expect(await failureOf(pull)).toBe(full)
    await expect.poll(() => ended).toBe(true)
    await serving.close()
    expect(given).toBeLessThan(999)
  })

  it("gives the sender's own failure back", async () => {
    const peer = new Notebook()
    const remote = await both(peer)
    const broken = new LamplogError({ code: "disk-error", message: "Broken.", remedy: "Check it." })
    const batches = async function* (): AsyncGenerator<Batch> {
      yield [segment(writer, 1)]
      throw broken
    }
    expect(await failureOf(remote.push(pushing(batches()), never))).toBe(broken)
  })

  it("stops at once when aborted, here and there", async () => {
    const peer = new Notebook()
    const stop = new AbortController()
    const reason = new Error("enough")
    peer.before = (_, signal) => {
      if (stop.signal.aborted) return undefined
      stop.abort(reason)
      return new Promise((resolve) => signal!.addEventListener("abort", () => resolve()))
    }
    const serving = await serveHttp(peer)
    const remote = await remoteOf(serving.url)
    const push = remote.push(pushing(given([segment(writer, 1)])), stop.signal)
    await expect(push).rejects.toBe(reason)
    await serving.close()
    expect(peer.running).toBe(0)
  })

  it.each([
    ["http://ana:secret@localhost/", "password"],
    ["ftp://localhost/", "address"],
    ["http://", "address"],
    ["http://localhost/?token=secret", "option"],
    ["http://localhost/?token-file=/nonexistent/secret", "file"],
  ])("refuses the address %s without repeating it", async (url, word) => {
    const failure = await failureOf(openHttp(url))
    expect(failure.code).toBe("remote-invalid")
    expect(failure.message).toContain(word)
    expect(JSON.stringify(failure)).not.toContain("secret")
  })
})

describe("serving", () => {
  it("wants a token for every host but this machine, and no short or odd one", async () => {
    const peer = new Notebook()
    for (const options of [
      { host: "0.0.0.0" },
      { host: "0.0.0.0", token: "short" },
      { token: "fifteen-letters" },
      { token: "a token with blanks in it" },
    ]) {
      expect((await failureOf(serveHttp(peer, options))).code).toBe("remote-invalid")
    }
  })

  it("says so when the port is taken", async () => {
    const { url } = await served(new Notebook())
    const port = Number(new URL(url).port)
    expect((await failureOf(serveHttp(new Notebook(), { port }))).code).toBe("remote-invalid")
  })
})
