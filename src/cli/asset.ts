/**
 * `asset`: files kept with the project, found again, and swept.
 *
 * Bytes go to a file that is named, or to a stdout that is no terminal; a terminal is told where they
 * lie instead.
 */
import { existsSync } from "node:fs"
import { open, rm } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { existing, publish, temporaryBeside } from "../archive/place.ts"
import { work } from "../archive/work.ts"
import type { LamplogError } from "../event/failure.ts"
import { assetsFromArchive } from "../project/asset-source.ts"
import type { AddedAssets, Asset, AssetContent, NewAsset } from "../project/asset.ts"
import { LastChance } from "../project/last-chance.ts"
import { assetPathOf } from "../store/assets.ts"
import { authorship } from "./authorship.ts"
import { assetsFromRemotes } from "./asset-remotes.ts"
import type { Answer, Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { findProject } from "./folder.ts"
import { keysOf, policyOf } from "./opening.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { writeRows } from "./rows.ts"
import { readRemotes } from "./remotes.ts"
import { withProject, withProjectAndArchives, withProjectIn } from "./session.ts"
import type { ProjectService } from "./session.ts"
import { readSettings } from "./settings.ts"
import { UsageError } from "./usage.ts"

const standardInput = "-"

/** What the flags say of a file that is added. */
const describedBy = (call: Call): Omit<NewAsset, "content"> => {
  const [id, name, mediaType, licence] = ["id", "name", "media-type", "licence"].map((flag) =>
    call.flag(flag),
  )
  const tags = call.flags("tag")
  return {
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(licence === undefined ? {} : { licence }),
    ...(tags.length === 0 ? {} : { tags }),
  }
}

const newAssets = (call: Call): ReadonlyArray<NewAsset> => {
  const files = call.arguments("FILE")
  const described = describedBy(call)
  const single = described.id === undefined ? described.name && "--name" : "--id"
  if (files.length > 1 && single !== undefined) {
    throw new UsageError(
      "one-file-only",
      `${single} names one asset, but ${files.length} files are given.`,
      "Add the files one by one, or leave the names to Lamplog.",
      single,
    )
  }
  if (files.filter((file) => file === standardInput).length > 1) {
    throw new UsageError("stdin-twice", "stdin can be added once.", "Name files.", standardInput)
  }
  return files.map((file) => ({
    ...described,
    content: file === standardInput ? call.terminal.input : pathFrom(call.terminal, file),
  }))
}

const addedText = ({ assets, events, lamport }: AddedAssets, paint: Paint): string => {
  const rows = assets.map(({ bytes, id, mediaType, stored }) => [
    paint.bold(printable(id)),
    printable(mediaType),
    counted(bytes, "byte"),
    stored ? "" : paint.dim("bytes held already"),
  ])
  const written =
    events === 0 ? "Nothing to change.\n" : `${counted(events, "event")} at lamport ${lamport}.\n`
  return `${aligned(rows)}\n${written}`
}

export const add: Run = (call) =>
  Effect.suspend(() => {
    const options = authorship(call)
    const wanted = newAssets(call)
    return withProjectAndArchives(call, (project) =>
      Effect.map(project.addAssets(wanted, options), (added) => ({
        document: added,
        text: () => addedText(added, call.paint),
      })),
    )
  })

/** Writes bytes under a name, whole or not at all. */
const writeFile = (
  path: string,
  stream: AsyncIterable<Uint8Array>,
  force: boolean,
  lastChance: () => void,
): Effect.Effect<void, LamplogError> =>
  work(path, async (signal) => {
    if (!force && existsSync(path)) throw existing(path)
    const temporary = temporaryBeside(path)
    try {
      const file = await open(temporary, "wx", 0o644)
      try {
        for await (const chunk of stream) {
          signal.throwIfAborted()
          await file.appendFile(chunk)
        }
        await file.sync()
      } finally {
        await file.close()
      }
      await publish(temporary, path, force, lastChance)
    } finally {
      await rm(temporary, { force: true })
    }
  })

/** Hands the bytes to whoever reads stdout, or to nobody: either way they are checked. */
const readThrough = (
  call: Call,
  { stream }: AssetContent,
  toOutput: boolean,
): Effect.Effect<void, LamplogError> =>
  Stream.runForEach(
    Stream.fromAsyncIterable(stream, (error) => error as LamplogError),
    (chunk) => (toOutput ? Effect.promise(() => call.terminal.writeBytes(chunk)) : Effect.void),
  )

const contentAnswer = (content: AssetContent, path: string, paint: Paint): Answer => {
  const { asset, bytes, fetchedFrom, sha256 } = content
  const id = asset?.id ?? null
  const rows = [
    ["file", printable(path)],
    ...(asset?.mediaType === undefined ? [] : [["type", printable(asset.mediaType)]]),
    ["bytes", grouped(bytes)],
    ["sha256", sha256],
    ...(asset?.licence === undefined ? [] : [["licence", printable(asset.licence)]]),
    ...(fetchedFrom === undefined ? [] : [["taken from", printable(fetchedFrom)]]),
  ]
  return {
    document: {
      id,
      sha256,
      bytes,
      path,
      ...(asset?.mediaType === undefined ? {} : { mediaType: asset.mediaType }),
      ...(fetchedFrom === undefined ? {} : { fetchedFrom }),
    },
    text: () => `${paint.bold(printable(id ?? sha256))}\n${aligned(rows)}\n`,
  }
}

const sourcesFrom = (call: Call) => {
  const paths = call.flags("from").map((path) => pathFrom(call.terminal, path))
  const policy = policyOf(call, readSettings(findProject(call)))
  return paths.map((path) => {
    const { keys } = keysOf(call, [path])
    return assetsFromArchive(path, { ...policy, ...(keys === undefined ? {} : { keys }) })
  })
}

/** The project, with its remotes to be asked for bytes that are not held. */
const withRemotes = (
  call: Call,
  program: (project: ProjectService) => Effect.Effect<Answer | undefined, LamplogError>,
): Effect.Effect<Answer | undefined, LamplogError> =>
  Effect.suspend(() => {
    const directory = findProject(call)
    let id = ""
    const remotes = readRemotes(directory, call.terminal)
    const assetSources = assetsFromRemotes(remotes, call.terminal, () => id)
    const identified = (project: ProjectService) =>
      Effect.flatMap(project.peer, ({ description }) => {
        id = description.project
        return program(project)
      })
    return withProjectIn(directory, call, identified, { archives: true, assetSources })
  })

export const get: Run = (call) =>
  withRemotes(call, (project) =>
    Effect.gen(function* () {
      const output = call.flag("output")
      const sources = call.has("from") ? sourcesFrom(call) : []
      const content = yield* project.getAsset(call.argument("ID"), { sources })
      if (output !== undefined) {
        const path = pathFrom(call.terminal, output)
        yield* writeFile(path, content.stream, call.has("force"), yield* LastChance)
        return contentAnswer(content, path, call.paint)
      }
      const toOutput = !call.json && !call.terminal.outputIsTerminal
      yield* readThrough(call, content, toOutput)
      if (toOutput) return undefined
      const held = join(findProject(call), assetPathOf(content.sha256))
      return contentAnswer(content, held, call.paint)
    }),
  )

const assetLine = (asset: Asset, paint: Paint): string => {
  const { bytes, id, licence, mediaType, present, sha256 } = asset
  const absent = sha256 === undefined ? "no bytes named" : "bytes absent"
  return [
    paint.bold(printable(id)),
    printable(mediaType ?? "–"),
    bytes === undefined ? "–" : counted(bytes, "byte"),
    ...(licence === undefined ? [] : [printable(licence)]),
    ...(present ? [] : [paint.yellow(absent)]),
  ].join("  ")
}

export const list: Run = (call) =>
  withProject(call, (project) => {
    const missing = call.has("missing")
    const all = project.listAssets()
    return writeRows(call, missing ? Stream.filter(all, ({ present }) => !present) : all, {
      document: (asset) => asset,
      text: (asset) => assetLine(asset, call.paint),
      none: missing ? "No asset is missing its bytes." : "No assets.",
    })
  })

export const sweep: Run = (call) =>
  withProject(call, (project) => {
    const dryRun = call.has("dry-run")
    return Effect.map(project.sweepAssets({ dryRun }), (swept) => ({
      document: swept,
      text: () => {
        const done = dryRun ? "Would remove" : "Removed"
        const what = counted(swept.removed, "file that no asset names", "files that no asset names")
        return `${done} ${what} (${counted(swept.bytes, "byte")}); ${counted(swept.kept, "file")} in use.\n`
      },
    }))
  })
