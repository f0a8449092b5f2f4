/**
 * One state, one file: whoever exports, in whatever part of the world, and however the events came.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { WriteArchiveOptions } from "../../src/archive/write.ts"
import { Author } from "../../src/store/author.ts"
import type { Replica } from "../../src/store/replica.ts"
import { exportIn, fill } from "./elsewhere.ts"
import { fileHash, setToken, Stage, taken } from "./stage.ts"

let stage: Stage
beforeEach(() => {
  stage = new Stage()
})
afterEach(() => {
  stage.clear()
})

const refer = (replica: Replica): void =>
  void new Author(replica).write(
    [
      { op: "put", type: "component", id: "İstanbul", fields: { tokens: ["I", "ı", "10"] } },
      { op: "put", type: "theme", id: "ä", fields: { values: { z: "{i}", Z: "{é}" } } },
    ],
    { actor: "ana" },
  )

/** Two replicas of one frontier, whose events came in another order and lie in other rows. */
const pair = async (): Promise<readonly [Replica, Replica]> => {
  const [ana, bo] = [stage.replica("ana"), stage.replica("bo")]
  setToken(bo, "first", "bo")
  fill(ana)
  await taken((await stage.exported(bo)).path, ana)
  refer(ana)
  setToken(bo, "i", "bo")
  setToken(ana, "i", "ana")
  await taken((await stage.exported(ana)).path, bo)
  await taken((await stage.exported(bo)).path, ana)
  await taken((await stage.exported(ana)).path, bo)
  return [ana, bo]
}

const places = [
  { TZ: "UTC", LANG: "C", LC_ALL: "C" },
  { TZ: "America/New_York", LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8" },
  { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
  { TZ: "Pacific/Kiritimati", LANG: "sv_SE.UTF-8", LC_ALL: "sv_SE.UTF-8" },
]

/** Exports in a process of its own, set to another place; gives the hash of the file. */
const exportedAt = async (
  { directory }: Replica,
  place: Record<string, string>,
  options: WriteArchiveOptions,
): Promise<string> => {
  const path = stage.path()
  const env = { ...process.env, ...place, LAMPLOG_STATE_DIR: join(stage.folder, "state") }
  const words = [exportIn, directory, path, JSON.stringify(options)]
  await promisify(execFile)(process.execPath, words, { env })
  return fileHash(path)
}

describe("two replicas at one frontier", () => {
  it("give the same bytes of everything, of what came since and of a part, everywhere", async () => {
    const [ana, bo] = await pair()
    const since = ana.lines.frontier()
    setToken(bo, "late", "1")
    await taken((await stage.exported(bo)).path, ana)
    // Bo signs the end of his log when he exports it; from then on both hold the same.
    await taken((await stage.exported(ana)).path, bo)
    const kinds: ReadonlyArray<WriteArchiveOptions> = [
      {},
      { since },
      { select: { types: ["component", "theme"], closed: true } },
    ]
    for (const options of kinds) {
      const expected = fileHash((await stage.exported(ana, options)).path)
      const hashes = await Promise.all(
        places.map((place, index) => exportedAt(index % 2 === 0 ? bo : ana, place, options)),
      )
      expect(new Set([expected, ...hashes]), JSON.stringify(options)).toEqual(new Set([expected]))
    }
  }, 60_000)

  it("agree in places that do sort and print otherwise", async () => {
    const sorted = await Promise.all(
      places.map(async ({ LC_ALL, TZ }) => {
        const program =
          "console.log(['I','i','ı','ä','z','Z'].sort(new Intl.Collator().compare).join()" +
          " + new Date(0).toString())"
        const env = { ...process.env, LC_ALL, TZ }
        return (await promisify(execFile)(process.execPath, ["-e", program], { env })).stdout
      }),
    )
    expect(new Set(sorted).size).toBe(places.length)
  })
})

describe("what was just imported", () => {
  it("is exported as what it came from, hash by hash", async () => {
    const [ana] = await pair()
    const original = await stage.exported(ana)
    const clone = stage.replica("clone")
    await taken(original.path, clone)
    const again = await stage.exported(clone)
    expect(again.exportHash).toBe(original.exportHash)
    expect(fileHash(again.path)).toBe(fileHash(original.path))
  })
})
