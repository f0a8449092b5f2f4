/**
 * The adapter's parts that need no server: what a ledger tells, cursors, messages cut and joined, beacons, URLs, keys.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { headers, nkeys } from "@nats-io/transport-node"
import type { MsgHdrs } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { cursorFrom, cursorText } from "../../../adapters/nats/cursor.ts"
import { Ledger, piecesMax } from "../../../adapters/nats/ledger.ts"
import type { Run } from "../../../adapters/nats/ledger.ts"
import { Assembly, messagesOf } from "../../../adapters/nats/message.ts"
import type { Stored } from "../../../adapters/nats/message.ts"
import { nkeySeedOf, nkeyUserOf } from "../../../adapters/nats/nkey.ts"
import { batchesFrom, pagesOf } from "../../../adapters/nats/pages.ts"
import { beaconFrom, beaconText, Presences } from "../../../adapters/nats/presence.ts"
import { settingsFrom } from "../../../adapters/nats/settings.ts"
import { namesOf, projectOfAbout, shardOf } from "../../../adapters/nats/subjects.ts"
import { Tail } from "../../../adapters/nats/tail.ts"
import { keyPairFromSeed, randomProjectId, sha256 } from "../../../src/event/hash.ts"
import { encodeSegment, segmentFrom } from "../../../src/sync/segment.ts"
import type { Segment } from "../../../src/sync/segment.ts"

const node = "a".repeat(26)
const hashOf = (seq: number, branch = ""): string => sha256(`${branch}${seq}`)

/** A run of a made-up log, whose branch parts after `parting`. */
const run = (from: number, to: number, branch = "", parting = 0): Run => ({
  node,
  from,
  to,
  previous: hashOf(from - 1, from - 1 <= parting ? "" : branch),
  head: hashOf(to, to <= parting ? "" : branch),
})

describe("a ledger", () => {
  it("holds what links back to the first event, and says what hangs in the air", () => {
    const ledger = new Ledger()
    ledger.add(run(1, 5), 1)
    ledger.add(run(11, 20), 2)
    expect(ledger.frontier({})).toEqual({ [node]: { seq: 5, hash: hashOf(5) } })
    expect(ledger.gaps({}, {})).toEqual([node])
    expect(ledger.gaps({}, { [node]: { seq: 10, hash: hashOf(10) } })).toEqual([])
    expect(ledger.isBehind(run(6, 10), {})).toBe(true)
    ledger.add(run(6, 10), 3)
    expect(ledger.frontier({})).toEqual({ [node]: { seq: 20, hash: hashOf(20) } })
    expect(ledger.gaps({}, {})).toEqual([])
  })

  it("goes on from what a bucket holds, also where their cuts differ", () => {
    const ledger = new Ledger()
    ledger.add(run(8, 20), 1)
    const bucket = { [node]: { seq: 12, hash: hashOf(12) } }
    expect(ledger.frontier({})).toEqual({})
    expect(ledger.frontier(bucket)[node]).toEqual({ seq: 20, hash: hashOf(20) })
  })

  it("names both ends of a log that parts", () => {
    const ledger = new Ledger()
    ledger.add(run(1, 5), 1)
    ledger.add(run(6, 9), 2)
    ledger.add(run(6, 7, "other", 5), 3)
    const heads = Object.values(ledger.frontier({})).map(({ seq, hash }) => [seq, hash])
    expect(heads).toEqual([
      [9, hashOf(9)],
      [7, hashOf(7, "other")],
    ])
  })

  it("forgets what the stream forgets, and keeps the copy that stays longest", () => {
    const ledger = new Ledger()
    ledger.add(run(1, 5), 1)
    ledger.add(run(6, 9), 2)
    ledger.add(run(1, 5), 3)
    ledger.forgetBefore(2)
    expect(ledger.frontier({})[node]?.seq).toBe(9)
    ledger.forgetBefore(3)
    expect(ledger.frontier({})[node]?.seq).toBe(5)
    ledger.forgetBefore(4)
    expect(ledger.toJSON()).toEqual({})
  })

  it("stays small however many messages there are, and still tells the same", () => {
    const ledger = new Ledger()
    for (let index = 0; index < 1000; index++) ledger.add(run(index * 3 + 1, index * 3 + 3), index)
    expect(ledger.frontier({})).toEqual({ [node]: { seq: 3000, hash: hashOf(3000) } })
    expect(ledger.toJSON()[node]!.length).toBeLessThanOrEqual(piecesMax)
    // Half of it is forgotten: what is left hangs in the air, and begins near the middle.
    ledger.forgetBefore(500)
    expect(ledger.frontier({})).toEqual({})
    expect(ledger.isBehind(run(1, 3), {})).toBe(true)
  })

  it("takes nothing for forgotten that others have cut elsewhere, however often", () => {
    const ledger = new Ledger()
    for (let index = 0; index < 200; index++) {
      ledger.add(run(index * 10 + 1, index * 10 + 15), index)
      expect(ledger.frontier({})[node]).toEqual({
        seq: index * 10 + 15,
        hash: hashOf(index * 10 + 15),
      })
      expect(ledger.gaps({}, {})).toEqual([])
      expect(ledger.isBehind(run(index * 5 + 2, index * 5 + 4), {})).toBe(false)
    }
    expect(ledger.toJSON()[node]!.length).toBeLessThanOrEqual(piecesMax)
  })

  it("tells from where to read again what was handed over and is not held", () => {
    const ledger = new Ledger()
    ledger.add(run(1, 5), 4)
    ledger.add(run(6, 9), 7)
    expect(ledger.lost({ [node]: { seq: 9, hash: hashOf(9) } }, 10)).toBeUndefined()
    expect(ledger.lost({ [node]: { seq: 5, hash: hashOf(5) } }, 10)).toBe(7)
    expect(ledger.lost({}, 10)).toBe(4)
    expect(ledger.lost({}, 3)).toBeUndefined()
  })

  it("strikes out what nobody can take", () => {
    const ledger = new Ledger()
    ledger.add(run(1, 5), 1)
    ledger.drop(run(1, 5))
    expect(ledger.frontier({})).toEqual({})
  })
})

describe("a cursor", () => {
  it("comes back as it was", () => {
    const ledger = new Ledger()
    ledger.add(run(1, 5), 9)
    const place = { created: "2026-01-01", sequence: 12, messageId: "id", bytes: 5, holes: 3 }
    const bucket = { created: "x", sequence: 3, frontier: { [node]: { seq: 1, hash: hashOf(1) } } }
    const own = new Map([[node, 7]])
    const text = cursorText({ place, ledger, bucket, own })
    const read = cursorFrom(text)
    expect(read?.own).toEqual(own)
    expect(read?.place).toEqual(place)
    expect(read?.bucket).toEqual(bucket)
    expect(read?.ledger.frontier({})).toEqual(ledger.frontier({}))
  })

  it("of anybody else is none", () => {
    const texts = [
      "",
      "{}",
      "null",
      "[]",
      "7",
      '{"v":1}',
      '{"v":99,"place":["",1,"",0,0],"held":{}}',
    ]
    for (const text of [undefined, ...texts]) expect(cursorFrom(text)).toBeUndefined()
    const held = { [node]: [[1, 2, "x", "y", 1]] }
    expect(cursorFrom(JSON.stringify({ v: 1, place: ["", 1, "", 0, 0], held }))).toBeUndefined()
  })
})

const project = randomProjectId()

const segment = (size: number): Segment => {
  const lines = randomBytes(size)
  const { publicKey } = keyPairFromSeed("1".repeat(64))
  return segmentFrom({ project, publicKey, ...run(1, 5) }, lines)
}

const log = namesOf(project, { kind: "project" }).log(node, node)

const stored = (
  sequence: number,
  message: { readonly headers: MsgHdrs; readonly data: Uint8Array },
  subject = log,
): Stored => ({ sequence, subject, id: "", headers: message.headers, data: message.data })

describe("a segment as messages", () => {
  it("is the same again when it was cut, with others' messages in between", () => {
    const large = segment(50_000)
    const parts = messagesOf(large, encodeSegment(large), 10_000)
    expect(parts.length).toBe(6)
    expect(parts.every(({ data }) => data.length <= 10_000)).toBe(true)
    const assembly = new Assembly()
    const other = segment(100)
    const elsewhere = log.replace(/[^.]+\.[^.]+$/, `${"b".repeat(26)}.${node}`)
    const [whole] = messagesOf(other, encodeSegment(other), 10_000)
    const arrived = parts.map((part, index) => {
      expect(assembly.take(stored(index * 2 + 1, whole!, elsewhere), "")?.segment.head).toBe(
        other.head,
      )
      return assembly.take(stored(index * 2 + 2, part), "")
    })
    expect(arrived.slice(0, -1)).toEqual([undefined, undefined, undefined, undefined, undefined])
    expect(arrived.at(-1)?.lowest).toBe(2)
    expect(encodeSegment(arrived.at(-1)!.segment)).toEqual(encodeSegment(large))
    expect(assembly.isSettled).toBe(true)
  })

  it("bears parts that come twice, are left out, are given up, or lie", () => {
    const large = segment(50_000)
    const parts = messagesOf(large, encodeSegment(large), 10_000).map((part) => stored(1, part))
    const all = (order: ReadonlyArray<Stored | undefined>): ReadonlyArray<boolean> => {
      const assembly = new Assembly()
      return order.flatMap((part) =>
        part === undefined ? [] : [assembly.take(part, "") !== undefined],
      )
    }
    const [a, b, c, d, e, f] = parts
    expect(all([a, a, b, b, c, d, d, e, f]).at(-1)).toBe(true)
    expect(all([a, b, d, c, e, f])).not.toContain(true)
    expect(all([a, b, c, a, b, c, d, e, f]).at(-1)).toBe(true)
    expect(all([b, c, d, e, f])).not.toContain(true)
    const lying = { ...f!, data: randomBytes(f!.data.length) }
    expect(all([a, b, c, d, e, lying])).not.toContain(true)
    const odd = ["0 1 10 x", "-1 2 10 " + "0".repeat(64), "0 99999999 10 " + "0".repeat(64)]
    for (const text of odd) {
      const found = headers()
      found.set("Lamplog-Part", text)
      expect(new Assembly().take({ ...a!, headers: found }, "")).toBeUndefined()
    }
  })

  it("is refused under the name of another node", () => {
    const small = segment(100)
    const [message] = messagesOf(small, encodeSegment(small), 10_000)
    const assembly = new Assembly()
    const subject = log.replace(/[^.]+$/, "b".repeat(26))
    expect(assembly.take(stored(1, message!, subject), "")).toBeUndefined()
    expect(assembly.strangers).toBe(1)
  })
})

describe("pages", () => {
  it("give back the batches that were put in, whatever their size", async () => {
    const batches = [[segment(10), segment(3000)], [segment(1)], [segment(70_000)]]
    const given = async function* () {
      yield* batches
    }
    for (const size of [7, 1000, 1_000_000]) {
      const back = []
      for await (const batch of batchesFrom(pagesOf(given(), size), "")) back.push(batch)
      expect(back.map((batch) => batch.map((one) => encodeSegment(one).toString("hex")))).toEqual(
        batches.map((batch) => batch.map((one) => encodeSegment(one).toString("hex"))),
      )
    }
  })

  it("that end in the middle, or promise too much, are refused", async () => {
    const page = async function* (bytes: Uint8Array) {
      yield bytes
    }
    for (const bytes of [Buffer.from([0, 0, 0, 9, 1]), Buffer.from([255, 0, 0, 0])]) {
      await expect(batchesFrom(page(bytes), "").next()).rejects.toMatchObject({
        code: "remote-protocol",
      })
    }
  })
})

describe("who is there", () => {
  const beacon = (name: string, frontier = {}) =>
    beaconFrom(
      beaconText({
        node: name.repeat(26),
        name,
        frontier,
        everyMillis: 5000,
        isLeaving: false,
        isUrgent: false,
      }),
    )!

  it("has gone when three of their beacons are missing, or when they say so", () => {
    let now = 0
    const presences = new Presences(() => now)
    presences.hear(beacon("a"))
    now = 10_000
    presences.hear(beacon("b"))
    now = 15_000
    expect(presences.list().map(({ name }) => name)).toEqual(["a", "b"])
    now = 15_001
    expect(presences.list().map(({ name }) => name)).toEqual(["b"])
    presences.hear({ ...beacon("b"), isLeaving: true })
    expect(presences.list()).toEqual([])
  })

  it("speaks more rarely the more there are", () => {
    const presences = new Presences(() => 0)
    expect(presences.everyMillis(0.5)).toBe(5000)
    const letters = "abcdefghijklmnopqrstuvwxyz234567"
    for (const one of letters) {
      for (const two of letters) {
        presences.hear({ ...beacon("a"), node: one + two + "a".repeat(24) })
      }
    }
    expect(presences.everyMillis(0.5)).toBe(50_000)
  })

  it("is nobody whose words are none", () => {
    for (const text of ["", "{}", "null", '{"v":1,"node":"x"}']) {
      expect(beaconFrom(text)).toBeUndefined()
    }
  })
})

describe("the tail", () => {
  const message = (sequence: number, size = 1) => {
    const found = headers()
    found.set("Nats-Sequence", String(sequence))
    return { subject: log, headers: found, data: new Uint8Array(size) } as never
  }

  it("is used only where it goes on without a gap, and never after it went back", () => {
    const tail = new Tail()
    for (const sequence of [5, 6, 7]) tail.add(message(sequence))
    expect(tail.after(4).map(({ sequence }) => sequence)).toEqual([5, 6, 7])
    expect(tail.after(5).map(({ sequence }) => sequence)).toEqual([6, 7])
    expect(tail.after(3)).toEqual([])
    tail.add(message(9))
    expect(tail.after(7)).toEqual([])
    expect(tail.after(8)).toHaveLength(1)
    // The stream was made again: 9 may be another message now.
    tail.add(message(1))
    tail.add(message(2))
    expect(tail.after(1)).toEqual([])
    tail.dropUpTo(1)
    expect(tail.after(1)).toHaveLength(1)
  })

  it("is dropped when it grows too large", () => {
    const tail = new Tail()
    for (let sequence = 1; sequence <= 16; sequence++) {
      expect(tail.add(message(sequence, 1024 * 1024))).toBe(true)
    }
    expect(tail.add(message(17))).toBe(false)
    expect(tail.after(0)).toEqual([])
  })
})

describe("a URL", () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "lamplog-nats-url-"))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("names servers, options and a project, and shows no query", () => {
    const token = join(folder, "token")
    writeFileSync(token, "s3cr3t\n")
    const url = `tls://a:1,b:2?token-file=${token}&layout=shards:8&timeout=2&domain=hub#${project}`
    const settings = settingsFrom(url)
    expect(settings).toMatchObject({
      where: "tls://a:1,b:2",
      servers: ["a:1", "b:2"],
      layout: { kind: "shards", count: 8 },
      domain: "hub",
      timeoutMillis: 2000,
      project,
    })
    expect(JSON.stringify(settings)).not.toContain("s3cr3t")
    expect(settings.authenticator?.()).toEqual({ auth_token: "s3cr3t" })
  })

  it("that is none, or holds a secret, is refused without repeating it", () => {
    const urls = [
      "nats://",
      "nats://h:1?nothing=1",
      "nats://h:1?layout=shards:0",
      "nats://h:1?timeout=x",
      "nats://h:1?creds=/nowhere/at/all",
      "nats://h:1?cert=x",
      "nats://me:s3cr3t@h:1",
    ]
    for (const url of urls) {
      let error: unknown
      try {
        settingsFrom(url)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toMatchObject({ code: "remote-invalid" })
      expect(JSON.stringify(error)).not.toContain("s3cr3t")
    }
  })
})

describe("names", () => {
  it("spread projects over shards, for ever alike", () => {
    expect(shardOf("a".repeat(26), 64)).toBe(34)
    const names = namesOf(project, { kind: "shards", count: 64 })
    expect(names.stream).toBe(`LAMP_S${shardOf(project, 64)}`)
    expect(projectOfAbout(names.about(node))).toBe(project)
    expect(projectOfAbout(namesOf(project, { kind: "project" }).about(node))).toBe(project)
    expect(projectOfAbout(`lamp.p.${project}.log.${node}`)).toBeUndefined()
  })
})

describe("a node's key", () => {
  it("is the key of a NATS user in its own spelling", () => {
    const seed = randomBytes(32).toString("hex")
    const pair = nkeys.fromSeed(new TextEncoder().encode(nkeySeedOf(seed)))
    expect(pair.getPublicKey()).toBe(nkeyUserOf(keyPairFromSeed(seed).publicKey))
  })
})
