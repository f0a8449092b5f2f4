/** What a file is called: by its bytes where they tell, by its name where nothing else does. */
import { describe, expect, it } from "vitest"
import { isMediaType, mediaTypeOf } from "../../src/store/assets-media.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

const beginnings: ReadonlyArray<readonly [begins: string, mediaType: string]> = [
  ["\u0089PNG\r\n\u001a\n....", "image/png"],
  ["\u00ff\u00d8\u00ff\u00e0..JFIF", "image/jpeg"],
  ["GIF89a....", "image/gif"],
  ["RIFF....WEBPVP8 ", "image/webp"],
  ["\u0000\u0000\u0000\u001cftypavif\u0000\u0000\u0000\u0000mif1miaf....", "image/avif"],
  ["\u0000\u0000\u0000\u001cftypmif1\u0000\u0000\u0000\u0000miafavif....", "image/avif"],
  ["wOF2....", "font/woff2"],
  ["wOFF....", "font/woff"],
  ["OTTO....", "font/otf"],
  ["\u0000\u0001\u0000\u0000\u0000\u0010", "font/ttf"],
  ["true\u0000\u0010", "font/ttf"],
  ["%PDF-1.7\n", "application/pdf"],
  ['<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"],
  ['\u00ef\u00bb\u00bf<?xml version="1.0"?>\n<!-- by hand -->\n<svg\n>', "image/svg+xml"],
  [
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd" [<!ENTITY a "b">]><svg:svg >',
    "image/svg+xml",
  ],
]

describe("media types", () => {
  for (const [begins, mediaType] of beginnings) {
    it(`knows ${mediaType} by ${JSON.stringify(begins.slice(0, 12))}, whatever its name`, () => {
      expect(mediaTypeOf(bytes(begins), "file.txt")).toBe(mediaType)
      expect(mediaTypeOf(bytes(begins), "file")).toBe(mediaType)
    })
  }

  it("believes a name only where bytes do not tell", () => {
    expect(mediaTypeOf(bytes("{}"), "motion.JSON")).toBe("application/json")
    expect(mediaTypeOf(bytes("hello"), "licence.txt")).toBe("text/plain")
    expect(mediaTypeOf(bytes("hello"), "photo.png")).toBe("application/octet-stream")
    expect(mediaTypeOf(bytes("<html><svg>"), "page.svg")).toBe("application/octet-stream")
    expect(mediaTypeOf(bytes("\u0000\u0000\u0000\u0018ftypmp42avif"), "film")).not.toMatch(/avif/)
    expect(mediaTypeOf(bytes(""), "empty")).toBe("application/octet-stream")
    expect(mediaTypeOf(bytes("x"), "constructor")).toBe("application/octet-stream")
  })

  it("tells a media type from other words", () => {
    for (const good of ["image/svg+xml", "font/woff2", "application/vnd.x-y.z"]) {
      expect(isMediaType(good), good).toBe(true)
    }
    for (const bad of ["", "image", "image/", "/png", "a/b/c", "text/plain; charset=x", "a b/c"]) {
      expect(isMediaType(bad), bad).toBe(false)
    }
  })
})
