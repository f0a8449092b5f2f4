/**
 * Foreign files that travel in a zip: its members as texts, behind the same gate as archives.
 *
 * Names of members are only shown and compared, never used as paths. Nothing is unpacked before the
 * directory has said how much it will be.
 */
import { open } from "node:fs/promises"
import type { ZipFile } from "yauzl"
import { archiveFormat, manifestPath } from "../archive/archive.ts"
import { LimitCheck } from "../archive/limits.ts"
import type { ArchiveLimits } from "../archive/limits.ts"
import { refuse, shown } from "../archive/refuse.ts"
import { contentOf, openZip } from "../archive/zip.ts"
import type { ZipMember } from "../archive/zip.ts"
import { LamplogError } from "../event/failure.ts"
import { foreignBytesMax, foreignFileName } from "./foreign.ts"
import type { ForeignSource } from "./foreign.ts"
import type { ForeignFile, ForeignFormat } from "./format.ts"

/** Members that may be foreign files; what is hidden belongs to the program that made the zip. */
const isText = ({ name }: ZipMember): boolean =>
  foreignFileName.test(name) && !/(^|\/)(\.|__MACOSX\/)/.test(name)

const bytesOf = async (zip: ZipFile, member: ZipMember): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of contentOf(zip, member)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const fileFrom = async (zip: ZipFile, member: ZipMember, path: string): Promise<ForeignFile> => {
  const bytes = await bytesOf(zip, member)
  const where = `${path}/${Buffer.from(member.name, "latin1").toString("utf8")}`
  try {
    return { path: where, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) }
  } catch {
    const name = shown(member.name)
    const remedy = "Export it again, in UTF-8."
    throw refuse("structure", "not-text", `${path}: ${name} is not UTF-8 text.`, where, remedy)
  }
}

/** Whether a manifest says that the zip is an archive of ours. */
const isArchive = (manifest: ForeignFile | undefined): boolean => {
  if (manifest === undefined) return false
  try {
    const root = JSON.parse(manifest.text) as { readonly format?: unknown } | null
    return root?.format === archiveFormat
  } catch {
    return false
  }
}

const tooLarge = (path: string) =>
  refuse(
    "structure",
    "files-too-large",
    `The files in ${path} are larger than ${foreignBytesMax} bytes together.`,
    path,
    "Import them in parts.",
  )

/** Reads the members; undefined for a zip that none of the formats knows. */
const sourceIn = async (
  zip: ZipFile,
  members: ReadonlyArray<ZipMember>,
  path: string,
  formats: ReadonlyArray<ForeignFormat>,
  chosen: boolean,
): Promise<ForeignSource | undefined> => {
  const texts = members.filter(isText)
  const bytes = texts.reduce((sum, { size }) => sum + size, 0)
  const manifest = texts.find(({ name }) => name === manifestPath)
  const fits = manifest !== undefined && manifest.size <= foreignBytesMax
  const manifestFile = fits ? await fileFrom(zip, manifest, path) : undefined
  if (!chosen && isArchive(manifestFile)) return undefined
  const named = manifestFile && formats.find((format) => format.detect(manifestFile))
  if (bytes > foreignBytesMax) {
    if (named === undefined && !chosen) return undefined
    throw tooLarge(path)
  }
  const files: Array<ForeignFile> = []
  for (const member of texts) files.push(await fileFrom(zip, member, path))
  const format = chosen
    ? formats[0]
    : (named ?? formats.find((known) => files.some((file) => known.detect(file))))
  return format === undefined ? undefined : { format, files }
}

/**
 * A zip as the files of one of `formats`; undefined when it is none of them: an archive, or what
 * whoever opens archives refuses. `chosen`: the user has named the one format.
 */
export const zippedSource = async (
  path: string,
  formats: ReadonlyArray<ForeignFormat>,
  limits: ArchiveLimits,
  chosen: boolean,
): Promise<ForeignSource | undefined> => {
  if (formats.length === 0) return undefined
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    const check = new LimitCheck(limits)
    const { zip, members } = await openZip(file.fd, size, check)
    return await sourceIn(zip, members, path.replaceAll("\\", "/"), formats, chosen)
  } catch (error) {
    // What is wrong with the zip itself is told by whoever opens archives.
    if (error instanceof LamplogError && error.stage !== "archive") throw error
    return undefined
  } finally {
    await file.close()
  }
}
