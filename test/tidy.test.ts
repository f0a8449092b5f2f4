/**
 * The rules of the house, as tests.
 *
 * A rule is one row: what every file does, which files it is about, how a breach looks, and a sample
 * of such a breach. The sample is tested too, so that no rule is green because it cannot fail.
 * Import arrows between chapters and the length of functions are held by .oxlintrc.json.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, sep } from "node:path"
import { describe, expect, it } from "vitest"

interface Source {
  readonly path: string
  readonly text: string
}

interface Rule {
  readonly every: string
  readonly files: ReadonlyArray<Source>
  readonly broken: (source: Source) => boolean
  readonly breach: Source
}

const root = join(import.meta.dirname, "..")

const found = (pattern: string): ReadonlyArray<Source> =>
  globSync(pattern, { cwd: root, exclude: (name) => name === "node_modules" })
    .map((path) => path.split(sep).join("/"))
    .filter((path) => !path.endsWith(".d.ts"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))

/** The text without comments that begin a line or follow a space, so that prose may name a call. */
const code = (text: string): string =>
  text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/(^|\s)\/\/.*$/gm, "")

const lines = (text: string): number => text.trimEnd().split("\n").length
const linesOf = (count: number): string => "/** Long. */\n" + "let x\n".repeat(count)
const drawers = "(util|utilitie|helper|common|misc|shared|core)s?"

const sources = found("{src,adapters}/**/*.ts")
const publicList = found("src/index.ts")
const tests = found("test/**/*.ts")
const everything = [...sources, ...tests, ...found("bench/**/*.ts")]

const rules: ReadonlyArray<Rule> = [
  {
    every: "source opens with a comment that says what the file is for",
    files: everything,
    broken: ({ text }) => !/^(#!.*\n)?\/\*\*/.test(text),
    breach: { path: "src/log/log.ts", text: 'import x from "x"\n/** Too late. */' },
  },
  {
    every: "source is at most 400 lines long",
    files: sources,
    broken: ({ text }) => lines(text) > 400,
    breach: { path: "src/log/log.ts", text: linesOf(400) },
  },
  {
    every: "source is named after a thing, not a drawer",
    files: everything,
    broken: ({ path }) => new RegExp(`(^|[/.-])${drawers}(/|\\.(test\\.)?ts$)`).test(path),
    breach: { path: "src/log/helpers.ts", text: "" },
  },
  {
    every: "source lies two levels deep at most",
    files: sources,
    broken: ({ path }) => path.split("/").length > 3,
    breach: { path: "src/log/chain/link.ts", text: "" },
  },
  {
    every: "source asks src/project/clock.ts for the time",
    files: sources,
    broken: ({ path, text }) =>
      /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\)/.test(code(text)) &&
      path !== "src/project/clock.ts",
    breach: { path: "src/log/log.ts", text: "const at = Date.now()" },
  },
  {
    every: "source leaves running Effects to promise.ts and cli/main.ts",
    files: sources,
    broken: ({ path, text }) =>
      /\bEffect\.run[A-Z]|\bManagedRuntime\.make\b/.test(code(text)) &&
      !/^src\/(promise|cli\/main)\.ts$/.test(path),
    breach: { path: "src/log/log.ts", text: "Effect.runSync(program)" },
  },
  {
    every: "source outside src/cli prints nothing",
    files: sources,
    broken: ({ path, text }) =>
      /\bconsole\.\w|\bprocess\.std(out|err)\b/.test(code(text)) && !path.startsWith("src/cli/"),
    breach: { path: "src/log/log.ts", text: 'console.log("here")' },
  },
  {
    every: "source and test disposes without the keyword that Node 22 cannot read",
    files: everything,
    broken: ({ text }) => /^\s*(await )?using \w+ =/m.test(code(text)),
    breach: { path: "src/log/log.ts", text: "  using file = open()" },
  },
  {
    every: "source and test is finished",
    files: everything,
    broken: ({ path, text }) => /\b(TODO|FIXME|XXX)\b/.test(text) && path !== "test/tidy.test.ts",
    breach: { path: "src/log/log.ts", text: "// TODO: later" },
  },
  {
    every: "test runs: none is set aside, none is favoured",
    files: tests,
    broken: ({ text }) =>
      /\b(it|test|describe|layer|suite)(\.\w+)*\.(skip|only|todo|fails)\b/.test(text),
    breach: { path: "test/log/chain.test.ts", text: `it.effect${"."}skip("x", run)` },
  },
  {
    every: "public list is at most 60 lines long",
    files: publicList,
    broken: ({ text }) => lines(text) > 60,
    breach: { path: "src/index.ts", text: linesOf(60) },
  },
  {
    every: "public list only names what others define",
    files: publicList,
    broken: ({ text }) =>
      /\bexport \*|^\s*(export )?(const|let|function|class|interface|type \w+ =)/m.test(code(text)),
    breach: { path: "src/index.ts", text: 'export * from "./log/log.ts"' },
  },
  {
    every: "architecture page is under 300 lines",
    files: found("ARCHITECTURE.md"),
    broken: ({ text }) => lines(text) >= 300,
    breach: { path: "ARCHITECTURE.md", text: linesOf(300) },
  },
]

describe("tidy", () => {
  for (const { every, files, broken, breach } of rules) {
    it(`every ${every}`, () => {
      expect(files, "found no file to check").not.toHaveLength(0)
      expect(files.filter(broken).map(({ path }) => path)).toEqual([])
      expect(broken(breach), "the sample breach must be noticed").toBe(true)
    })
  }
})

/** The files one file loads by a relative path, types included. */
const loadedBy = ({ path, text }: Source): ReadonlyArray<string> =>
  [...code(text).matchAll(/(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*"(\.[^"]+)"/g)].map(
    (match) =>
      normalize(join(dirname(path), match[1] ?? ""))
        .split(sep)
        .join("/"),
  )

/** The files that no chain of imports reaches from the given entry points. */
const unreached = (
  files: ReadonlyArray<Source>,
  entries: ReadonlyArray<string>,
): ReadonlyArray<string> => {
  const byPath = new Map(files.map((source) => [source.path, source]))
  const reached = new Set(entries)
  for (const path of reached) {
    const source = byPath.get(path)
    if (source !== undefined) for (const next of loadedBy(source)) reached.add(next)
  }
  return files.map(({ path }) => path).filter((path) => !reached.has(path))
}

/** What package.json promises to the world: `dist/src/x.js` is built from `src/x.ts`. */
const entryPoints = (): ReadonlyArray<string> => {
  const { bin, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly bin: Record<string, string>
    readonly exports: Record<string, string | { readonly default: string }>
  }
  return [...Object.values(bin), ...Object.values(exports)]
    .map((target) => (typeof target === "string" ? target : target.default))
    .filter((target) => target.endsWith(".js"))
    .map((target) => target.replace(/^(\.\/)?dist\//, "").replace(/\.js$/, ".ts"))
}

interface Locked {
  readonly resolved?: string
  readonly optionalDependencies?: Record<string, string>
}

describe("package-lock.json", () => {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Record<string, Locked>
  }

  it("names no registry, so that everyone installs from their own", () => {
    expect(Object.values(lock.packages).filter(({ resolved }) => resolved !== undefined)).toEqual(
      [],
    )
  })

  it("lists the packages for every platform, or npm ci refuses it", () => {
    const listed = new Set(
      Object.keys(lock.packages).map((path) => path.split("node_modules/").at(-1)),
    )
    const asked = Object.values(lock.packages).flatMap(({ optionalDependencies }) =>
      Object.keys(optionalDependencies ?? {}),
    )
    expect(asked).not.toHaveLength(0)
    expect(asked.filter((name) => !listed.has(name))).toEqual([])
  })
})

describe("entry points", () => {
  it("all exist", () => {
    const missing = entryPoints().filter((entry) => sources.every(({ path }) => path !== entry))
    expect(entryPoints()).not.toHaveLength(0)
    expect(missing).toEqual([])
  })

  it("reach every file, so none is dead", () => {
    expect(sources).not.toHaveLength(0)
    expect(unreached(sources, entryPoints())).toEqual([])
  })

  it("do not reach a file that nothing imports", () => {
    const entry = { path: "src/index.ts", text: 'export { a } from "./log/log.ts"' }
    const files = [entry, { path: "src/log/log.ts", text: "" }, { path: "src/log/x.ts", text: "" }]
    expect(unreached(files, ["src/index.ts"])).toEqual(["src/log/x.ts"])
  })
})
