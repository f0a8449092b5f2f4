/**
 * Projects in temporary folders, taken away when the test ends, and small files to import.
 */
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { onTestFinished } from "vitest"
import { cloneProject, initProject } from "../../src/index.ts"
import type { ForeignFormat, JsonObject, OpenProject, ProjectOptions } from "../../src/index.ts"

/** A folder of this test's own. */
export const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-project-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface List {
  readonly list: "of things"
  readonly types: ReadonlyArray<string>
  readonly things: { readonly [name: string]: JsonObject }
}

const isList = (text: string): boolean => text.startsWith('{"list":"of things"')

/** A format so small that a test can be read without knowing it: names to fields. */
export const lists: ForeignFormat = {
  name: "list",
  detect: ({ text }) => isList(text),
  read: (files) => {
    const found: Array<List> = files.map(({ path, text }) => {
      if (isList(text)) return JSON.parse(text) as List
      throw Object.assign(new Error(`${path} is no list of things`), {
        code: "not-a-list",
        remedy: "Give a list.",
        where: path,
        stage: "schema",
      })
    })
    return {
      format: "list",
      problems: [],
      scope: [...new Set(found.flatMap(({ types }) => types))],
      entities: found.flatMap(({ things }) =>
        Object.entries(things).map(([name, fields]) => {
          const slash = name.indexOf("/")
          return { type: name.slice(0, slash), id: name.slice(slash + 1), fields }
        }),
      ),
    }
  },
}

export const listText = (things: List["things"], types = ["token"]): string =>
  JSON.stringify({ list: "of things", types, things })

export class Workshop {
  readonly folder = makeFolder()

  get options(): Omit<ProjectOptions, "directory"> {
    return { stateDirectory: join(this.folder, "state"), formats: [lists] }
  }

  at(name: string): string {
    return join(this.folder, name)
  }

  /** Writes a file, and gives its path. */
  file(name: string, text: string): string {
    const path = this.at(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  /** A new project, closed when the test ends. */
  async project(name = "a", options: Partial<ProjectOptions> = {}): Promise<OpenProject> {
    const project = await initProject({ ...this.options, ...options, directory: this.at(name) })
    onTestFinished(() => project.close())
    return project
  }

  /** Another replica of a project, by way of an archive. */
  async replicaOf(
    project: OpenProject,
    name = "b",
    options: Partial<ProjectOptions> = {},
  ): Promise<OpenProject> {
    const path = this.at(`for-${name}.lamplog`)
    await project.exportProject(path, { force: true })
    const directory = this.at(name)
    const clone = await cloneProject(path, { ...this.options, ...options, directory })
    onTestFinished(() => clone.close())
    return clone
  }

  /** Everything of a project that could change: state, log, keys, and the bytes of its database. */
  async traceOf(project: OpenProject, name = "a") {
    const status = await project.status()
    const log = await Array.fromAsync(project.log())
    const files = this.at(`${name}/.lamplog`)
    const database = createHash("sha256").update(readFileSync(join(files, "project.db")))
    return { status, log, keys: readdirSync(join(files, "keys")), bytes: database.digest("hex") }
  }

  /** Gives one replica everything that another holds. */
  async carry(from: OpenProject, to: OpenProject) {
    const path = this.at("carried.lamplog")
    await from.exportProject(path, { force: true })
    return to.mergeProject(path)
  }
}

export const ana = { actor: "ana" }
export const bo = { actor: "bo" }

export const put = (name: string, fields: JsonObject) => {
  const slash = name.indexOf("/")
  return { op: "put" as const, type: name.slice(0, slash), id: name.slice(slash + 1), fields }
}

export const patch = (name: string, fields: JsonObject, unset: ReadonlyArray<string> = []) => ({
  ...put(name, fields),
  op: "patch" as const,
  unset,
})

export const remove = (name: string) => {
  const { type, id } = put(name, {})
  return { op: "delete" as const, type, id }
}

export const collect = <A>(items: AsyncIterable<A>): Promise<Array<A>> => Array.fromAsync(items)

/** The code of the failure that a promise ends in; "none" when it does not fail. */
export const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
    return "none"
  } catch (error) {
    return (error as { readonly code?: unknown }).code ?? error
  }
}
