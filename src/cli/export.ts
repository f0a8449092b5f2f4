/**
 * `export`: an archive of everything, of what came since or of some entities, or a DTCG token file.
 */
import * as Effect from "effect/Effect"
import type { LamplogError } from "../event/failure.ts"
import type { ExportOptions, ExportSelection } from "../project/export-options.ts"
import type { ExportSummary } from "../project/project.ts"
import type { Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { attempt, bytesOfFile, linesFrom } from "./input.ts"
import { passphraseFromFile } from "./key-files.ts"
import { keysOf } from "./opening.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProjectAndFiles } from "./session.ts"
import { UsageError } from "./usage.ts"
import { userKeys } from "./user-keys.ts"
import { assignmentFromText, entityFromText } from "./words.ts"

/** Open references told one by one, at most: `--json` has them all. */
const openTextMax = 5

/** Names that were given, checked: `TYPE/ID`. */
const entityName = (text: string): string => {
  const { type, id } = entityFromText(text)
  return `${type}/${id}`
}

/** The names in a file, one on each line. */
const namesFromFile = async (call: Call, name: string): Promise<ReadonlyArray<string>> => {
  const names: Array<string> = []
  for await (const lines of linesFrom(bytesOfFile(pathFrom(call.terminal, name)), name)) {
    for (const { text } of lines) names.push(entityName(text.trimEnd()))
  }
  return names
}

const selectionOf = async (call: Call): Promise<ExportSelection> => {
  const given = (name: string): ReadonlyArray<string> | undefined =>
    call.has(name) ? call.flags(name) : undefined
  const file = call.flag("ids-from")
  const listed = file === undefined ? undefined : await namesFromFile(call, file)
  const named = given("id")?.map(entityName)
  return {
    types: given("type"),
    groups: given("group"),
    tags: given("tag"),
    where: given("where")?.map(assignmentFromText),
    entities:
      named === undefined && listed === undefined
        ? undefined
        : [...(named ?? []), ...(listed ?? [])],
    open: call.has("open"),
  }
}

/** Which bytes of assets travel along. */
const assetsOf = (call: Call): NonNullable<ExportOptions["assets"]> => {
  if (!call.has("no-assets")) return call.has("all-assets") ? "all" : "named"
  if (!call.has("all-assets")) return "none"
  throw new UsageError(
    "flags-contrary",
    "--all-assets and --no-assets say the contrary.",
    "Leave one of them out.",
    "--no-assets",
  )
}

const optionsOf = (call: Call): Effect.Effect<ExportOptions, LamplogError> =>
  attempt(async () => {
    const named = call.flag("since")
    const since = named === undefined ? undefined : pathFrom(call.terminal, named)
    const passphraseFile = call.flag("passphrase-file")
    return {
      format: call.flag("format") ?? "lamplog",
      force: call.has("force"),
      assets: assetsOf(call),
      select: await selectionOf(call),
      ...(since === undefined ? {} : { since, ...keysOf(call, [since]) }),
      ...(call.has("encrypt-to") ? { encryptTo: call.flags("encrypt-to") } : {}),
      ...(passphraseFile === undefined
        ? {}
        : { passphrase: passphraseFromFile(call, passphraseFile) }),
      ...(call.has("sign") ? { sign: userKeys(call).signingKeyOrNew() } : {}),
    }
  })

const alongText = ({ takenAlong }: ExportSummary): ReadonlyArray<ReadonlyArray<string>> =>
  takenAlong.map(({ count, referredBy, type }, index) => [
    index === 0 ? "taken along" : "",
    `${printable(type)} ${grouped(count)}, as ${printable(referredBy)} refers to ${count === 1 ? "it" : "them"}`,
  ])

const assetsText = ({ assetsMissing }: ExportSummary, paint: Paint): string =>
  assetsMissing === 0
    ? ""
    : `${paint.yellow("warning")}  ${counted(assetsMissing, "asset")} without bytes: absent or damaged here (lamplog verify)\n`

const openText = ({ openReferences }: ExportSummary, paint: Paint): string => {
  if (openReferences.length === 0) return ""
  const told = openReferences
    .slice(0, openTextMax)
    .map(
      ({ from, field, to }) =>
        `  ${printable(from)} ${paint.dim(printable(field))} → ${printable(to)}\n`,
    )
  const rest = openReferences.length - told.length
  return (
    `${paint.yellow("Points beyond what was written:")} ${counted(openReferences.length, "reference")}\n` +
    told.join("") +
    (rest > 0 ? paint.dim(`  and ${grouped(rest)} more (--json)\n`) : "")
  )
}

/** What the file proves, and what it does not. */
const trustText = ({ contents, encrypted, signedBy }: ExportSummary, paint: Paint): string => {
  if (contents === "values" || signedBy !== undefined) return ""
  return paint.dim(
    encrypted
      ? "Encryption does not prove who sent it; --sign does.\n"
      : "Not signed: its hash stops accidents, not forgers.\n",
  )
}

const summaryText = (summary: ExportSummary, paint: Paint): string => {
  const { contents, encrypted, events, exportHash, fileSize, itemCounts, signedBy, warnings } =
    summary
  const items = Object.entries(itemCounts).map(
    ([type, count]) => `${printable(type)} ${grouped(count)}`,
  )
  const rows = [
    ["bytes", grouped(fileSize)],
    ...(contents === "incremental" ? [["events", grouped(events)]] : []),
    ["entities", items.length === 0 ? "none" : items.join(", ")],
    ...alongText(summary),
    ...(exportHash === undefined ? [] : [["hash", exportHash]]),
    ...(signedBy === undefined
      ? []
      : [["signed by", `${printable(signedBy.name)} ${signedBy.keyId}`]]),
    ...(encrypted ? [["encrypted", "with age"]] : []),
  ]
  const near = warnings.map(({ message }) => `${paint.yellow("warning")}  ${printable(message)}\n`)
  const heading = `Wrote ${printable(summary.archivePath)}.\n${aligned(rows)}\n`
  return (
    heading +
    openText(summary, paint) +
    assetsText(summary, paint) +
    near.join("") +
    trustText(summary, paint)
  )
}

export const exportProject: Run = (call) =>
  Effect.flatMap(optionsOf(call), (options) =>
    withProjectAndFiles(call, (project) =>
      Effect.map(
        project.exportProject(pathFrom(call.terminal, call.argument("FILE")), options),
        (summary) => ({ document: summary, text: () => summaryText(summary, call.paint) }),
      ),
    ),
  )
