/**
 * One replica of a project on this machine: its database, its identity, its transactions.
 *
 * Everything here is synchronous. A transaction takes the write lock of the file, sees what other
 * processes committed before it, and ends with everything durable or nothing changed:
 * events, projection and the heads of all logs change in one commit.
 */
import { join } from "node:path"
import { nodeFromPublicKey, signHead } from "../event/hash.ts"
import type { KeyPair } from "../event/hash.ts"
import type { Position } from "../event/stamp.ts"
import type { Head } from "../log/frontier.ts"
import type { ProjectSchema } from "../state/schema.ts"
import { announce, depart } from "./announce.ts"
import { busyTimeoutMillisDefault, createProjectFile } from "./create.ts"
import type { CreateOptions, ReplicaOptions } from "./create.ts"
import { databaseFile, guarded, openDatabase, projectionVersion } from "./database.ts"
import type { Sqlite } from "./database.ts"
import { computeDigest, keepDigest } from "./digest.ts"
import {
  createKey,
  defaultStateDirectory,
  fileMark,
  forgetKey,
  loadKey,
  Record,
} from "./identity.ts"
import type { Continuation, FenceReason } from "./identity.ts"
import { Lines } from "./lines.ts"
import type { LogLine } from "./lines.ts"
import { Members } from "./membership.ts"
import { checkSchemaVersion, Meta } from "./meta.ts"
import { Projection } from "./projection.ts"
import { reclassify } from "./reclassify.ts"

export type { Continuation }

export class Replica {
  readonly directory: string
  readonly path: string
  readonly sqlite: Sqlite
  readonly schema: ProjectSchema
  readonly lines: Lines
  readonly projection: Projection
  readonly members: Members
  readonly #options: ReplicaOptions
  readonly #meta: Meta
  #key: KeyPair | undefined
  #record: Record | undefined
  /** Seq that the record holds, so that a commit without an event of this node writes none. */
  #recordedSeq = 0
  /** The node whose key goes out of use when the running transaction commits. */
  #leaving: string | undefined
  /** The node whose key goes out of use when the running transaction is taken back. */
  #entering: string | undefined
  /** The key to go on under though what was to be written with it is refused. */
  #kept: KeyPair | undefined
  #dataVersion = -1
  readonly #readDataVersion
  #inTransaction = false
  #fence: FenceReason | undefined
  #commits = 0

  private constructor(directory: string, sqlite: Sqlite, options: ReplicaOptions) {
    this.directory = directory
    this.path = join(directory, databaseFile)
    this.sqlite = sqlite
    this.#options = options
    this.#readDataVersion = sqlite.prepare("PRAGMA data_version").pluck()
    this.#meta = new Meta(sqlite)
    this.schema = options.schemas.get(this.#meta.require("schema"))
    checkSchemaVersion(this.#meta, this.schema, this.path)
    this.lines = new Lines(sqlite)
    this.projection = new Projection(sqlite, this.#meta, this.schema)
    this.members = new Members(sqlite, this.project, this.lines)
  }

  /** Makes a new project, or a new replica of one, in a folder that holds none. */
  static create(directory: string, options: CreateOptions): Replica {
    createProjectFile(directory, options)
    return Replica.open(directory, options)
  }

  static open(directory: string, options: ReplicaOptions): Replica {
    const path = join(directory, databaseFile)
    const busyTimeoutMillis = options.busyTimeoutMillis ?? busyTimeoutMillisDefault
    const sqlite = openDatabase(path, { busyTimeoutMillis })
    try {
      return guarded(path, () => {
        const replica = new Replica(directory, sqlite, options)
        replica.#checkFence()
        replica.#checkProjection()
        announce(directory)
        return replica
      })
    } catch (error) {
      sqlite.close()
      throw error
    }
  }

  get project(): string {
    return this.#meta.require("project")
  }
  get name(): string {
    return this.#meta.require("name")
  }
  get node(): string {
    return this.#meta.require("node")
  }
  get publicKey(): string {
    return this.#meta.require("publicKey")
  }
  get meta(): ReadonlyMap<string, string> {
    return this.#meta.values
  }
  /** Why the next write will go on under a new node id; undefined when it will not. */
  get fence(): FenceReason | undefined {
    return this.#fence
  }
  /** The log that this replica's own log goes on from. */
  get continuation(): Continuation | undefined {
    const text = this.#meta.get("continues")
    return text === undefined ? undefined : (JSON.parse(text) as Continuation)
  }

  /** Commits made through this handle. */
  get commits(): number {
    return this.#commits
  }

  /** The line this replica writes to; undefined before its first event. */
  ownLine(): LogLine | undefined {
    const own = this.lines.ofNode(this.node)
    return own.length === 0 ? undefined : own[0]
  }

  #checkFence(): void {
    const { node } = this
    // The record is read before the database is asked, so a running writer cannot look ahead of it.
    this.#openRecord()
    const record = this.#record!.read()
    this.#meta.load()
    this.lines.reload()
    this.#key = loadKey(this.directory, node)
    const stored = this.#meta.get("fence")
    if (stored !== undefined) this.#fence = stored as FenceReason
    else if (this.#meta.require("file") !== fileMark(this.path)) this.#fence = "copied"
    else if (record !== undefined && !this.#holdsOwn(record)) this.#fence = "rolled-back"
    else if (this.#key === undefined) this.#fence = "key-missing"
    else this.#fence = undefined
  }

  #openRecord(): void {
    this.#record?.close()
    const stateDirectory = this.#options.stateDirectory ?? defaultStateDirectory()
    this.#record = new Record(stateDirectory, this.project, this.node)
    this.#recordedSeq = 0
  }

  #holdsOwn(record: Head): boolean {
    return this.lines.holding(this.node, record.seq, record.hash) !== undefined
  }

  #checkProjection(): void {
    const version = `${projectionVersion}:${this.schema.version}`
    if (this.#meta.get("projection") === version) return
    this.transaction(() => {
      reclassify(this)
      this.sqlite.exec("DELETE FROM buckets; DELETE FROM stale")
      this.#meta.set({
        projection: version,
        schemaVersion: String(this.schema.version),
        listed: undefined,
      })
      this.projection.reset()
      this.projection.rebuild()
    })
  }

  /** Noticed while meeting others: they hold events of this node that this database does not know. */
  markAheadElsewhere(): void {
    this.#fence = "ahead-elsewhere"
    this.#meta.set({ fence: "ahead-elsewhere" })
  }

  /**
   * Makes sure that this replica may write: after a fence, under a new key whose log begins where
   * the old one ended. Returns the log to continue, if that was so; call inside a transaction.
   */
  enter(): { readonly key: KeyPair; readonly continues: Continuation | undefined } {
    if (this.#fence !== undefined) this.#become(createKey(this.directory), this.#fence)
    // Under a new node its first event tells what it goes on from, however long ago it became that.
    const continues = this.ownLine() === undefined ? this.continuation : undefined
    return { key: this.#key!, continues }
  }

  #become(key: KeyPair, reason: FenceReason): void {
    const old = this.node
    const line = this.ownLine()
    const continues =
      line === undefined ? undefined : { node: old, seq: line.headSeq, hash: line.headHash, reason }
    this.#meta.set({
      node: nodeFromPublicKey(key.publicKey),
      publicKey: key.publicKey,
      file: fileMark(this.path),
      fence: undefined,
      ...(continues === undefined ? {} : { continues: JSON.stringify(continues) }),
    })
    this.#key = key
    this.#fence = undefined
    this.#leaving = old
    this.#entering = this.node
  }

  /**
   * Called before a write is refused after `enter`: the node it gave out stays this replica's although
   * the write is taken back, for others have to know the node that they are to admit.
   */
  keepNode(): void {
    if (this.#entering !== undefined) this.#kept = this.#key
  }

  /** The highest event held, in total order: what a new event has to be above. */
  top(): Position | undefined {
    return this.lines.top()
  }

  #refresh(): void {
    const version = this.#readDataVersion.get() as number
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.#reload()
  }

  #reload(): void {
    const node = this.#meta.get("node")
    this.#meta.load()
    this.lines.reload()
    this.members.reset()
    this.projection.reset()
    const stored = this.#meta.get("fence")
    if (node !== this.node) this.#checkFence()
    // Another handle has met someone who is ahead of this log.
    else if (stored !== undefined) this.#fence = stored as FenceReason
  }

  begin(): void {
    guarded(this.path, () => this.sqlite.exec("BEGIN IMMEDIATE"))
    this.#inTransaction = true
    try {
      guarded(this.path, () => this.#refresh())
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  /** Makes everything since `begin` durable. When it throws, nothing was changed. */
  commit(): void {
    try {
      guarded(this.path, () => {
        this.projection.flush()
        // Where nobody takes what is unsigned, a key that is lost must leave nothing behind that is.
        if (this.members.rule === "members") this.#signOwn()
        this.lines.keepSigned()
        this.lines.flush()
        this.sqlite.exec("COMMIT")
      })
    } catch (error) {
      this.rollback()
      throw error
    }
    this.#inTransaction = false
    this.#commits += 1
    if (this.#leaving !== undefined) {
      forgetKey(this.directory, this.#leaving)
      this.#leaving = undefined
      this.#entering = undefined
      this.#openRecord()
    }
    // Behind a fence the record stays as it is: it may be what proves the rollback.
    if (this.#fence !== undefined) return
    const line = this.ownLine()
    if (line === undefined || line.headSeq === this.#recordedSeq) return
    this.#record?.write({ seq: line.headSeq, hash: line.headHash })
    this.#recordedSeq = line.headSeq
  }

  rollback(): void {
    if (this.sqlite.inTransaction) this.sqlite.exec("ROLLBACK")
    this.#inTransaction = false
    const kept = this.#kept
    if (this.#entering !== undefined && !kept) forgetKey(this.directory, this.#entering)
    this.#kept = undefined
    this.#leaving = undefined
    this.#entering = undefined
    // Should the file be unreadable just now, the next transaction reads it again.
    this.#dataVersion = -1
    guarded(this.path, () => {
      this.#reload()
      this.#checkFence()
    })
    if (kept !== undefined) this.#settleInto(kept)
  }

  #settleInto(key: KeyPair): void {
    try {
      this.transaction(() => this.#fence !== undefined && this.#become(key, this.#fence))
    } catch {
      // Why the write was refused says more; the next one gives out another node.
      forgetKey(this.directory, nodeFromPublicKey(key.publicKey))
    }
  }

  /** Runs a plain function in a transaction: all of it, or nothing. */
  transaction<A>(run: () => A): A {
    if (this.#inTransaction) return run()
    this.begin()
    let result: A
    try {
      result = guarded(this.path, run)
    } catch (error) {
      this.rollback()
      throw error
    }
    this.commit()
    return result
  }

  /** Reads one consistent state of the file, whatever other processes commit meanwhile. */
  read<A>(run: () => A): A {
    if (this.sqlite.inTransaction) return run()
    return guarded(this.path, () => {
      this.sqlite.exec("BEGIN")
      try {
        this.#refresh()
        return run()
      } finally {
        // SQLite takes some failures back by itself.
        if (this.sqlite.inTransaction) this.sqlite.exec("ROLLBACK")
      }
    })
  }

  /** The digest of the state; keeps what it had to compute when the file is free to be written. */
  digest(): string {
    const compute = () => computeDigest(this.sqlite, this.#meta, this.schema)
    const computed = this.read(compute)
    const version = this.#dataVersion
    if (computed.changed.length > keptBucketsMin && !this.sqlite.inTransaction) {
      try {
        this.transaction(() => {
          // Another process may have written in between; then what was computed is not the state.
          const current = this.#dataVersion === version ? computed : compute()
          keepDigest(this.sqlite, this.#meta, current)
        })
      } catch {
        // Another process is writing or the folder is read-only; the digest stands all the same.
      }
    }
    return computed.digest
  }

  /** Signs this replica's own log up to its end, so that others need not trust who carries it. */
  signOwnHead(): void {
    if (this.read(() => this.#unsignedOwnLine()) === undefined) return
    // Asked again in it: another process may have written in between.
    this.transaction(() => this.#signOwn())
  }

  #signOwn(): void {
    const line = this.#unsignedOwnLine()
    if (line === undefined) return
    const { seed } = this.#key!
    // Where nobody takes what is unsigned, a long log has to be cut on its way.
    this.lines.signToEnd(line, this.members.rule === "members", (seq, hash) =>
      signHead(seed, this.project, line.node, seq, hash),
    )
  }

  #unsignedOwnLine(): LogLine | undefined {
    const line = this.ownLine()
    if (line === undefined || this.#fence !== undefined || this.#key === undefined) return undefined
    return line.signedSeq === line.headSeq ? undefined : line
  }

  close(): void {
    depart(this.directory)
    this.#record?.close()
    this.sqlite.close()
  }
}

/** Fewer changed buckets than this are not worth a write: computing them again is as fast. */
const keptBucketsMin = 64
