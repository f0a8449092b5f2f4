/**
 * Two verifiers of one page: ours, and one in Python written from docs/FORMAT.md alone. They must
 * agree on sound archives and on forged ones, or the page, or one of them, is wrong.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { inspectArchive } from "../../src/archive/inspect.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import * as Effect from "effect/Effect"
import { receive } from "../log/forge.ts"
import { Random } from "../simulation/random.ts"
import { forgeries } from "./forgeries.ts"
import { randomLogs } from "./histories.ts"
import { makeKinds, signer, signingKeyOf, Workplace } from "./kinds.ts"
import type { Kinds } from "./kinds.ts"
import { copyOf, putTogether, takeApart, zipUp } from "./pieces.ts"
import type { Pieces } from "./pieces.ts"
import { ourVerdict, pythonVerdicts, runPython } from "./verdicts.ts"
import type { Judged } from "./verdicts.ts"
import { vectorsPath } from "./vectors.ts"

/** Of the random histories; another one is a wider search. */
const firstSeed = Number(process.env.LAMPLOG_SEED ?? "1")
const histories = 8
const transactionsEach = 120

const place = new Workplace()
let kinds: Kinds
let verdicts: ReadonlyMap<string, Judged>
let exportHashes: ReadonlyMap<string, string>

/** What the engine warns of beside is not about bytes. */
const pageWarnings: ReadonlySet<string> = new Set([
  "archive-partial",
  "asset-absent",
  "extract-unsigned",
  "head-unsigned",
  "schema-newer",
  "state-not-compared",
])

const made = new Map<string, Pieces>()
const piecesOf = async (kind: string): Promise<Pieces> => {
  const known = made.get(kind) ?? (await takeApart(kinds.get(kind)!))
  made.set(kind, known)
  return copyOf(known)
}

const forged = (index: number): string => place.path(`forged ${index}`)
const spaced = place.path("spaced")
const again = (kind: string): string => place.path(`${kind} again`)
const random = (seed: number): string => place.path(`random ${seed}`)
const seedsTried = Array.from({ length: histories }, (_, index) => firstSeed + index)

beforeAll(async () => {
  kinds = await makeKinds(place)
  for (const kind of kinds.keys()) await putTogether(again(kind), await piecesOf(kind))
  for (const [index, { forge, kind }] of forgeries.entries()) {
    const pieces = await piecesOf(kind)
    forge(pieces)
    await putTogether(forged(index), pieces)
  }
  const pieces = await piecesOf("a complete archive")
  await zipUp(spaced, manifestText(pieces.manifest).replace(",", ", "), pieces.members)
  for (const seed of seedsTried) {
    const replica = place.replica(`random-${seed}`)
    receive(replica, randomLogs(new Random(seed), transactionsEach))
    await place.archive(replica, `random ${seed}`)
  }
  const sound = [...kinds.values(), ...[...kinds.keys()].map(again), ...seedsTried.map(random)]
  verdicts = pythonVerdicts([...sound, ...forgeries.map((_, index) => forged(index)), spaced])
  const hashes = sound.map(async (path) => {
    const { exportHash } = await Effect.runPromise(inspectArchive(path))
    return [path, exportHash] as const
  })
  exportHashes = new Map(await Promise.all(hashes))
}, 60_000)

afterAll(() => place.clear())

describe("a verifier written from docs/FORMAT.md alone", () => {
  it("computes every vector", () => {
    expect(runPython(["--vectors", vectorsPath])).toEqual({ status: 0, reports: [] })
  })

  it("finds no fault in a sound archive of any kind, warns of the same, and names it alike", async () => {
    for (const [kind, path] of kinds) {
      for (const file of [path, again(kind)]) {
        const own = await ourVerdict(file)
        expect(own, kind).toMatchObject({ ok: true, errors: [] })
        const told = verdicts.get(file)!
        expect(told, kind).toMatchObject({ ok: true, errors: [], signature: own.signature })
        expect(told.exportHash, kind).toBe(exportHashes.get(file))
        const warnings = own.warnings.filter((code) => pageWarnings.has(code))
        expect(told.warnings.toSorted(), kind).toEqual(warnings.toSorted())
      }
    }
  })

  it("folds random histories to the same bytes", async () => {
    for (const seed of seedsTried) {
      const path = random(seed)
      expect(verdicts.get(path), `LAMPLOG_SEED=${seed} repeats this`).toMatchObject({
        ok: true,
        errors: [],
        exportHash: exportHashes.get(path),
      })
    }
  })

  it.each(forgeries.map((forgery, index) => ({ ...forgery, index })))(
    "agrees with ours when someone $what",
    async ({ code, index }) => {
      const told = verdicts.get(forged(index))!
      const own = await ourVerdict(forged(index))
      expect(told).toMatchObject({ ok: false, errors: [code] })
      expect(own.ok).toBe(false)
      expect(own.errors).toContain(code)
    },
  )

  it("agrees with ours on a manifest that is written another way", async () => {
    expect(verdicts.get(spaced)!.errors).toEqual(["not-canonical"])
    expect((await ourVerdict(spaced)).errors).toEqual(["not-canonical"])
  })

  const friend = { trusted: [signingKeyOf("bo@example.org").verifier, signer.verifier] }
  const stranger = { trusted: [signingKeyOf("bo@example.org").verifier] }
  const trials = [
    ["a trusted key", friend, { ok: true, signature: "trusted" }],
    ["an unknown key", stranger, { ok: true, signature: "unknown" }],
    ["a trusted key where that is required", { ...friend, requireSignature: true }, { ok: true }],
    [
      "an unknown key where a trusted one is required",
      { ...stranger, requireSignature: true },
      { ok: false, errors: ["signature-untrusted"] },
    ],
  ] as const
  it.each(trials)("agrees with ours on archives signed by %s", async (_, trust, expected) => {
    const paths = [...kinds].filter(([kind]) => kind.startsWith("a signed")).map(([, path]) => path)
    expect(paths).toHaveLength(3)
    const found = pythonVerdicts(paths, trust)
    for (const path of paths) {
      expect(found.get(path)).toMatchObject(expected)
      expect(await ourVerdict(path, trust)).toMatchObject(expected)
    }
  })

  it("agrees with ours on unsigned archives where a signature is required", async () => {
    const path = kinds.get("a complete archive")!
    const trust = { ...friend, requireSignature: true }
    const errors = ["signature-missing"]
    expect(pythonVerdicts([path], trust).get(path)).toMatchObject({ ok: false, errors })
    expect(await ourVerdict(path, trust)).toMatchObject({ ok: false, errors })
  })
})
