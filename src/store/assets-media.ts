/**
 * What kind of file some bytes are: by their beginning where that tells, else by the file's name.
 *
 * A name alone is believed only for kinds whose bytes cannot be told: a `.png` that does not begin
 * like one is no PNG, and is called by no name at all.
 */

/** As many of the first bytes as are looked at: a comment may stand before the root of an SVG. */
export const mediaStartBytes = 4096

const mediaTypeUnknown = "application/octet-stream"

interface Kind {
  readonly mediaType: string
  readonly extensions: ReadonlyArray<string>
  /** Whether bytes begin so; undefined where the beginning does not tell. */
  readonly begins?: (start: Uint8Array) => boolean
}

const latin1 = (start: Uint8Array, from: number, to: number): string =>
  Buffer.from(start.subarray(from, to)).toString("latin1")

const signature =
  (text: string, offset = 0) =>
  (start: Uint8Array): boolean =>
    latin1(start, offset, offset + text.length) === text

/** The brands that a file of the ISO family names in its first box. */
const hasBrand =
  (...brands: ReadonlyArray<string>) =>
  (start: Uint8Array): boolean => {
    if (latin1(start, 4, 8) !== "ftyp") return false
    const boxBytes = Math.min(Buffer.from(start).readUInt32BE(0), start.length)
    for (let offset = 8; offset + 4 <= boxBytes; offset += 4) {
      // After the main brand stands its version.
      if (offset !== 12 && brands.includes(latin1(start, offset, offset + 4))) return true
    }
    return false
  }

/** What may stand before the root of an XML document: a declaration, comments, a document type. */
const beforeRoot = /^\s*(<\?[^>]*\?>\s*|<!--[\s\S]*?-->\s*|<!DOCTYPE[^>[]*(\[[^\]]*\])?\s*>\s*)*/i

const isSvg = (start: Uint8Array): boolean => {
  const text = Buffer.from(start)
    .toString("utf8")
    .replace(/^\uFEFF/, "")
  return /^<(\w+:)?svg[\s>/]/.test(text.replace(beforeRoot, ""))
}

const isWebp = (start: Uint8Array): boolean =>
  signature("RIFF")(start) && signature("WEBP", 8)(start)

const isGif = (start: Uint8Array): boolean =>
  signature("GIF87a")(start) || signature("GIF89a")(start)

const isTrueType = (start: Uint8Array): boolean =>
  signature("\u0000\u0001\u0000\u0000")(start) || signature("true")(start)

const kinds: ReadonlyArray<Kind> = [
  {
    mediaType: "image/png",
    extensions: ["png"],
    begins: signature("\u0089PNG\r\n\u001a\n"),
  },
  {
    mediaType: "image/jpeg",
    extensions: ["jpg", "jpeg"],
    begins: signature("\u00ff\u00d8\u00ff"),
  },
  { mediaType: "image/gif", extensions: ["gif"], begins: isGif },
  { mediaType: "image/webp", extensions: ["webp"], begins: isWebp },
  { mediaType: "image/avif", extensions: ["avif"], begins: hasBrand("avif", "avis") },
  { mediaType: "font/woff2", extensions: ["woff2"], begins: signature("wOF2") },
  { mediaType: "font/woff", extensions: ["woff"], begins: signature("wOFF") },
  { mediaType: "font/otf", extensions: ["otf"], begins: signature("OTTO") },
  { mediaType: "font/ttf", extensions: ["ttf"], begins: isTrueType },
  { mediaType: "application/pdf", extensions: ["pdf"], begins: signature("%PDF-") },
  { mediaType: "image/svg+xml", extensions: ["svg"], begins: isSvg },
  { mediaType: "application/json", extensions: ["json"] },
  { mediaType: "text/css", extensions: ["css"] },
  { mediaType: "text/plain", extensions: ["txt"] },
  { mediaType: "text/markdown", extensions: ["md"] },
]

const extensionOf = (name: string): string =>
  /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? ""

/** The media type of bytes that begin so, in a file of this name. */
export const mediaTypeOf = (start: Uint8Array, fileName: string): string => {
  const extension = extensionOf(fileName)
  const told = kinds.find(({ begins }) => begins?.(start) === true)
  const named = kinds.find(
    ({ begins, extensions }) => begins === undefined && extensions.includes(extension),
  )
  return (told ?? named)?.mediaType ?? mediaTypeUnknown
}

const token = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
const mediaTypePattern = new RegExp(`^${token}/${token}$`)

/** Whether a text is a media type without parameters (RFC 6838). */
export const isMediaType = (text: string): boolean => mediaTypePattern.test(text)
