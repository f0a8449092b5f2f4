/**
 * The full check of an archive, without a project: every member by its hash, then every event by
 * replaying the logs into a replica that is thrown away.
 *
 * Whatever is wrong with the archive is a finding; only what is wrong with this machine (no such
 * file, no space for the replay) or missing here (a key, a newer program) is a failure. Where the
 * state cannot be computed, since the archive is partial or follows a schema that is not known, it is
 * checked as far as its bytes prove themselves, with a warning that says so: of an unknown schema the
 * logs are replayed all the same, and the snapshot is held to the digest.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { Findings } from "../audit/finding.ts"
import type { Verification } from "../audit/finding.ts"
import { referenceFindings } from "../audit/references.ts"
import { LamplogError, shown } from "../event/failure.ts"
import { equalFrontiers } from "../log/frontier.ts"
import type { SchemaRegistry } from "../state/schema.ts"
import { Replica } from "../store/replica.ts"
import { makeStagingFolder } from "../store/staging.ts"
import { isIncremental, manifestPath, snapshotPath } from "./archive.ts"
import type { Manifest, ProgressOption } from "./archive.ts"
import { absentAssets } from "./asset-check.ts"
import { checkChains } from "./chain.ts"
import { openArchive } from "./open.ts"
import type { OpenArchiveOptions } from "./open.ts"
import { nearLimit } from "./limits.ts"
import type { Archive, Signature } from "./read.ts"
import { takeArchive, takeLogs } from "./receive.ts"
import { refuse } from "./refuse.ts"
import { checkProofs } from "./proof-check.ts"
import { checkSnapshot } from "./snapshot-check.ts"
import { requireSpaceToReplay } from "./space.ts"
import { breathe, work } from "./work.ts"

export interface VerifyArchiveOptions extends ProgressOption, OpenArchiveOptions {
  readonly schemas: SchemaRegistry
}

export interface ArchiveVerification extends Verification {
  /** Who vouches for it; undefined when it could not be opened so far. */
  readonly signature: Signature | undefined
}

type Warning = readonly [code: string, where: string, message: string]

const notCompared: Warning = [
  "state-not-compared",
  snapshotPath,
  "This program understands other events than the exporter did: the snapshot was not compared with the logs.",
]

/**
 * Each event stands in a complete archive once, and its frontier is that of its logs: who adds to
 * either hides something.
 */
const checkWhole = (
  { events, frontier }: Manifest,
  { lines }: Replica,
  received: { readonly events: number },
): void => {
  if (received.events !== events) {
    const message = `The archive has ${events} lines, but only ${received.events} events: some stand in it twice.`
    throw refuse("structure", "event-twice", message, `${manifestPath} logs`)
  }
  if (equalFrontiers(frontier, lines.frontier())) return
  const message = "The frontier is not that of the logs in the archive."
  throw refuse("structure", "frontier", message, `${manifestPath} frontier`)
}

class ArchiveCheck {
  readonly #findings = new Findings()
  #members = 0
  #bytes = 0
  #events = 0
  #entities = 0
  #signatures = 0
  #signature: Signature | undefined

  result(): ArchiveVerification {
    return {
      signature: this.#signature,
      ok: !this.#findings.failed,
      checked: {
        members: this.#members,
        bytes: this.#bytes,
        events: this.#events,
        entities: this.#entities,
        signatures: this.#signatures,
      },
      findings: this.#findings.list(),
    }
  }

  /** Notes what the archive is to blame for; throws anything else. */
  note(error: unknown): void {
    if (!(error instanceof LamplogError) || error.stage === undefined) throw error
    const { stage, code, where, message } = error
    this.#findings.error(stage, code, where ?? manifestPath, message, code)
  }

  #warn(code: string, where: string, message: string): void {
    this.#findings.add({ severity: "warning", stage: "manifest", code, where, message }, code)
  }

  async run(archive: Archive, options: VerifyArchiveOptions, signal: AbortSignal): Promise<void> {
    this.#signature = archive.signature
    for (const warning of archive.warnings) {
      this.#warn("limit-near", warning.limit, nearLimit(warning))
    }
    await this.#checkMembers(archive, options, signal)
    if (this.#findings.failed) return
    try {
      if (archive.manifest.extract === undefined) await this.#checkHistory(archive, options, signal)
      else await this.#checkExtract(archive, signal)
    } catch (error) {
      this.note(error)
      return
    }
    await this.#checkAssets(archive, signal)
    this.#countWhatHeld(archive.manifest)
  }

  async #checkAssets(archive: Archive, signal: AbortSignal): Promise<void> {
    if (isIncremental(archive.manifest)) return
    for await (const { id, sha256 } of absentAssets(archive, signal)) {
      const where = `asset/${id} sha256`
      const message = `The bytes of asset/${shown(id)} (${sha256.slice(0, 12)}…) are not in the archive.`
      const warning = { severity: "warning", stage: "referential", code: "asset-absent" } as const
      this.#findings.add({ ...warning, where: shown(where), message }, "assets")
    }
  }

  async #checkHistory(
    archive: Archive,
    options: VerifyArchiveOptions,
    signal: AbortSignal,
  ): Promise<void> {
    if (!isIncremental(archive.manifest)) return this.#replay(archive, options, signal)
    const message =
      "The archive holds only later parts of its logs: their chains were checked, not the state."
    this.#warn("archive-partial", `${manifestPath} logs`, message)
    await checkChains(archive, options, signal)
  }

  /** Values are proven to stand in a state; that the state is the project's, only a signer says. */
  async #checkExtract(archive: Archive, signal: AbortSignal): Promise<void> {
    await checkProofs(archive, signal)
    if (archive.signature.status === "trusted") return
    const message =
      "The values stand in the state that the manifest names, but nobody whom you trust says that the project was in that state."
    this.#warn("extract-unsigned", `${manifestPath} digest`, message)
  }

  /** Reads every member to its end, so that each damaged one is named. */
  async #checkMembers(
    archive: Archive,
    { onProgress }: ProgressOption,
    signal: AbortSignal,
  ): Promise<void> {
    const { members } = archive.manifest
    const total = members.reduce((sum, { size }) => sum + size, 0)
    let done = 0
    for (const { path, size } of members) {
      try {
        for await (const chunk of archive.chunks(path)) {
          done += chunk.length
          onProgress?.({ stage: "hashing", done, total, unit: "bytes" })
          await breathe(signal)
        }
        this.#members += 1
        this.#bytes += size
      } catch (error) {
        this.note(error)
      }
    }
  }

  #whyNotCompared({ schema }: Manifest, schemas: SchemaRegistry): Warning {
    const known = schemas.names.includes(schema.name) ? schemas.get(schema.name).version : 0
    if (known >= schema.version) return notCompared
    const message = `This program does not know ${shown(schema.name)} ${schema.version}: the logs were checked, not the state.`
    return ["schema-newer", `${manifestPath} schema`, message]
  }

  async #replay(
    archive: Archive,
    options: VerifyArchiveOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const folder = makeStagingFolder("verify")
    try {
      requireSpaceToReplay(archive, folder)
      const { project, name, schema } = archive.manifest
      const { schemas } = options
      const known = schemas.names.includes(schema.name)
      const replica = Replica.create(join(folder, "replica"), {
        schemas,
        name,
        project,
        // Logs are what they are under any schema; only what they mean is not.
        schema: known ? schema.name : schemas.names[0]!,
        stateDirectory: join(folder, "state"),
      })
      try {
        replica.begin()
        const received = known
          ? await takeArchive(archive, replica, options, signal)
          : { ...(await takeLogs(archive, replica, options, signal)), compared: false }
        checkWhole(archive.manifest, replica, received)
        if (!received.compared) {
          this.#warn(...this.#whyNotCompared(archive.manifest, schemas))
          await checkSnapshot(archive, signal)
        }
        replica.projection.flush()
        if (known) {
          for (const finding of referenceFindings(replica))
            this.#findings.add(finding, finding.where)
        }
        replica.rollback()
      } finally {
        replica.close()
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  #countWhatHeld({ events, entities, logs }: Manifest): void {
    this.#events = events
    this.#entities = entities
    for (const { log, signature } of logs) {
      if (signature !== undefined) this.#signatures += 1
      else {
        const message = `Nobody signed the end of the log ${log}: its hashes fit, but prove no author.`
        this.#warn("head-unsigned", `log ${log}`, message)
      }
    }
  }
}

/** What the reader lacks says nothing about the archive. */
const readerLacks = new Set(["archive-encrypted", "key-wrong", "archive-newer"])

/** Checks an archive from end to end; leaves nothing behind. */
export const verifyArchive = (
  path: string,
  options: VerifyArchiveOptions,
): Effect.Effect<ArchiveVerification, LamplogError> =>
  Effect.suspend(() => {
    const check = new ArchiveCheck()
    const run = Effect.scoped(
      Effect.flatMap(openArchive(path, options), (archive) =>
        work(path, (signal) => check.run(archive, options, signal)),
      ),
    )
    const noted = Effect.catchTag(run, "LamplogError", (error) =>
      error.stage === undefined || readerLacks.has(error.code)
        ? Effect.fail(error)
        : Effect.sync(() => check.note(error)),
    )
    return Effect.map(noted, () => check.result())
  })
