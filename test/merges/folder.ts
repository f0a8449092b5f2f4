/**
 * Replays a folder of recorded three-way merges: `node test/merges/folder.ts FOLDER`.
 *
 * Each JSON file holds `tokens`: a map from token name to `{base, ours, theirs}`, each the authored
 * token (with the name of its `file`) or absent. Prints, for each, the tokens that both sides may
 * have changed, those that must conflict and those that do; exits 1 when a merge is not as it must be.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { JsonObject } from "../../src/event/canonical.ts"
import type { Authored, ThreeWay } from "./expectation.ts"
import { replay } from "./replay.ts"

interface Recorded {
  readonly tokens: {
    readonly [name: string]: { readonly [side: string]: JsonObject | null | undefined }
  }
}

/** The file a token stood in is no part of it. */
const authored = (token: JsonObject | null | undefined): Authored => {
  if (token === null || token === undefined) return undefined
  const { file: _file, ...rest } = token
  return rest
}

const folder = process.argv[2]
if (folder === undefined) {
  process.stderr.write("usage: node test/merges/folder.ts FOLDER\n")
  process.exit(2)
}
let failed = false
for (const name of readdirSync(folder)
  .filter((file) => /^\d.*\.json$/.test(file))
  .sort()) {
  const recorded = JSON.parse(readFileSync(join(folder, name), "utf8")) as Recorded
  const tokens: ReadonlyArray<ThreeWay> = Object.entries(recorded.tokens).map(([token, sides]) => ({
    name: token,
    base: authored(sides.base),
    ours: authored(sides.ours),
    theirs: authored(sides.theirs),
  }))
  const outcome = await replay(tokens)
  const { faults, ...figures } = outcome
  process.stdout.write(`${name} ${JSON.stringify(figures)}\n`)
  for (const fault of faults) process.stdout.write(`  ${fault}\n`)
  if (faults.length > 0) failed = true
}
process.exit(failed ? 1 : 0)
