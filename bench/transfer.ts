/**
 * Export, import, merge and their analyses through the public door, and what bounds them: packing
 * and hashing the same bytes, inserting the same rows.
 */
import { createHash } from "node:crypto"
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { deflateRawSync } from "node:zlib"
import { dtcg } from "../adapters/tokens/index.ts"
import type { JsonObject } from "../src/event/canonical.ts"
import { openProject, verifyArchive } from "../src/promise.ts"
import type { OpenProject } from "../src/promise.ts"
import type { Change } from "../src/state/change.ts"
import { Author } from "../src/store/author.ts"
import type { Replica } from "../src/store/replica.ts"
import type { Place, Question, Stopwatch, Subject } from "./measure.ts"
import { linesFile, perTransaction, rawInsert, reopen, replicaIn, writeLines } from "./rows.ts"
import { newTokens, tokenFields, tokenId, randomFrom } from "./tokens.ts"
import { receiveLines } from "./write.ts"

type Preparation = Omit<Place, "scratch">

const writing = { actor: "ana@example.com" }
const memoryBytesMax = 200e6
export const archiveIn = (folder: string): string => join(folder, "project.lamplog")

export const open = (folder: string): Promise<OpenProject> =>
  openProject({ directory: folder, formats: [dtcg], stateDirectory: join(folder, "state") })

export const timed = async <A>(watch: Stopwatch, run: () => Promise<A>): Promise<A> => {
  watch.start()
  const result = await run()
  watch.stop()
  return result
}

export const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`the benchmark did not do what it says: ${what}`)
}

const fill = (replica: Replica, { size, seed }: Preparation): void => {
  const author = new Author(replica)
  for (const changes of newTokens(size, perTransaction, seed)) author.write(changes, writing)
}

/** A replica with tokens, the archive of it, and the bytes in that archive. */
export const prepareTokens = async (place: Preparation): Promise<void> => {
  const { prepared } = place
  const replica = replicaIn(prepared)
  fill(replica, place)
  writeLines(replica, replica.ownLine()!, 1, linesFile(prepared, "tokens"))
  replica.close()
  const project = await open(prepared)
  await project.exportProject(archiveIn(prepared))
  await project.close()
}

const linesOf = (folder: string, name: string): Buffer => readFileSync(linesFile(folder, name))

const deflate =
  (name: string): Subject =>
  ({ prepared, size }, watch) => {
    const bytes = linesOf(prepared, name)
    expect(watch.time(() => deflateRawSync(bytes, { level: 6 })).length > 0, "deflated")
    return size
  }

const hash =
  (name: string): Subject =>
  ({ prepared, size }, watch) => {
    const bytes = linesOf(prepared, name)
    expect(watch.time(() => createHash("sha256").update(bytes).digest()).length > 0, "hashed")
    return size
  }

const insert = (name: string): Subject => rawInsert(name, Infinity)

/** Another project without a token in it. */
const emptyProject = async (scratch: string): Promise<OpenProject> => {
  replicaIn(scratch).close()
  return open(scratch)
}

/** Another replica of the same project, without an event. */
const emptyReplica = async ({ prepared, scratch }: Place): Promise<OpenProject> => {
  const source = await open(prepared)
  const { project } = await source.status()
  await source.close()
  replicaIn(scratch, project).close()
  return open(scratch)
}

export const tokens = {
  unit: "tokens",
  group: "tokens",
  size: 10_000,
  quickSize: 2000,
  prepare: prepareTokens,
  preparation: "tokens",
  memoryBytesMax,
}

/** What bounds whoever writes the tokens' events, or takes them in. */
export const tokensLimits: Question["limits"] = {
  "deflate of the events": deflate("tokens"),
  "SHA-256 of the events": hash("tokens"),
  "raw insert, one index": insert("tokens"),
}

const archives: ReadonlyArray<Question> = [
  {
    ...tokens,
    name: "export",
    asks: "write an archive of 10,000 tokens",
    ours: async ({ prepared, scratch, size }, watch) => {
      const project = await open(prepared)
      const summary = await timed(watch, () => project.exportProject(archiveIn(scratch)))
      await project.close()
      expect(summary.itemCounts.token === size, "every token is in the archive")
      return size
    },
    limits: tokensLimits,
  },
  {
    ...tokens,
    name: "import",
    asks: "take over the tokens of another project's archive",
    ours: async ({ prepared, scratch, size }, watch) => {
      const project = await emptyProject(scratch)
      const summary = await timed(watch, () =>
        project.importProject([archiveIn(prepared)], writing),
      )
      await project.close()
      expect(summary.itemCounts.token === size, "every token was imported")
      return size
    },
    limits: tokensLimits,
  },
  {
    ...tokens,
    name: "analyze-import",
    asks: "tell what that import would do",
    ours: async ({ prepared, scratch, size }, watch) => {
      const project = await emptyProject(scratch)
      const analysis = await timed(watch, () =>
        project.analyzeImport([archiveIn(prepared)], writing),
      )
      await project.close()
      expect(analysis.isValid && analysis.itemCounts.token === size, "every token was analysed")
      return size
    },
    limits: tokensLimits,
  },
  {
    ...tokens,
    name: "merge",
    asks: "merge the same project's archive into an empty replica",
    ours: async (place, watch) => {
      const project = await emptyReplica(place)
      const summary = await timed(watch, () => project.mergeProject(archiveIn(place.prepared)))
      await project.close()
      expect(summary.newItemsCount === place.size, "every token is new")
      return place.size
    },
    limits: tokensLimits,
  },
  {
    ...tokens,
    name: "verify",
    asks: "check an archive from its bytes up",
    ours: async ({ prepared, size }, watch) => {
      const { ok } = await timed(watch, () => verifyArchive(archiveIn(prepared)))
      expect(ok, "the archive is sound")
      return size
    },
    limits: tokensLimits,
  },
]

/** Of so many entities: each changed here, six in ten changed there, one in ten in the same field. */
const importedShare = 0.6
const conflictShare = 0.1

const prepareConcurrent = async (place: Preparation): Promise<void> => {
  const { prepared, size, seed } = place
  const ana = replicaIn(join(prepared, "ana"))
  fill(ana, place)
  const bo = replicaIn(join(prepared, "bo"), ana.project)
  writeLines(ana, ana.ownLine()!, 1, linesFile(prepared, "base"))
  receiveLines(bo, ana.ownLine()!, linesFile(prepared, "base"))
  const random = randomFrom(seed + 2)
  const edit = (replica: Replica, count: number, field: (number: number) => string): void => {
    const author = new Author(replica)
    for (let first = 0; first < count; first += perTransaction) {
      const changes = Array.from(
        { length: Math.min(perTransaction, count - first) },
        (_, index): Change => ({
          op: "patch",
          type: "token",
          id: tokenId(first + index),
          fields: { [field(first + index)]: `${Math.floor(random() * 1e9)}` },
        }),
      )
      author.write(changes, writing)
    }
  }
  edit(ana, size, () => "description")
  edit(bo, size * importedShare, (number) =>
    number < size * conflictShare ? "description" : "deprecated",
  )
  writeLines(bo, bo.ownLine()!, 1, linesFile(prepared, "imported"))
  ana.close()
  bo.close()
  const project = await open(join(prepared, "bo"))
  await project.exportProject(archiveIn(prepared))
  await project.close()
}

/** Ana's replica as it was prepared. */
const anaIn = ({ prepared, scratch }: Place): Promise<OpenProject> => {
  cpSync(join(prepared, "ana"), scratch, { recursive: true })
  return open(scratch)
}

const changes = {
  unit: "entities",
  group: "tokens",
  size: 5000,
  quickSize: 1000,
  prepare: prepareConcurrent,
  preparation: "concurrent",
  memoryBytesMax,
}

const concurrent: Question["limits"] = {
  "deflate of the events": deflate("imported"),
  "raw insert, one index": async (place, watch) => {
    const rows = await insert("imported")(place, watch)
    expect(rows === place.size * importedShare, "as many rows as imported changes")
    return place.size
  },
  "SHA-256 of the events": hash("imported"),
}

const merges: ReadonlyArray<Question> = [
  {
    ...changes,
    name: "merge-concurrent",
    asks: "merge 3,000 changes beside 5,000 local ones, 500 of them in conflict",
    ours: async (place, watch) => {
      const project = await anaIn(place)
      const summary = await timed(watch, () => project.mergeProject(archiveIn(place.prepared)))
      await project.close()
      expect(summary.conflictsCount === place.size * conflictShare, "one in ten in conflict")
      return place.size
    },
    limits: concurrent,
  },
  {
    ...changes,
    name: "analyze-merge",
    asks: "tell what that merge would do",
    ours: async (place, watch) => {
      const project = await anaIn(place)
      const analysis = await timed(watch, () => project.analyzeMerge(archiveIn(place.prepared)))
      await project.close()
      expect(analysis.conflictedItems.length === place.size * conflictShare, "one in ten")
      return place.size
    },
    limits: concurrent,
  },
]

/** A DTCG file of tokens in groups, and the events that its import writes. */
const prepareForeign = async ({ prepared, size, seed }: Preparation): Promise<void> => {
  const random = randomFrom(seed)
  const root: { [group: string]: { [token: string]: JsonObject } } = {}
  for (let number = 0; number < size; number++) {
    const group = `group-${Math.floor(number / 100)}`
    const { description, type } = tokenFields(random)
    root[group] ??= {}
    root[group][`token-${number}`] = {
      $description: description!,
      ...(type === "color"
        ? {
            $type: "color",
            $value: { colorSpace: "srgb", components: [random(), random(), random()] },
          }
        : { $type: "dimension", $value: { unit: "px", value: Math.floor(random() * 64) } }),
    }
  }
  writeFileSync(join(prepared, "tokens.json"), JSON.stringify(root, null, 2))
  const folder = join(prepared, "imported")
  const project = await emptyProject(folder)
  await project.importProject([join(prepared, "tokens.json")], writing)
  await project.close()
  const replica = reopen(folder)
  writeLines(replica, replica.ownLine()!, 1, linesFile(prepared, "tokens"))
  replica.close()
}

const foreign: Question = {
  ...tokens,
  name: "import-dtcg",
  asks: "import a DTCG file of 10,000 tokens",
  prepare: prepareForeign,
  preparation: "foreign",
  ours: async ({ prepared, scratch, size }, watch) => {
    const project = await emptyProject(scratch)
    const summary = await timed(watch, () =>
      project.importProject([join(prepared, "tokens.json")], writing),
    )
    await project.close()
    expect(summary.itemCounts.token === size, "every token was imported")
    return size
  },
  limits: {
    "raw insert, one index": async (place, watch) => {
      await insert("tokens")(place, watch)
      return place.size
    },
    "JSON.parse of the file": ({ prepared, size }, watch) => {
      const text = readFileSync(join(prepared, "tokens.json"), "utf8")
      watch.time(() => JSON.parse(text) as unknown)
      return size
    },
  },
}

export const transfers: ReadonlyArray<Question> = [...archives, ...merges, foreign]
