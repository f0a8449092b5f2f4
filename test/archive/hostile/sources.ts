/**
 * The valid archives that are altered at random, the same bytes in every run but for those that age
 * encrypts, and the reader that they are tried on.
 *
 * Keys come from names and times are given, so that a seed means the same everywhere.
 */
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { openArchive } from "../../../src/archive/open.ts"
import { work } from "../../../src/archive/work.ts"
import { LamplogError } from "../../../src/event/failure.ts"
import { sha256 } from "../../../src/event/hash.ts"
import { openProject } from "../../../src/promise.ts"
import type { OpenProject } from "../../../src/promise.ts"
import { makeIdentity, recipientOfIdentity, signingKeyFromPem } from "../../../src/seal/keys.ts"
import { Author } from "../../../src/store/author.ts"
import { Stage, taken } from "../stage.ts"
import { membersOf } from "./base.ts"
import { stored, zipBytes } from "./zip-bytes.ts"

export type Members = ReadonlyArray<readonly [name: string, content: Buffer]>

export interface Source {
  readonly name: string
  readonly bytes: Buffer
  /** Undefined when the file is encrypted: then only its bytes can be altered. */
  readonly members: Members | undefined
  readonly exportHash: string
  /** What the reader would do with it, as text. */
  readonly effect: string
}

/** How a file was judged. */
export type Judgement =
  | { readonly kind: "accepted"; readonly exportHash: string; readonly effect: string }
  | { readonly kind: "refused"; readonly stage: string; readonly code: string }
  | { readonly kind: "broken"; readonly message: string }

const signingKey = () => {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex")
  const der = Buffer.concat([prefix, Buffer.from(sha256("signer"), "hex")]).toString("base64")
  const pem = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`
  return signingKeyFromPem(pem, "test", "signer@example.com")
}

const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, "0")}Z`

/** Fills two replicas; gives the frontier from which the second is behind. */
const fill = async (stage: Stage) => {
  const ana = stage.replica("ana")
  const bo = stage.replica("bo")
  const token = (id: string, value: string) =>
    ({ op: "put", type: "token", id, fields: { value } }) as const
  const write = new Author(ana)
  write.write(
    Array.from({ length: 8 }, (_, index) => token(`color/${index}`, `#0000${index}0`)),
    { actor: "ana", at: at(0) },
  )
  const since = ana.lines.frontier()
  await taken((await stage.exported(ana)).path, bo)
  new Author(bo).write([token("color/1", "#bbbbbb"), token("ü", "1px")], { actor: "bo", at: at(1) })
  write.write([token("color/1", "#aaaaaa")], { actor: "ana", at: at(2) })
  await taken((await stage.exported(bo)).path, ana)
  write.write([{ op: "delete", type: "token", id: "color/2", reason: "unused" }], {
    actor: "ana",
    at: at(3),
  })
  for (let round = 0; round < 3; round++) {
    write.write([token("color/3", `#33333${round}`)], { actor: "ana", at: at(4 + round) })
  }
  ana.close()
  bo.close()
  return since
}

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()

/** Far beyond what any file may take. */
const hangSeconds = 30

export class Range {
  readonly folder: string
  readonly sources: ReadonlyArray<Source>
  readonly #stage: Stage
  readonly #reader: OpenProject
  readonly #identity: string
  readonly #temporary: string
  readonly #restore: () => void

  private constructor(
    stage: Stage,
    reader: OpenProject,
    identity: string,
    temporary: string,
    restore: () => void,
    sources: Array<Source>,
  ) {
    this.folder = stage.folder
    this.sources = sources
    this.#stage = stage
    this.#reader = reader
    this.#identity = identity
    this.#temporary = temporary
    this.#restore = restore
  }

  static async open(): Promise<Range> {
    const stage = new Stage()
    const before = process.env["TMPDIR"]
    const temporary = mkdtempSync(join(tmpdir(), "lamplog-range-"))
    process.env["TMPDIR"] = temporary
    const restore = (): void => {
      if (before === undefined) delete process.env["TMPDIR"]
      else process.env["TMPDIR"] = before
      rmSync(temporary, { recursive: true, force: true })
    }
    const since = await fill(stage)
    const stateDirectory = join(stage.folder, "state")
    const options = (name: string) => ({ directory: join(stage.folder, name), stateDirectory })
    const author = await openProject(options("ana"))
    const reader = await openProject(options("bo"))
    const identity = await makeIdentity()
    const sources: Array<Source> = []
    const range = new Range(stage, reader, identity, temporary, restore, sources)
    const recipient = await recipientOfIdentity(identity, "test")
    const exports = {
      plain: {},
      incremental: { since },
      signed: { sign: signingKey() },
      sealed: { encryptTo: [recipient], sign: signingKey() },
      extract: { select: { entities: ["token/color/3", "token/ü"] } },
    }
    for (const [name, how] of Object.entries(exports)) {
      const path = stage.path()
      await author.exportProject(path, how)
      sources.push(await range.#sourceFrom(name, readFileSync(path)))
    }
    const plain = sources[0]!.members!.map(([name, content]) => stored(name, content))
    sources.push(await range.#sourceFrom("stored", zipBytes(plain)))
    await author.close()
    return range
  }

  async #sourceFrom(name: string, bytes: Buffer): Promise<Source> {
    const judged = await this.judge(bytes)
    if (judged.kind !== "accepted") throw new Error(`${name} ${JSON.stringify(judged)}`)
    const members = bytes.toString("latin1", 0, 2) === "PK" ? membersOf(bytes) : undefined
    return { name, bytes, members, ...judged }
  }

  /** Opens a file, reads every member to its end, and rehearses taking it. */
  async judge(bytes: Buffer): Promise<Judgement> {
    const path = join(this.folder, "judged.lamplog")
    writeFileSync(path, bytes)
    const hang = new Promise<Judgement>((resolve) => {
      const message = `no verdict after ${hangSeconds} seconds`
      setTimeout(() => resolve({ kind: "broken", message }), hangSeconds * 1000).unref()
    })
    return Promise.race([hang, this.#judge(path)])
  }

  async #judge(path: string): Promise<Judgement> {
    const keys = { identities: [this.#identity] }
    try {
      const opened = await Effect.runPromise(
        Effect.scoped(
          Effect.flatMap(openArchive(path, { keys }), (archive) =>
            work(path, async () => {
              for (const { path: member } of archive.manifest.members) {
                for await (const chunk of archive.chunks(member)) void chunk
              }
              return { exportHash: archive.exportHash, isExtract: archive.manifest.extract }
            }),
          ),
        ),
      )
      const { exportHash, isExtract } = opened
      if (isExtract === undefined) {
        const analysis = await this.#reader.analyzeMerge(path, { keys })
        return { kind: "accepted", exportHash, effect: JSON.stringify(effectOf(analysis)) }
      }
      const analysis = await this.#reader.analyzeImport([path], { keys, actor: "x" })
      const [error] = analysis.errors
      if (error !== undefined) return { kind: "refused", stage: error.stage, code: error.code }
      const { events, itemCounts } = analysis
      return { kind: "accepted", exportHash, effect: JSON.stringify({ events, itemCounts }) }
    } catch (error) {
      if (error instanceof LamplogError && error.stage !== undefined) {
        return { kind: "refused", stage: error.stage, code: error.code }
      }
      return { kind: "broken", message: String((error as Error).stack ?? error) }
    }
  }

  /** Everything that a rehearsal or a refusal must leave as it was. */
  trace(): string {
    const database = readFileSync(join(this.folder, "bo", ".lamplog", "project.db"))
    return JSON.stringify([
      createHash("sha256").update(database).digest("hex"),
      filesBelow(join(this.folder, "bo")),
      filesBelow(join(this.folder, "state")),
      filesBelow(this.#temporary),
    ])
  }

  /** Keeps a file that was judged wrongly. */
  keep(name: string, bytes: Buffer): string {
    const folder = join(tmpdir(), "lamplog-kept")
    mkdirSync(folder, { recursive: true })
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return path
  }

  async close(): Promise<void> {
    await this.#reader.close()
    this.#stage.clear()
    this.#restore()
  }
}

/** What an analysis says of the project; who signed and what was warned of is not of its state. */
const effectOf = (analysis: object): object =>
  Object.fromEntries(
    ["newItems", "updatedItems", "deletedItems", "unchangedCount", "conflictedItems"].map((key) => [
      key,
      (analysis as { readonly [key: string]: unknown })[key],
    ]),
  )
