/**
 * The full check of a replica: everything in its file is read, derived again from the bytes of
 * headers and bodies, and compared with what is stored beside them.
 *
 * Invariants
 *  1. Damage is a finding, never an exception, whatever it is: a flipped bit, a lost row, a file that
 *     SQLite itself cannot read.
 *  2. Nothing is written. The check has a connection and a snapshot of its own, so that neither what
 *     a handle remembers nor what others write meanwhile takes part in it.
 *  3. Memory holds one row, one entity's history, one bucket, and a bounded number of findings.
 *
 * The bytes of assets lie beside the database and are checked with it.
 *
 * What it cannot see: a log whose last transactions were cut off together with every trace of them
 * is a shorter log. A signed head, or a peer that holds more, tells.
 */
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { Assets } from "../store/assets.ts"
import { databaseFile, guarded } from "../store/database.ts"
import type { Sqlite } from "../store/database.ts"
import type { Replica } from "../store/replica.ts"
import { checkAssets } from "./assets.ts"
import { closeEvidence, HeldEvents, openEvidence } from "./evidence.ts"
import { checkBuckets } from "./buckets.ts"
import { checkContinuation, checkDefinitions, checkIntegrity, checkMeta } from "./file.ts"
import type { MetaFacts, SchemaByName } from "./file.ts"
import { Findings } from "./finding.ts"
import type { Verification } from "./finding.ts"
import { checkLines } from "./lines.ts"
import { checkLogs } from "./logs.ts"
import { referenceWarnings, Warnings } from "./references.ts"
import { checkStates } from "./states.ts"

export type { Finding, Verification } from "./finding.ts"

/** How far a check has come, for whoever shows it. */
export interface VerifyProgress {
  readonly stage: string
  readonly done: number
  readonly total: number | undefined
  readonly unit: "events" | "entities" | "bytes"
}

export type VerifyListener = (progress: VerifyProgress) => void

/** Where to look, and what is known of schemas. */
export interface Subject {
  readonly path: string
  readonly schemaOf: SchemaByName
}

const subjectOfReplica = ({ path, schema }: Replica): Subject => ({
  path,
  schemaOf: (name) => (name === schema.name ? schema : undefined),
})

const codeOf = (error: unknown): string | undefined => {
  const code = (error as { readonly code?: unknown }).code
  return typeof code === "string" ? code : undefined
}

/** Whether an error tells of the file's contents and not of the disk or the rights to it. */
const isDamage = (error: unknown): boolean => {
  if (error instanceof LamplogError) return error.code === "database-corrupt"
  const code = codeOf(error)
  return code !== undefined && /^SQLITE_(CORRUPT|NOTADB|ERROR|SCHEMA|FORMAT)/.test(code)
}

class Examination {
  readonly #subject: Subject
  readonly #findings = new Findings()
  readonly #warnings = new Warnings()
  readonly #logs = { events: 0, transactions: 0, signatures: 0 }
  readonly #states = { entities: 0, buckets: 0 }
  /** `references` counts the entities whose references and values were looked at. */
  readonly #counts = { logs: 0, references: 0, assets: 0 }
  #facts: MetaFacts = { project: undefined, schema: undefined, values: new Map() }

  constructor(subject: Subject) {
    this.#subject = subject
  }

  /** Runs one part of the check; what SQLite cannot read ends that part and becomes a finding. */
  *#part(where: string, run: () => Iterable<VerifyProgress>): Generator<VerifyProgress, void> {
    try {
      yield* run()
    } catch (error) {
      if (!isDamage(error)) throw error
      const message = `SQLite: ${(error as Error).message}`
      this.#findings.error("structure", "database-corrupt", where, message, where)
    }
  }

  *run(): Generator<VerifyProgress, Verification> {
    yield* this.#part(databaseFile, () => this.#examine())
    return {
      ok: !this.#findings.failed,
      checked: { ...this.#counts, ...this.#logs, ...this.#states },
      findings: [...this.#findings.list(), ...this.#warnings.list()],
    }
  }

  *#examine(): Generator<VerifyProgress, void> {
    yield { stage: "opening", done: 0, total: undefined, unit: "events" }
    const sqlite = openEvidence(this.#subject.path)
    try {
      yield* this.#part(databaseFile, () => this.#file(sqlite))
      yield* this.#part("meta", () => this.#meta(sqlite))
      yield* this.#part("events", () => this.#events(sqlite))
      yield* this.#part("entities", () => this.#entities(sqlite))
      yield* this.#part("buckets", () => this.#buckets(sqlite))
      yield* this.#part("entities", () => this.#references(sqlite))
      yield* this.#part("entities", () => this.#assets(sqlite))
    } finally {
      closeEvidence(sqlite)
    }
  }

  *#file(sqlite: Sqlite): Generator<VerifyProgress, void> {
    checkDefinitions(sqlite, this.#findings)
    yield { stage: "checking the file", done: 0, total: undefined, unit: "events" }
    checkIntegrity(sqlite, this.#findings)
  }

  *#meta(sqlite: Sqlite): Generator<VerifyProgress, void> {
    const { path, schemaOf } = this.#subject
    yield { stage: "checking the file", done: 0, total: undefined, unit: "events" }
    this.#facts = checkMeta(sqlite, dirname(path), schemaOf, this.#findings)
  }

  *#events(sqlite: Sqlite): Generator<VerifyProgress, void> {
    const { values, project, schema } = this.#facts
    const lines = checkLines(sqlite, this.#findings)
    const events = new HeldEvents(sqlite, lines)
    checkContinuation(values, events, this.#findings)
    this.#counts.logs = lines.length
    const total = lines.reduce((count, line) => count + line.headSeq - line.from + 1, 0)
    const facts = { sqlite, events, project, schema, findings: this.#findings }
    yield { stage: "checking events", done: 0, total, unit: "events" }
    for (const done of checkLogs(facts, this.#logs)) {
      yield { stage: "checking events", done, total, unit: "events" }
    }
  }

  *#entities(sqlite: Sqlite): Generator<VerifyProgress, void> {
    const { schema } = this.#facts
    const facts = { sqlite, schema, findings: this.#findings }
    const total = sqlite.prepare<[], number>("SELECT count(*) FROM entities").pluck().get()!
    yield { stage: "replaying", done: 0, total, unit: "entities" }
    for (const done of checkStates(facts, this.#states)) {
      yield { stage: "replaying", done, total, unit: "entities" }
    }
  }

  *#buckets(sqlite: Sqlite): Generator<VerifyProgress, void> {
    if (this.#facts.schema === undefined) return
    const listed = Number(this.#facts.values.get("listed") ?? "0")
    const total = this.#states.entities
    yield { stage: "checking the digest", done: 0, total, unit: "entities" }
    for (const done of checkBuckets(sqlite, listed, this.#findings, this.#states)) {
      yield { stage: "checking the digest", done, total, unit: "entities" }
    }
  }

  *#references(sqlite: Sqlite): Generator<VerifyProgress, void> {
    const { schema } = this.#facts
    if (schema === undefined) return
    const total = this.#states.entities
    yield { stage: "checking references", done: 0, total, unit: "entities" }
    for (const finding of referenceWarnings({ sqlite, schema })) {
      if (finding !== undefined) this.#warnings.add(finding)
      else if (++this.#counts.references % stepEntities === 0) {
        const done = this.#counts.references
        yield { stage: "checking references", done, total, unit: "entities" }
      }
    }
  }

  *#assets(sqlite: Sqlite): Generator<VerifyProgress, void> {
    const assets = new Assets(dirname(this.#subject.path))
    let total = 0
    for (const { bytes } of assets.list()) total += bytes
    for (const done of checkAssets(sqlite, assets, this.#findings, this.#counts)) {
      yield { stage: "checking assets", done, total, unit: "bytes" }
    }
  }
}

/** Entities between two reports of progress. */
const stepEntities = 500

type Steps = Generator<VerifyProgress, Verification>

const finished = (steps: Steps): Verification => {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Checks everything that a replica holds on disk, in one go. */
export const verifyReplica = (replica: Replica): Verification =>
  guarded(replica.path, () => finished(new Examination(subjectOfReplica(replica)).run()))

/** One step; a disk that fails is a refusal, anything else that is thrown a bug. */
const nextOf = ({ path }: Subject, steps: Steps) =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(guarded(path, () => steps.next()))
    } catch (error) {
      return error instanceof LamplogError ? Effect.fail(error) : Effect.die(error)
    }
  })

const inSteps = (
  subject: Subject,
  listener: VerifyListener,
): Effect.Effect<Verification, LamplogError> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Examination(subject).run()),
    (steps) =>
      Effect.gen(function* () {
        for (;;) {
          const step = yield* nextOf(subject, steps)
          if (step.done === true) return step.value
          listener(step.value)
          yield* Effect.yieldNow
        }
      }),
    // Closes the connection, also when the caller was interrupted between two steps.
    (steps) => Effect.sync(() => void steps.return(undefined as never)),
  )

/** Checks everything that a replica holds on disk, letting others work in between. */
export const verify = (
  replica: Replica,
  listener: VerifyListener = () => {},
): Effect.Effect<Verification, LamplogError> => inSteps(subjectOfReplica(replica), listener)

/**
 * Checks a project's folder without opening it as a project: for databases so damaged that opening
 * refuses them.
 */
export const verifyFolder = (
  directory: string,
  schemas: SchemaRegistry,
  listener: VerifyListener = () => {},
): Effect.Effect<Verification, LamplogError> => {
  const schemaOf: SchemaByName = (name) =>
    schemas.names.includes(name) ? schemas.get(name) : undefined
  return inSteps({ path: join(directory, databaseFile), schemaOf }, listener)
}
