/**
 * DTCG resolver documents: an ordered overlay of token sets, chosen by modifiers.
 *
 * A set holds for the default mode, a context `dark` of a modifier `theme` for the mode `theme/dark`.
 * Sources are other files of the same import, found by relative path, or tokens written in place.
 * What the resolution order leaves out is kept all the same, under everything else, and reported.
 */
import { compareText, defaultMode, forbiddenKeys, isObject, TokenFileError } from "./model.ts"
import type { ForeignEntity, Json, JsonObject } from "./model.ts"
import { modeFromPath } from "./path.ts"
import type { Problems } from "./problems.ts"
import { themeOfResolver, themesOfModifier } from "./themes.ts"
import type { Entry } from "./themes.ts"

/** Tokens that hold for one mode; of two for the same mode, the later one wins. */
export interface Overlay {
  readonly mode: string
  /** The file the tokens come from: the resolver itself for tokens written in place. */
  readonly file: string
  readonly root: JsonObject
}

export interface Resolution {
  readonly overlays: ReadonlyArray<Overlay>
  readonly themes: ReadonlyArray<ForeignEntity>
  /** The modes of each modifier. */
  readonly modifiers: ReadonlyArray<ReadonlyArray<string>>
  readonly filesUsed: ReadonlySet<string>
}

/** Sources that a resolver may name, counting every time one is named. */
const sourcesMax = 10_000

/** `./a/../b.json` beside `x/y.json` is `x/b.json`. */
const joinedPath = (beside: string, reference: string): string => {
  const parts = reference.startsWith("/") ? [] : beside.split("/").slice(0, -1)
  for (const part of reference.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop()
    else if (part !== "." && (part !== "" || parts.length === 0)) parts.push(part)
  }
  return parts.join("/")
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export class Resolver {
  readonly #path: string
  readonly #root: JsonObject
  readonly #files: ReadonlyMap<string, Json>
  readonly #problems: Problems
  readonly #overlays: Array<Overlay> = []
  readonly #filesUsed = new Set<string>()
  #sourcesNamed = 0

  /** `files` are the other files of the import, parsed, by path. */
  constructor(
    path: string,
    root: JsonObject,
    files: ReadonlyMap<string, Json>,
    problems: Problems,
  ) {
    this.#path = path
    this.#root = root
    this.#files = files
    this.#problems = problems
  }

  resolve(): Resolution {
    const entries = this.#entries()
    const themes: Array<ForeignEntity> = [themeOfResolver(this.#root, entries)]
    const modifiers: Array<ReadonlyArray<string>> = []
    for (const [order, entry] of entries.entries()) {
      if (entry.kind === "set") this.#sources(entry.body.sources, defaultMode)
      else {
        const contexts = this.#contexts(entry)
        modifiers.push(contexts.map((context) => modeFromPath([entry.name, context])))
        themes.push(...themesOfModifier(entry, contexts, order))
      }
    }
    return { overlays: this.#overlays, themes, modifiers, filesUsed: this.#filesUsed }
  }

  #problem(severity: "error" | "warning", code: string, message: string): void {
    this.#problems.add({ severity, stage: "referential", code, message, where: this.#path })
  }

  /** What the resolution order leaves out comes first, where everything else overrides it. */
  #entries(): ReadonlyArray<Entry> {
    const order = this.#root.resolutionOrder
    if (!Array.isArray(order)) {
      throw new TokenFileError({
        code: "resolver-invalid",
        message: "the resolver has no list resolutionOrder",
        where: this.#path,
        remedy: 'add "resolutionOrder": [{"$ref": "#/sets/…"}, {"$ref": "#/modifiers/…"}]',
      })
    }
    const listed: Array<Entry> = []
    for (const [index, item] of (order as ReadonlyArray<Json>).entries()) {
      const entry = this.#entryFrom(item)
      if (entry !== undefined) listed.push(entry)
      else this.#problem("error", "order-invalid", `resolutionOrder/${index} is no set or modifier`)
    }
    const unlisted: Array<Entry> = []
    for (const [place, kind] of [["sets", "set"] as const, ["modifiers", "modifier"] as const]) {
      const bodies = this.#root[place]
      for (const [name, body] of Object.entries(isObject(bodies) ? bodies : {})) {
        if (!isObject(body) || listed.some((one) => one.kind === kind && one.name === name))
          continue
        unlisted.push({ kind, name, body })
        this.#problem("warning", "order-incomplete", `${place}/${name} is not in resolutionOrder`)
      }
    }
    return [...unlisted, ...listed]
  }

  #entryFrom(item: Json): Entry | undefined {
    if (!isObject(item)) return undefined
    if (typeof item.$ref === "string") {
      const [, place, name] = /^#\/(sets|modifiers)\/([^/]+)$/.exec(item.$ref) ?? []
      const body = this.#pointed(this.#root, item.$ref.slice(1))
      if (name === undefined || !isObject(body)) return undefined
      const kind = place === "sets" ? "set" : "modifier"
      return { kind, name: unescaped(name), body }
    }
    const { name, type } = item
    if (typeof name !== "string" || forbiddenKeys.has(name)) return undefined
    if (type !== "set" && type !== "modifier") return undefined
    return { kind: type, name, body: item }
  }

  #pointed(root: Json, pointer: string): Json | undefined {
    let at: Json | undefined = root
    for (const step of pointer.split("/").slice(1).map(unescaped)) {
      if (!isObject(at) || !Object.hasOwn(at, step)) return undefined
      at = at[step]
    }
    return at
  }

  #sources(sources: Json | undefined, mode: string, inside: ReadonlySet<Json> = new Set()): void {
    if (!Array.isArray(sources) || inside.has(sources)) {
      const message = Array.isArray(sources) ? "name themselves" : "are no list"
      this.#problem("error", "source-invalid", `the sources of ${mode} ${message}`)
      return
    }
    for (const source of sources as ReadonlyArray<Json>) {
      this.#countSource()
      if (!isObject(source)) {
        this.#problem("error", "source-invalid", `a source of ${mode} is no object`)
      } else if (typeof source.$ref === "string") {
        this.#reference(source.$ref, mode, new Set([...inside, sources as Json]))
        const { $ref: _ref, ...tokens } = source
        if (Object.keys(tokens).length > 0) this.#overlay(mode, this.#path, tokens)
      } else {
        this.#overlay(mode, this.#path, source)
      }
    }
  }

  #overlay(mode: string, file: string, root: JsonObject): void {
    this.#overlays.push({ mode, file, root })
  }

  #countSource(): void {
    if (++this.#sourcesNamed <= sourcesMax) return
    throw new TokenFileError({
      code: "sources-many",
      message: `the resolver names more than ${sourcesMax} sources`,
      where: this.#path,
      remedy: "look for sets that name each other again and again",
    })
  }

  #reference(reference: string, mode: string, inside: ReadonlySet<Json>): void {
    const [name = "", pointer = ""] = reference.split("#")
    const file = name === "" ? this.#path : this.#fileNamed(name)
    const root = file === this.#path ? this.#root : this.#files.get(file ?? "")
    const tokens = root === undefined ? undefined : this.#pointed(root, pointer)
    if (file === undefined || !isObject(tokens)) {
      const who = mode === defaultMode ? "a set" : `the mode ${mode}`
      const message = `${who} names ${reference}, which is not among the files of this import`
      this.#problem("error", "source-missing", message)
      return
    }
    this.#filesUsed.add(file)
    if (Array.isArray(tokens.sources)) this.#sources(tokens.sources, mode, inside)
    else this.#overlay(mode, file, tokens)
  }

  /** By relative path; else, if only one file could be meant, by the end of its path. */
  #fileNamed(reference: string): string | undefined {
    const names = [...new Set([reference, decoded(reference)])]
    for (const name of names) {
      const path = joinedPath(this.#path, name)
      if (this.#files.has(path)) return path
      const exact = [...this.#files.keys()].filter((file) => joinedPath("", file) === path)
      if (exact.length === 1) return exact[0]
    }
    const ends = names.map((name) => `/${name.replace(/^(\.{0,2}\/)+/, "")}`)
    const found = [...this.#files.keys()].filter((file) =>
      ends.some((end) => `/${file}`.endsWith(end)),
    )
    return found.length === 1 ? found[0] : undefined
  }

  #contexts(entry: Entry): ReadonlyArray<string> {
    const contexts = isObject(entry.body.contexts) ? entry.body.contexts : {}
    const names = Object.keys(contexts)
    if (names.length < 2) {
      const severity = names.length === 0 ? "error" : "warning"
      const message = `the modifier ${entry.name} has ${names.length} contexts, and needs at least 2`
      this.#problem(severity, "contexts-missing", message)
    }
    for (const name of names) this.#sources(contexts[name], modeFromPath([entry.name, name]))
    const { default: chosen } = entry.body
    if (chosen !== undefined && !names.includes(chosen as string)) {
      const message = `the default ${JSON.stringify(chosen)} of ${entry.name} is none of its contexts`
      this.#problem("error", "default-unknown", message)
    }
    return names
  }
}

const unescaped = (step: string): string =>
  decoded(step).replaceAll("~1", "/").replaceAll("~0", "~")

/** The one resolver among these paths; more than one cannot be resolved together. */
export const onlyResolver = (paths: ReadonlyArray<string>): string | undefined => {
  if (paths.length <= 1) return paths[0]
  throw new TokenFileError({
    code: "resolvers-many",
    message: `${paths.length} resolver documents in one import`,
    where: [...paths].sort(compareText)[1]!,
    remedy: "import one resolver, with the files it names, at a time",
  })
}
