/**
 * Commands that write archives or take them in, the files that they work on, and what must be true
 * of a folder after such a command was stopped.
 *
 * A file that is written is absent, what it was before, or whole. A project stands where it stood
 * before or where the command leads, never between. What a stopped command left under names of its
 * own is gone when the same command has run again.
 */
import { spawn, spawnSync } from "node:child_process"
import { createCipheriv } from "node:crypto"
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { basename, join } from "node:path"
import { performance } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import { verifyArchive } from "../../src/archive/verify.ts"
import { verifyReplica } from "../../src/audit/verify.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import type { Change } from "../../src/state/change.ts"
import { Assets } from "../../src/store/assets.ts"
import { Shelf, write } from "../store/replicas.ts"

const root = join(import.meta.dirname, "..", "..")
export const commandLine = join(root, "src", "cli", "main.ts")

const passphrase = "as long as it has to be"
const oldBytes = "what was there before"
const events = 3000
const assetBytes = 6 * 1024 * 1024

/** The files that commands work on. */
export interface Files {
  readonly project: string
  /** Keys of the user. */
  readonly keys: string
  readonly passphrase: string
  /** A project, never changed but for what an export signs and keeps. */
  readonly source: string
  /** Its beginning, as an archive. */
  readonly base: string
  /** All of it; without assets; encrypted; some of its values; a backup. */
  readonly whole: string
  readonly text: string
  readonly sealed: string
  readonly extract: string
  readonly backup: string
}

/** Where one run works. */
export interface Place {
  /** Where an export writes; nothing else is in its folder. */
  readonly target: string
  /** The folder of the project that takes in, or that a clone makes. */
  readonly project: string
  readonly temporary: string
}

export interface Task {
  readonly name: string
  readonly of: "export" | "import"
  readonly words: (files: Files, place: Place) => ReadonlyArray<string>
  /** Whether its project is there before: a clone makes it. */
  readonly makes?: boolean
  /** Whether it decrypts or replays into the temporary folder. */
  readonly spools?: boolean
}

const exporting =
  (...flags: ReadonlyArray<string>): Task["words"] =>
  ({ source }, { target }) => ["export", target, "--project", source, ...flags]

const on = (name: string, archive: keyof Files, ...flags: ReadonlyArray<string>): Task => ({
  name: [name, archive, ...flags].join(" "),
  of: "import",
  words: (files, { project }) => [
    name,
    files[archive],
    "--project",
    project,
    ...flags,
    ...(archive === "sealed" ? ["--passphrase-file", files.passphrase] : []),
  ],
  spools: archive === "sealed",
})

export const tasks: ReadonlyArray<Task> = [
  { name: "export", of: "export", words: exporting("--no-assets") },
  { name: "export with assets", of: "export", words: exporting() },
  { name: "export signed", of: "export", words: exporting("--sign") },
  {
    name: "export encrypted",
    of: "export",
    words: (files, place) =>
      exporting("--sign", "--passphrase-file", files.passphrase)(files, place),
  },
  { name: "export an extract", of: "export", words: exporting("--type", "token") },
  { name: "export to dtcg", of: "export", words: exporting("--format", "dtcg") },
  {
    name: "backup",
    of: "export",
    words: ({ source }, { target }) => ["backup", target, "--project", source],
  },
  on("import", "whole"),
  on("import", "text"),
  on("import", "whole", "--strategy", "replace", "--backup", "always"),
  on("import", "sealed"),
  on("import", "extract"),
  on("merge", "whole"),
  on("merge", "text"),
  on("merge", "whole", "--strategy", "keep-imported", "--backup", "always"),
  on("restore", "backup"),
  {
    name: "clone",
    of: "import",
    words: ({ whole }, { project }) => ["clone", whole, project],
    makes: true,
  },
  {
    name: "clone sealed",
    of: "import",
    words: (files, { project }) => [
      "clone",
      files.sealed,
      project,
      "--passphrase-file",
      files.passphrase,
    ],
    makes: true,
    spools: true,
  },
  {
    name: "clone --dry-run",
    of: "import",
    words: ({ whole }, { project }) => ["clone", whole, project, "--dry-run"],
    makes: true,
    spools: true,
  },
  {
    name: "restore anew",
    of: "import",
    words: ({ backup }, { project }) => ["restore", backup, "--project", project],
    makes: true,
  },
  {
    name: "verify sealed",
    of: "import",
    words: (files) => ["verify", files.sealed, "--passphrase-file", files.passphrase],
    spools: true,
  },
]

const put = (id: string): Change => ({
  op: "put",
  type: "token",
  id,
  fields: { value: `of ${id}`, description: `${id} is one of many. `.repeat(8) },
})

/** What a process printed, and how it ended. */
export interface Ended {
  /** Undefined when a signal ended it. */
  readonly status: number | undefined
  readonly stdout: string
  readonly stderr: string
  readonly millis: number
}

/** The code of a refusal, as `--json` prints it. */
export const refusalIn = ({ stdout }: Pick<Ended, "stdout">): string | undefined => {
  try {
    return (JSON.parse(stdout) as { error?: { code?: string } }).error?.code
  } catch {
    return undefined
  }
}

/** Where a project stands. */
export interface Stand {
  readonly events: number
  readonly entities: number
  /** Contents of assets that are held. */
  readonly assets: number
}

/** What is always in a project's folder, and what may be. */
const filesOfProject = new Set(["keys", "project.db", "config.json", "assets", "backups"])
/** What SQLite leaves beside a database for the next who opens it when it could not do so itself. */
const sidecar = /^project\.db-(wal|shm)$/
/** What says that a process has the project open. */
const presence = /^open-\d+\.json$/

/** Why a command could not clear up after itself. */
export type Hindrance = "killed" | "full"

const isLegal = (name: string, hindrance: Hindrance | undefined): boolean =>
  (hindrance !== undefined && sidecar.test(name)) || (hindrance === "killed" && presence.test(name))

const namesIn = (folder: string): ReadonlyArray<string> =>
  existsSync(folder) ? readdirSync(folder) : []

/** Names that nobody should find in the folders of a run, given the file that it is to write. */
export const leftIn = (place: Place, hindrance?: Hindrance): ReadonlyArray<string> => {
  const files = join(place.project, ".lamplog")
  const strange = (folder: string, isKnown: (name: string) => boolean) =>
    namesIn(folder).flatMap((name) => (isKnown(name) ? [] : [join(basename(folder), name)]))
  return [
    ...strange(join(place.target, ".."), (name) => name === basename(place.target)),
    ...strange(place.project, (name) => name === ".lamplog"),
    ...strange(files, (name) => filesOfProject.has(name) || isLegal(name, hindrance)),
    ...strange(join(files, "assets"), (name) => name === ".incoming" || /^..$/.test(name)),
    ...strange(join(files, "assets", ".incoming"), () => false),
    ...strange(join(files, "backups"), (name) => /^\d+-[0-9a-f]{16}\.lamplog-backup$/.test(name)),
    ...strange(place.temporary, () => false),
  ]
}

export class ArchiveBench {
  readonly #shelf = new Shelf()
  readonly files: Files
  #count = 0

  /** Makes the files, unless another bench has. */
  constructor(files?: Files) {
    this.files = files ?? this.#make()
    if (files === undefined) return
    cpSync(files.keys, join(this.#shelf.stateDirectory, "keys"), { recursive: true })
  }

  #make(): Files {
    const path = (name: string): string => this.#shelf.path(name)
    const source = this.#shelf.create("source/.lamplog")
    const files = {
      project: source.project,
      keys: join(this.#shelf.stateDirectory, "keys"),
      passphrase: path("passphrase"),
      source: path("source"),
      base: path("base.lamplog"),
      whole: path("whole.lamplog"),
      text: path("text.lamplog"),
      sealed: path("sealed.lamplog"),
      extract: path("extract.lamplog"),
      backup: path("source.lamplog-backup"),
    }
    mkdirSync(path("tmp"))
    writeFileSync(files.passphrase, `${passphrase}\n`, { mode: 0o600 })
    const must = (...words: ReadonlyArray<string>): void => {
      const argv = [commandLine, ...words, "--project", files.source]
      const env = this.environment(path("tmp"))
      const { status, stderr } = spawnSync(process.execPath, argv, { env, encoding: "utf8" })
      if (status !== 0) throw new Error(`${words.join(" ")} failed: ${stderr}`)
    }
    write(source, [put("first")])
    this.#shelf.close(source)
    must("export", files.base)
    const grown = this.#shelf.open("source/.lamplog")
    for (let from = 0; from < events; from += 500) {
      write(
        grown,
        Array.from({ length: 500 }, (_, index) => put(`token ${from + index}`)),
      )
    }
    this.#shelf.close(grown)
    const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16))
    writeFileSync(path("large.bin"), cipher.update(Buffer.alloc(assetBytes)))
    must("asset", "add", path("large.bin"))
    must("export", files.whole, "--sign")
    must("export", files.text, "--no-assets")
    must("export", files.sealed, "--passphrase-file", files.passphrase)
    must("export", files.extract, "--type", "token")
    must("backup", files.backup)
    return files
  }

  environment(temporary: string): NodeJS.ProcessEnv {
    return {
      ...process.env,
      HOME: this.#shelf.folder,
      TMPDIR: temporary,
      LAMPLOG_STATE_DIR: this.#shelf.stateDirectory,
      LAMPLOG_ACTOR: "stopped",
    }
  }

  /**
   * Folders for one run, with a project that has a history of its own where one is needed. `mount` is
   * called while they are empty.
   */
  begin({ makes, of }: Task, hasOld: boolean, mount?: (place: Place) => void): Place {
    const name = `run ${this.#count++}`
    const folder = this.#shelf.path(name)
    const place = {
      target: join(folder, "out", "written"),
      project: join(folder, "project"),
      temporary: join(folder, "tmp"),
    }
    mkdirSync(join(folder, "out"), { recursive: true })
    mkdirSync(place.temporary)
    mount?.(place)
    if (hasOld) writeFileSync(place.target, oldBytes)
    if (of === "import" && makes !== true) {
      const replica = this.#shelf.create(`${name}/project/.lamplog`, {
        project: this.files.project,
      })
      write(replica, [put("first"), put("of my own")])
      this.#shelf.close(replica)
    }
    return place
  }

  /** Removes the folders of a run. */
  end({ project }: Place): void {
    rmSync(join(project, ".."), { recursive: true, force: true })
  }

  /** Runs a task as a process; sends it a signal after so long, if any. */
  async run(
    task: Task,
    place: Place,
    flags: ReadonlyArray<string>,
    stop?: { readonly signal: NodeJS.Signals; readonly afterMillis: number },
  ): Promise<Ended> {
    const argv = [commandLine, ...task.words(this.files, place), ...flags, "--json"]
    const start = performance.now()
    const child = spawn(process.execPath, argv, {
      env: this.environment(place.temporary),
      stdio: ["ignore", "pipe", "pipe"],
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    const timer =
      stop === undefined ? undefined : setTimeout(() => child.kill(stop.signal), stop.afterMillis)
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve))
    clearTimeout(timer)
    return { status: code ?? undefined, stdout, stderr, millis: performance.now() - start }
  }

  /** Where a project stands; undefined when there is none. Opening it adds to `faults`. */
  async look(folder: string, faults: Array<string>): Promise<Stand | undefined> {
    const files = join(folder, ".lamplog")
    if (!existsSync(files)) return undefined
    const name = files.slice(this.#shelf.folder.length + 1)
    const replica = this.#shelf.open(name, { busyTimeoutMillis: 0 })
    try {
      if (replica.fence !== undefined) faults.push(`fenced: ${replica.fence}`)
      const errors = verifyReplica(replica).findings.filter(({ severity }) => severity === "error")
      for (const { message, where } of errors) faults.push(`${where}: ${message}`)
      const count = (table: string): number =>
        replica.sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
      const assets = new Assets(files)
      const held = [...assets.list()]
      for (const { sha256 } of held) {
        if (!(await assets.isWhole(sha256))) faults.push(`half an asset: ${sha256}`)
      }
      return { events: count("events"), entities: count("entities"), assets: held.length }
    } finally {
      this.#shelf.close(replica)
    }
  }

  /** What lies under the name of a file that was to be written. */
  async lookAtTarget(
    { name }: Task,
    { target }: Place,
    faults: Array<string>,
  ): Promise<"absent" | "old" | "whole"> {
    if (!existsSync(target)) return "absent"
    const bytes = readFileSync(target)
    if (bytes.equals(Buffer.from(oldBytes))) return "old"
    const problem =
      name === "backup" || name === "export to dtcg"
        ? this.#problemWithOther(name, bytes)
        : await this.#problemWithArchive(target)
    if (problem !== undefined) faults.push(`half a file: ${problem}`)
    return "whole"
  }

  async #problemWithArchive(target: string): Promise<string | undefined> {
    const options = { schemas: builtInSchemas(), keys: { passphrase } }
    const { findings, ok } = await Effect.runPromise(verifyArchive(target, options))
    return ok ? undefined : findings.map(({ message }) => message).join(" ")
  }

  #problemWithOther(name: string, bytes: Buffer): string | undefined {
    if (name === "backup") {
      return bytes.equals(readFileSync(this.files.backup)) ? undefined : "another backup"
    }
    try {
      return Object.keys(JSON.parse(bytes.toString()) as object).length > 0 ? undefined : "empty"
    } catch (error) {
      return (error as Error).message
    }
  }

  remove(): void {
    this.#shelf.remove()
  }
}
