/**
 * Two verifiers of one page: ours, and one in Python written from docs/FORMAT.md alone. They must
 * agree on sound archives and on forged ones, or the page, or one of them, is wrong.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { snapshotPath } from "../../src/archive/archive.ts"
import type { ManifestLog } from "../../src/archive/archive.ts"
import { inspectArchive } from "../../src/archive/inspect.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { verifyArchive } from "../../src/archive/verify.ts"
import { writeArchive } from "../../src/archive/write.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import type { LamplogError } from "../../src/event/failure.ts"
import { bodyHash, keyPairFromSeed, nodeFromPublicKey } from "../../src/event/hash.ts"
import { Author } from "../../src/store/author.ts"
import { Replica } from "../../src/store/replica.ts"
import { ForgedLog, projectId, receive } from "../log/forge.ts"
import type { Carried } from "../log/forge.ts"
import { Random } from "../simulation/random.ts"
import { randomLogs } from "./histories.ts"
import {
  copyOf,
  linesOf,
  putTogether,
  rehash,
  rewriteLog,
  rewriteSnapshot,
  segmentOf,
  setLines,
  takeApart,
  zipUp,
} from "./pieces.ts"
import type { Pieces } from "./pieces.ts"
import { seeds, story, vectorsPath } from "./vectors.ts"
import type { Person } from "./vectors.ts"

const program = join(import.meta.dirname, "verify.py")

interface Report {
  readonly file: string
  readonly severity?: string
  readonly code?: string
  readonly exportHash?: string
}

const python = (words: ReadonlyArray<string>): { status: number; reports: Array<Report> } => {
  const run = spawnSync("python3", [program, ...words], { encoding: "utf8" })
  if (run.error !== undefined) {
    throw new Error(
      "python3 cannot be run. Install Python 3.9 or newer (https://www.python.org/downloads, or " +
        "`apt-get install python3`, `brew install python`) so that `python3` is on the PATH.",
      { cause: run.error },
    )
  }
  expect(run.stderr).toBe("")
  const reports = run.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Report)
  return { status: run.status!, reports }
}

/** Codes of what the Python verifier holds against an archive. */
const pythonErrors = (path: string): ReadonlyArray<string> => {
  const { status, reports } = python([path])
  const errors = reports.filter(({ severity }) => severity === "error").map(({ code }) => code!)
  expect(status).toBe(errors.length === 0 ? 0 : 1)
  return errors
}

/** What this program cannot read, by no fault of the file, it fails on instead of judging it. */
const ours = (path: string) =>
  Effect.runPromise(verifyArchive(path, { schemas: builtInSchemas() })).then(
    ({ ok, findings }) => ({ ok, errors: findings.filter(({ severity }) => severity === "error") }),
    (error: LamplogError) => ({ ok: false, errors: [error] }),
  )

/** Of the random histories; another one is a wider search. */
const firstSeed = Number(process.env.LAMPLOG_SEED ?? "1")
const histories = 8
const transactionsEach = 120
const hashPattern = expect.stringMatching(/^[0-9a-f]{64}$/) as string

const folder = mkdtempSync(join(tmpdir(), "lamplog-python-"))
const opened: Array<Replica> = []

const replicaOf = (name: string, seed?: string): Replica => {
  const replica = Replica.create(join(folder, name), {
    schemas: builtInSchemas(),
    name: "Tokens",
    schema: "design-system",
    project: projectId,
    stateDirectory: join(folder, "state"),
    ...(seed === undefined ? {} : { seed }),
  })
  opened.push(replica)
  return replica
}

const person = (name: "ana" | "bo"): Person => {
  const replica = replicaOf(name, seeds[name])
  return { replica, author: new Author(replica) }
}

const archiveOf = async (replica: Replica, name: string, options = {}): Promise<string> => {
  const path = join(folder, `${name}.lamplog`)
  await Effect.runPromise(writeArchive(replica, path, options))
  return path
}

const nodeOf = (seed: string): string => nodeFromPublicKey(keyPairFromSeed(seed).publicKey)
const logIndex = (pieces: Pieces, node: string): number =>
  pieces.manifest.logs.findIndex((log) => log.node === node)

/** The text of one event of Bo's, with other claims in its header or another body. */
const remade = (
  line: string,
  change: { readonly header?: { readonly [key: string]: Json }; readonly body?: string },
): string => {
  const [header = "", salt = "", before = ""] = line.split("\t")
  const body = change.body ?? before
  const claims = JSON.parse(header) as { readonly [key: string]: Json }
  const text = canonicalFromJson({ ...claims, body: bodyHash(salt, body), ...change.header })
  return `${text}\t${salt}\t${body}`
}

const bo = nodeOf(seeds.bo)
const ana = nodeOf(seeds.ana)

/** Bo writes the last event of his log anew; his key signs it. */
const rewriteLast = (pieces: Pieces, change: Parameters<typeof remade>[1]): void =>
  rewriteLog(pieces, logIndex(pieces, bo), seeds.bo, (lines) =>
    lines.with(-1, remade(lines.at(-1)!, change)),
  )

const headerOf = (pieces: Pieces, node: string, seq: number): { readonly [key: string]: Json } => {
  const log = pieces.manifest.logs[logIndex(pieces, node)]!
  const line = linesOf(pieces, segmentOf(log))[seq - 1]!
  return JSON.parse(line.slice(0, line.indexOf("\t"))) as { readonly [key: string]: Json }
}

const changeLog = (pieces: Pieces, node: string, change: Partial<ManifestLog>): void => {
  const index = logIndex(pieces, node)
  const log = pieces.manifest.logs[index]!
  pieces.manifest.logs = pieces.manifest.logs.with(index, { ...log, ...change })
}

/** What a forger does, and the fault that the page knows it by. */
const forgeries: ReadonlyArray<readonly [string, string, (pieces: Pieces) => void]> = [
  [
    "alters a member and not the manifest",
    "member-hash",
    (pieces) => {
      const path = segmentOf(pieces.manifest.logs[0]!)
      const bytes = Buffer.from(pieces.members.get(path)!)
      bytes[bytes.indexOf("ana")] = 0x41
      pieces.members.set(path, bytes)
    },
  ],
  ["leaves a member out", "members", (pieces) => pieces.members.delete(snapshotPath)],
  ["adds a member", "members", (pieces) => pieces.members.set("notes.txt", Buffer.from("hello"))],
  [
    "claims a version to come",
    "archive-newer",
    ({ manifest }) => (manifest.version = 2 as typeof manifest.version),
  ],
  [
    "puts a part into the manifest that nobody knows",
    "manifest-invalid",
    ({ manifest }) => Object.assign(manifest, { exporter: "me" }),
  ],
  [
    "gives a log another key",
    "manifest-invalid",
    (pieces) => changeLog(pieces, ana, { publicKey: keyPairFromSeed("c".repeat(64)).publicKey }),
  ],
  [
    "says that the project is another one",
    "other-project",
    ({ manifest }) => (manifest.project = bo),
  ],
  [
    "alters a body",
    "body-hash",
    (pieces) => {
      const path = segmentOf(pieces.manifest.logs[0]!)
      setLines(
        pieces,
        path,
        linesOf(pieces, path).map((line) => line.replace("first colours", "other colours")),
      )
      rehash(pieces)
    },
  ],
  [
    "alters a header",
    "head",
    (pieces) => {
      const path = segmentOf(pieces.manifest.logs[logIndex(pieces, bo)]!)
      const lines = linesOf(pieces, path)
      setLines(pieces, path, lines.with(-1, remade(lines.at(-1)!, { header: { id: "Titel" } })))
      rehash(pieces)
    },
  ],
  [
    "swaps two events",
    "out-of-sequence",
    (pieces) =>
      rewriteLog(pieces, logIndex(pieces, bo), seeds.bo, ([first, second, ...rest]) => [
        second!,
        first!,
        ...rest,
      ]),
  ],
  [
    "takes a signature of somebody else",
    "signature-invalid",
    (pieces) =>
      changeLog(pieces, ana, {
        signature: pieces.manifest.logs[logIndex(pieces, bo)]!.signature!,
      }),
  ],
  [
    "cuts a transaction",
    "transaction-cut",
    (pieces) =>
      rewriteLog(pieces, logIndex(pieces, bo), seeds.bo, (lines) =>
        lines.with(-1, remade(lines.at(-1)!, { header: { transaction: [0, 2] } })),
      ),
  ],
  [
    "begins a transaction in its middle",
    "transaction-broken",
    (pieces) => rewriteLast(pieces, { header: { transaction: [1, 2] } }),
  ],
  ["sets the clock ahead", "clock-equation", (p) => rewriteLast(p, { header: { lamport: 9 } })],
  ["sets the clock back", "clock-equation", (p) => rewriteLast(p, { header: { lamport: 4 } })],
  [
    "names an anchor that proves nothing",
    "clock-equation",
    (pieces) => {
      const { parents } = headerOf(pieces, bo, 1)
      const [anchor] = parents as ReadonlyArray<Json>
      rewriteLast(pieces, { header: { anchor: anchor!, lamport: 4 } })
    },
  ],
  [
    "names a parent that nobody holds",
    "history-missing",
    (p) => rewriteLast(p, { header: { parents: [[ana, 9, "0".repeat(64)]] } }),
  ],
  [
    "names a parent of another entity",
    "parent-elsewhere",
    (p) => rewriteLast(p, { header: { parents: headerOf(p, bo, 1).parents! } }),
  ],
  [
    "names parents out of order",
    "header-invalid",
    (pieces) => {
      const [parent] = headerOf(pieces, bo, 1).parents as ReadonlyArray<Json>
      rewriteLast(pieces, { header: { parents: [parent!, parent!] } })
    },
  ],
  [
    "writes a control operation on an entity",
    "header-invalid",
    (pieces) => rewriteLast(pieces, { header: { op: "redact" } }),
  ],
  [
    "signs a body that is not canonical",
    "not-canonical",
    (pieces) => rewriteLast(pieces, { body: '{"kind":1,"actor":"bo"}' }),
  ],
  [
    "signs a body without an actor",
    "body-invalid",
    (pieces) => rewriteLast(pieces, { body: '{"kind":1}' }),
  ],
  [
    "signs an event that the snapshot does not know",
    "snapshot-mismatch",
    (p) => rewriteLast(p, { body: '{"actor":"bo","fields":{"description":"x"},"kind":1}' }),
  ],
  [
    "shows a state that nobody wrote",
    "snapshot-mismatch",
    (pieces) =>
      rewriteSnapshot(pieces, (lines) => lines.map((line) => line.replace("naïve", "clever"))),
  ],
  [
    "hides an entity",
    "snapshot-mismatch",
    (pieces) => {
      rewriteSnapshot(pieces, (lines) => lines.slice(1))
      pieces.manifest.entities -= 1
      pieces.manifest.itemCounts = { token: 2 }
    },
  ],
  [
    "orders the snapshot otherwise",
    "snapshot-mismatch",
    (pieces) => rewriteSnapshot(pieces, (lines) => lines.toReversed()),
  ],
  [
    "claims another digest",
    "snapshot-mismatch",
    ({ manifest }) => (manifest.digest = "0".repeat(64)),
  ],
  ["hides the conflicts", "snapshot-mismatch", ({ manifest }) => (manifest.conflicts = 0)],
]

/** A log that forks at once, goes on in both branches, and parts inside a transaction. */
const forkedLogs = (): ReadonlyArray<Carried> => {
  const trunk = new ForgedLog("forker")
  const first = trunk.add({ op: "put", lamport: 1, body: { fields: { value: 1 } } })
  trunk.add({ id: "red", op: "put", lamport: 2, transaction: [0, 2] })
  const branch = trunk.branch(2)
  trunk.add({ lamport: 2, transaction: [1, 2], parents: [first], body: { fields: { value: 2 } } })
  branch.add({ lamport: 2, transaction: [1, 2], parents: [first], body: { fields: { value: 3 } } })
  const other = trunk.branch(1)
  other.add({ lamport: 2, parents: [first], body: { unset: ["value"] } })
  other.add({ id: "later", op: "invented", lamport: 3 })
  return [trunk, branch, other]
}

let story1: string
let whole: Pieces

beforeAll(async () => {
  const people = [person("ana"), person("bo")] as const
  story(...people)
  story1 = await archiveOf(people[1].replica, "story")
  whole = await takeApart(story1)
})

afterAll(() => {
  for (const replica of opened) replica.close()
  rmSync(folder, { recursive: true, force: true })
})

describe("a verifier written from docs/FORMAT.md alone", () => {
  it("computes every vector", () => {
    expect(python(["--vectors", vectorsPath])).toEqual({ status: 0, reports: [] })
  })

  it("finds nothing in a sound archive, and names it by the same hash", async () => {
    const { status, reports } = python([story1])
    const { exportHash } = await Effect.runPromise(inspectArchive(story1))
    expect(reports).toEqual([{ file: story1, exportHash, events: expect.any(Number) as number }])
    expect(status).toBe(0)
    expect(await ours(story1)).toEqual({ ok: true, errors: [] })
  })

  it("finds nothing when the pieces are put together unchanged", async () => {
    const path = join(folder, "again.lamplog")
    await putTogether(path, copyOf(whole))
    expect(pythonErrors(path)).toEqual([])
    expect(await ours(path)).toEqual({ ok: true, errors: [] })
  })

  it("names the branches of forked logs, and folds them all", async () => {
    const replica = replicaOf("forks")
    receive(replica, forkedLogs())
    const path = await archiveOf(replica, "forks")
    const { manifest } = await takeApart(path)
    expect(manifest.logs).toHaveLength(3)
    expect(manifest).toMatchObject({ conflicts: 1, setAside: 1 })
    expect(pythonErrors(path)).toEqual([])
    expect(await ours(path)).toEqual({ ok: true, errors: [] })
    const forged = await takeApart(path)
    rewriteSnapshot(forged, (lines) => lines.map((line) => line.replace('"value":2', '"value":4')))
    await putTogether(path, forged)
    expect(pythonErrors(path)).toEqual(["snapshot-mismatch"])
    expect((await ours(path)).ok).toBe(false)
  })

  it("folds random histories to the same bytes", async () => {
    const paths: Array<string> = []
    for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
      const replica = replicaOf(`random-${seed}`)
      receive(replica, randomLogs(new Random(seed), transactionsEach))
      paths.push(await archiveOf(replica, `random-${seed}`))
    }
    const { reports } = python(paths)
    const found = reports.filter(({ severity, exportHash }) => severity === "error" || exportHash)
    const sound = paths.map(
      (file) => expect.objectContaining({ file, exportHash: hashPattern }) as Report,
    )
    expect(found, `LAMPLOG_SEED=${firstSeed} repeats these`).toEqual(sound)
  })

  it("checks as much of a partial archive as its bytes prove", async () => {
    const { replica } = { replica: opened[1]! }
    const since = { [ana]: whole.manifest.frontier[ana]! }
    const path = await archiveOf(replica, "partial", { since })
    const { reports } = python([path])
    expect(reports.map(({ code }) => code)).toContain("archive-partial")
    expect(pythonErrors(path)).toEqual([])
    expect(await ours(path)).toEqual({ ok: true, errors: [] })
  })

  for (const [what, code, forge] of forgeries) {
    it(`agrees with ours when someone ${what}`, async () => {
      const pieces = copyOf(whole)
      forge(pieces)
      const path = join(folder, "forged.lamplog")
      await putTogether(path, pieces)
      expect(pythonErrors(path)).toContain(code)
      const { ok, errors } = await ours(path)
      expect(errors).not.toHaveLength(0)
      expect(ok).toBe(false)
    })
  }

  it("agrees with ours on a manifest that is written another way", async () => {
    const path = join(folder, "spaced.lamplog")
    const text = manifestText(whole.manifest)
    await zipUp(path, text.replace(",", ", "), whole.members)
    expect(pythonErrors(path)).toEqual(["not-canonical"])
    expect((await ours(path)).ok).toBe(false)
  })
})
