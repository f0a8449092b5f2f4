/**
 * The folder as a remote: what else may lie there, who may do what, and what is told of it.
 */
import { execFileSync, spawnSync } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openFolder } from "../../../adapters/folder/index.ts"
import { sha256 } from "../../../src/event/hash.ts"
import { isTransient, LamplogError } from "../../../src/remote.ts"
import { projectId } from "../../log/forge.ts"
import { description, logOf, push, Reader, segmentOf, unstopped } from "../../sync/shelf-reader.ts"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplog-folder-"))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const log = logOf("one", 30)
const runs = [segmentOf(log, 1, 10), segmentOf(log, 11, 20), segmentOf(log, 21, 30)]

const logs = (): string => join(folder, "lamplog", projectId, "logs")
const files = (): ReadonlyArray<string> =>
  readdirSync(join(logs(), log.node))
    .sort()
    .map((name) => join(logs(), log.node, name))

const failureOf = async (call: Promise<unknown>): Promise<LamplogError> => {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof LamplogError) return error
  throw new Error(`no refusal: ${String(error)}`)
}

describe("a folder", () => {
  it("keeps what is pushed, for whoever comes later", async () => {
    const remote = await openFolder(folder)
    const { frontier } = await push(remote, ...runs)
    await remote.close()
    const reader = new Reader()
    expect(await reader.pull(await openFolder(folder))).toEqual({ frontier, unsure: [] })
    expect(reader.events).toBe(30)
    expect(await (await openFolder(folder)).describe(unstopped)).toEqual([description])
    expect(readdirSync(join(folder, "lamplog")).sort()).toEqual([projectId, "incoming"])
    expect(readdirSync(join(folder, "lamplog", "incoming"))).toEqual([])
  })

  it("must be there, unless it may be made, and must be a folder", async () => {
    const error = await failureOf(openFolder(join(folder, "typo")))
    expect(error).toMatchObject({ code: "remote-invalid", where: join(folder, "typo") })
    expect(error.remedy).not.toBe("")
    expect(existsSync(join(folder, "typo"))).toBe(false)
    await openFolder(join(folder, "made", "deep"), { create: true })
    expect(existsSync(join(folder, "made", "deep"))).toBe(true)
    writeFileSync(join(folder, "file"), "")
    expect((await failureOf(openFolder(join(folder, "file")))).code).toBe("remote-invalid")
  })

  it("is made inside only by a push", async () => {
    const remote = await openFolder(folder)
    expect(await remote.describe(unstopped)).toEqual([])
    expect(await new Reader().pull(remote)).toEqual({ frontier: {}, unsure: [] })
    expect(readdirSync(folder)).toEqual([])
  })

  it("that goes away is unreachable, not empty", async () => {
    const outer = join(folder, "stick")
    mkdirSync(outer)
    const remote = await openFolder(outer)
    await push(remote, ...runs)
    renameSync(outer, join(folder, "unplugged"))
    for (const call of [
      () => new Reader().pull(remote),
      () => push(remote, ...runs),
      () => remote.describe(unstopped),
    ]) {
      const error = await failureOf(call())
      expect(error.code).toBe("remote-unreachable")
      expect(isTransient(error)).toBe(true)
    }
    expect(existsSync(outer)).toBe(false)
    renameSync(join(folder, "unplugged"), outer)
    const reader = new Reader()
    await reader.pull(remote)
    expect(reader.events).toBe(30)
  })

  it("gets its files back when somebody has emptied it", async () => {
    const remote = await openFolder(folder)
    await push(remote, ...runs)
    rmSync(join(folder, "lamplog"), { recursive: true })
    expect((await new Reader().pull(remote)).frontier).toEqual({})
    await push(remote, ...runs).catch(() => undefined)
    const reader = new Reader()
    await push(remote, ...runs)
    await reader.pull(remote)
    expect(reader.events).toBe(30)
  })

  it("stops when told to", async () => {
    const remote = await openFolder(folder)
    await push(remote, ...runs)
    const aborted = AbortSignal.abort(new Error("enough"))
    const asked = { version: 1, project: projectId, node: log.node, since: {} }
    const take = () => Promise.reject(new Error("nothing is to be taken"))
    await expect(remote.pull(asked, take, aborted)).rejects.toThrow("enough")
  })
})

describe("what else lies in a folder", () => {
  beforeEach(async () => {
    await push(await openFolder(folder), ...runs)
  })

  const expectWhole = async (events = 30): Promise<void> => {
    const reader = new Reader()
    await reader.pull(await openFolder(folder))
    expect(reader.events).toBe(events)
  }

  it("links are not followed, neither to files nor to folders", async () => {
    const [first] = files()
    renameSync(first!, join(folder, "elsewhere"))
    symlinkSync(join(folder, "elsewhere"), first!)
    const node = dirname(first!)
    const reader = new Reader()
    await reader.pull(await openFolder(folder))
    expect(reader.events).toBe(0)
    renameSync(node, join(folder, "node"))
    symlinkSync(join(folder, "node"), node)
    const other = new Reader()
    expect((await other.pull(await openFolder(folder))).frontier).toEqual({})
    const error = await failureOf(push(await openFolder(folder), ...runs))
    expect(error.code).toBe("remote-invalid")
    expect(error.message).toContain(node)
  })

  it("pipes and sockets are not waited for, folders of our names not read", async () => {
    const [first, second] = files()
    execFileSync("mkfifo", [join(logs(), "pipe"), `${second!}.pipe`])
    rmSync(first!)
    execFileSync("mkfifo", [first!])
    expect((await new Reader().pull(await openFolder(folder))).frontier).toEqual({})
    rmSync(first!)
    mkdirSync(first!)
    expect((await new Reader().pull(await openFolder(folder))).frontier).toEqual({})
    const error = await failureOf(push(await openFolder(folder), runs[0]!))
    expect(error.code).toBe("remote-invalid")
    rmSync(first!, { recursive: true })
    await push(await openFolder(folder), runs[0]!)
    await expectWhole()
  })

  it("junk of any size and name is passed by", async () => {
    mkdirSync(join(logs(), "a", "b", "c", "d", "e"), { recursive: true })
    copyFileSync(files()[0]!, join(logs(), "a", "b", "c", "d", "e", "too deep"))
    const huge = join(logs(), "film.events")
    writeFileSync(huge, "")
    truncateSync(huge, 1024 ** 3)
    const named = `${"0".repeat(9)}1-${"0".repeat(8)}10-1-${"0".repeat(8)}-${"0".repeat(64)}`
    writeFileSync(join(logs(), log.node, `${named}-1073741824-5.events`), "")
    truncateSync(join(logs(), log.node, `${named}-1073741824-5.events`), 1024 ** 3)
    for (const name of [
      "a\nb",
      "%2e%2e%2f",
      "..\\..\\x",
      "Thumbs.db",
      ".DS_Store",
      "🪔",
      "x.tmp",
    ]) {
      writeFileSync(join(logs(), name), name)
    }
    mkdirSync(join(folder, "lamplog", ".stfolder"))
    await expectWhole()
    expect(await (await openFolder(folder)).describe(unstopped)).toEqual([description])
  })

  it("copies that tools leave are used, wherever below the logs they lie", async () => {
    const [first, second, third] = files()
    renameSync(first!, first!.replace(".events", " (ada's conflicted copy 2026-11-24).events"))
    mkdirSync(join(logs(), "New Folder (2)"))
    renameSync(second!, join(logs(), "New Folder (2)", ".syncthing.events.tmp"))
    renameSync(third!, `${third!}~`)
    await expectWhole()
  })

  it("halves of files count as soon as they are whole", async () => {
    const bytes = files().map((path) => readFileSync(path))
    for (const [index, path] of files().entries()) {
      for (const cut of [0, 1, bytes[index]!.length >> 1, bytes[index]!.length - 1]) {
        writeFileSync(path, bytes[index]!.subarray(0, cut))
        await expectWhole(index * 10)
      }
      writeFileSync(path, bytes[index]!)
      for (const later of files().slice(index + 1)) writeFileSync(later, "")
    }
    for (const [index, path] of files().entries()) writeFileSync(path, bytes[index]!)
    await expectWhole()
  })

  it("what writers who died left behind goes after a day, by the folder's own clock", async () => {
    const incoming = join(folder, "lamplog", "incoming")
    const [old, recent, foreign] = ["a".repeat(32), "b".repeat(32), "mine"]
    for (const name of [old, recent, foreign]) writeFileSync(join(incoming, `${name}.part`), "")
    utimesSync(join(incoming, `${old}.part`), 1, 1)
    utimesSync(join(incoming, `${foreign}.part`), 1, 1)
    await push(await openFolder(folder), runs[0]!)
    expect(readdirSync(incoming).sort()).toEqual([`${recent}.part`, `${foreign}.part`])
  })
})

/** Runs a meeting as a user who owns nothing; the superuser may write everywhere. */
const asNobody = (task: string): string => {
  const script = join(import.meta.dirname, "stranger.ts")
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const { stdout, stderr } = spawnSync(process.execPath, [script, task, folder], {
    ...user,
    encoding: "utf8",
  })
  return stdout + stderr
}

describe("a folder that may only be read", () => {
  it("can be pulled from; a push says what is wrong", async () => {
    await push(await openFolder(folder), ...runs)
    const paths = [folder, ...(readdirSync(folder, { recursive: true }) as ReadonlyArray<string>)]
    for (const path of paths) {
      const full = path === folder ? folder : join(folder, path)
      chmodSync(full, full.endsWith(".events") || full.endsWith(".json") ? 0o444 : 0o555)
    }
    expect(asNobody("pull")).toBe("30\n")
    expect(asNobody("push")).toMatch(/^remote-denied: .*Give this user access/)
    for (const path of paths) if (path !== folder) chmodSync(join(folder, path), 0o755)
    chmodSync(folder, 0o755)
  })
})

describe("assets in a folder", () => {
  const bytes = Buffer.alloc(1_000_000, "lamp")
  const hash = sha256(bytes)
  const pieces = async function* (fails = false) {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
    if (fails) throw new Error("the line went dead")
  }

  it("come back as they were, and a broken transfer leaves nothing", async () => {
    const remote = await openFolder(folder)
    await expect(remote.putAsset!(hash, bytes.length, pieces(true), unstopped)).rejects.toThrow(
      "the line went dead",
    )
    expect(await remote.hasAssets!([hash], unstopped)).toEqual(new Set())
    expect(readdirSync(join(folder, "lamplog", "incoming"))).toEqual([])
    await remote.putAsset!(hash, bytes.length, pieces(), unstopped)
    expect(await remote.hasAssets!([hash, sha256("")], unstopped)).toEqual(new Set([hash]))
    const found = await remote.getAsset!(hash, unstopped)
    expect(Buffer.concat(await Array.fromAsync(found!)).equals(bytes)).toBe(true)
    expect(await remote.getAsset!(sha256(""), unstopped)).toBeUndefined()
    expect(await remote.getAsset!("../../../etc/passwd", unstopped)).toBeUndefined()
  })

  it("that are damaged are refused at the end of reading, moved aside, and taken anew", async () => {
    const remote = await openFolder(folder)
    await remote.putAsset!(hash, bytes.length, pieces(), unstopped)
    const path = join(folder, "lamplog", "assets", hash.slice(0, 2), hash)
    writeFileSync(path, Buffer.alloc(bytes.length, "damp"))
    const found = await remote.getAsset!(hash, unstopped)
    expect((await failureOf(Array.fromAsync(found!))).code).toBe("asset-hash")
    expect(existsSync(`${path}.damaged`)).toBe(true)
    await remote.putAsset!(hash, bytes.length, pieces(), unstopped)
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })
})

describe("watching a folder", () => {
  it("tells of what others bring, before there is anything and after, until told to stop", async () => {
    const remote = await openFolder(folder, { pollMillis: 20 })
    const stop = new AbortController()
    const hello = { version: 1, project: projectId, node: log.node }
    let told = 0
    let wake: () => void = () => {}
    const watching = remote.watch!(
      hello,
      () => {
        told += 1
        wake()
      },
      stop.signal,
    )
    const other = logOf("two", 1000)
    let seq = 0
    for (const times of [1, 2]) {
      // Whoever begins to watch may not hear of what comes just then.
      while (told < times && seq < 1000) {
        const heard = new Promise<void>((resolve) => {
          wake = resolve
        })
        seq += 1
        await push(await openFolder(folder), segmentOf(other, seq, seq))
        await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 30))])
      }
      expect(told).toBeGreaterThanOrEqual(times)
    }
    stop.abort()
    await watching
  })

  it("ends with the reason when the folder is lost", async () => {
    const outer = join(folder, "share")
    mkdirSync(outer)
    const remote = await openFolder(outer, { pollMillis: 5 })
    const hello = { version: 1, project: projectId, node: log.node }
    const watching = failureOf(remote.watch!(hello, () => {}, unstopped))
    rmSync(outer, { recursive: true })
    expect((await watching).code).toBe("remote-unreachable")
  })
})
