/**
 * Projects of members, read by the page alone: who the members are, and so which events count, must be
 * the same for the verifier in Python as for the engine.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Effect from "effect/Effect"
import { writeArchive } from "../../src/archive/write.ts"
import { Random } from "../simulation/random.ts"
import { Delivery, History } from "../membership/history.ts"
import { projectId } from "../membership/logs.ts"
import { Shelf } from "../store/replicas.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { takeApart, zipUp } from "./pieces.ts"
import { ourVerdict, pythonVerdicts } from "./verdicts.ts"
import type { Judged } from "./verdicts.ts"

const firstSeed = Number(process.env.LAMPLOG_SEED ?? "1")
const seeds = Array.from({ length: 25 }, (_, index) => firstSeed + index)

const shelf = new Shelf()
const path = (seed: number): string => shelf.path(`${seed}.lamplog`)
const unsigned = shelf.path("unsigned.lamplog")
let verdicts: ReadonlyMap<string, Judged>
let setAside = 0
let members = 0

beforeAll(async () => {
  for (const seed of seeds) {
    const random = new Random(seed)
    const replica = shelf.create(`replica ${seed}`, { project: projectId, schema: "open" })
    new Delivery(replica, random).run(new History(random).logs)
    members += replica.members.current.members.size
    const { manifest } = await Effect.runPromise(writeArchive(replica, path(seed)))
    setAside += manifest.setAside
    shelf.close(replica)
  }
  const pieces = await takeApart(path(firstSeed))
  const logs = pieces.manifest.logs.map(({ signature: _signature, ...log }) => log)
  await zipUp(unsigned, manifestText({ ...pieces.manifest, logs }), pieces.members)
  verdicts = pythonVerdicts([...seeds.map(path), unsigned])
}, 60_000)

afterAll(() => shelf.remove())

describe("archives of a project of members", () => {
  it("mean the same to the page as to the engine, whoever was admitted, retired or forked", async () => {
    expect(setAside, "nothing was set aside").toBeGreaterThan(seeds.length)
    expect(members, "hardly anybody was admitted").toBeGreaterThan(seeds.length * 2)
    for (const seed of seeds) {
      const context = `LAMPLOG_SEED=${seed}`
      const python = verdicts.get(path(seed))!
      expect(python.errors, context).toEqual([])
      // The page must have told the state and compared it.
      expect(python.warnings, context).not.toContain("state-not-compared")
      expect(python.ok, context).toBe(true)
      expect((await ourVerdict(path(seed))).errors, context).toEqual([])
    }
  })

  it("are refused when a log is not signed by its node", async () => {
    expect(verdicts.get(unsigned)!.errors).toEqual(["unsigned"])
    expect((await ourVerdict(unsigned)).errors).toEqual(["unsigned"])
  })
})
