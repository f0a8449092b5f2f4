/**
 * Foreign files that travel in a zip: its members as texts, behind the same gate as archives.
 *
 * Names of members, which the gate leaves plain, are shown and compared, never used as paths. Nothing
 * is unpacked before the directory has said how much it will be.
 */
import { open } from "node:fs/promises"
import type { ZipFile } from "yauzl"
import { archiveFormat, manifestPath } from "../archive/archive.ts"
import { LimitCheck } from "../archive/limits.ts"
import type { ArchiveLimits } from "../archive/limits.ts"
import { refuse } from "../archive/refuse.ts"
import { contentOf, openZip } from "../archive/zip.ts"
import type { ZipMember } from "../archive/zip.ts"
import { LamplogError } from "../event/failure.ts"
import { foreignBytesMax, foreignFileName } from "./foreign.ts"
import type { ForeignSource } from "./foreign.ts"
import type { ForeignFile, ForeignFormat } from "./format.ts"

const isText = ({ name }: ZipMember): boolean => foreignFileName.test(name)

const bytesOf = async (zip: ZipFile, member: ZipMember): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of contentOf(zip, member)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const fileFrom = async (zip: ZipFile, member: ZipMember, path: string): Promise<ForeignFile> => {
  const bytes = await bytesOf(zip, member)
  const where = `${path}/${member.name}`
  try {
    return { path: where, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) }
  } catch {
    const remedy = "Export it again, in UTF-8."
    throw refuse("structure", "not-text", `${where} is not UTF-8 text.`, where, remedy)
  }
}

/** Whether a manifest says that the zip is an archive of ours. */
const isArchive = ({ text }: ForeignFile): boolean => {
  try {
    const root = JSON.parse(text) as { readonly format?: unknown } | null
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

/** What a zip is by its manifest: an archive, files of a format, or nothing that is known. */
const manifestIn = async (
  zip: ZipFile,
  texts: ReadonlyArray<ZipMember>,
  path: string,
  formats: ReadonlyArray<ForeignFormat>,
): Promise<"archive" | ForeignFormat | undefined> => {
  const member = texts.find(({ name }) => name === manifestPath)
  if (member === undefined || member.size > foreignBytesMax) return undefined
  const file = await fileFrom(zip, member, path)
  return isArchive(file) ? "archive" : formats.find((format) => format.detect(file))
}

const filesIn = async (
  zip: ZipFile,
  texts: ReadonlyArray<ZipMember>,
  path: string,
): Promise<ReadonlyArray<ForeignFile>> => {
  if (texts.reduce((sum, { size }) => sum + size, 0) > foreignBytesMax) throw tooLarge(path)
  const files: Array<ForeignFile> = []
  for (const member of texts) files.push(await fileFrom(zip, member, path))
  return files
}

/** The files of a format that nobody has named, or that of its manifest. */
const detectedIn = async (
  zip: ZipFile,
  texts: ReadonlyArray<ZipMember>,
  path: string,
  formats: ReadonlyArray<ForeignFormat>,
): Promise<ForeignSource | undefined> => {
  let known: "archive" | ForeignFormat | undefined
  try {
    known = await manifestIn(zip, texts, path, formats)
    if (known === "archive") return undefined
    const files = await filesIn(zip, texts, path)
    const format = known ?? formats.find((one) => files.some((file) => one.detect(file)))
    return format === undefined ? undefined : { format, files }
  } catch (error) {
    if (known === undefined && error instanceof LamplogError) return undefined
    throw error
  }
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
  const [format] = formats
  if (format === undefined) return undefined
  const shownPath = path.replaceAll("\\", "/")
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    // What is wrong with the zip itself is told by whoever opens archives.
    const opened = await openZip(file.fd, size, new LimitCheck(limits)).catch(() => undefined)
    if (opened === undefined) return undefined
    const { zip } = opened
    const texts = opened.members.filter(isText)
    return chosen
      ? { format, files: await filesIn(zip, texts, shownPath) }
      : await detectedIn(zip, texts, shownPath, formats)
  } finally {
    await file.close()
  }
}
