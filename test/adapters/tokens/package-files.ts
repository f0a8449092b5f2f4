/**
 * Real token files, from pinned development dependencies: nothing of them lives in this repository.
 */
import { globSync, readFileSync } from "node:fs"
import { join, sep } from "node:path"
import type { TokenFile } from "../../../adapters/tokens/index.ts"

const modules = join(import.meta.dirname, "../../../node_modules")

/** The files of a package that match, with paths below `folder`. */
export const packageFiles = (
  name: string,
  folder: string,
  pattern: string,
): ReadonlyArray<TokenFile> => {
  const cwd = join(modules, name, folder)
  return globSync(pattern, { cwd })
    .map((path) => path.split(sep).join("/"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(cwd, path), "utf8") }))
}

/** Versions of Spectrum's tokens, oldest first. */
export const spectrumVersions: ReadonlyArray<string> = [
  "12-22-1",
  "12-23-3",
  "13-0-0-beta-46",
  "14-0-0",
  "14-3-0",
  "14-6-0",
  "14-15-0",
  "15-4-1",
]

export const spectrumFiles = (version: string): ReadonlyArray<TokenFile> =>
  packageFiles(`spectrum-tokens-${version}`, "src", "*.json")

export const primerFiles = (): ReadonlyArray<TokenFile> =>
  packageFiles("primer-primitives-11-10-0", "src/tokens", "**/*.{json,json5}")

/** A community set of DTCG 2025.10 files, without or with its resolver. */
export const exampleFiles = (system: string, resolver: boolean): ReadonlyArray<TokenFile> => [
  ...packageFiles("dtcg-examples", ".", `${system}/**/*.tokens.json`),
  ...(resolver ? packageFiles("dtcg-examples", ".", `${system}.resolver.json`) : []),
]

/** One file, written in place. */
export const file = (content: unknown, path = "a.tokens.json"): TokenFile => ({
  path,
  text: typeof content === "string" ? content : JSON.stringify(content),
})
