/**
 * Members whose names lead out of a folder, hide, collide, or mean something else to some reader.
 */
import { attacksOf, entriesOf, withEntry } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"
import { extraField, stored, zipBytes } from "./zip-bytes.ts"
import type { Entry } from "./zip-bytes.ts"
import { crc32 } from "node:zlib"

const payload = Buffer.from("hello\n")

/** Names that no member may have, as text or as raw bytes. */
const badNames: { readonly [what: string]: string | Buffer } = {
  "dot dot": "../evil",
  "dot dot inside": "assets/../../evil",
  "dot dot at the end": "assets/..",
  "dot dot alone": "..",
  "dot alone": ".",
  "dot segment": "./manifest.json",
  "dot segment inside": "assets/./x",
  "empty segment": "assets//x",
  "empty name": "",
  absolute: "/etc/passwd",
  "double slash": "//server/share",
  drive: "C:/evil",
  "drive relative": "C:evil",
  "UNC with backslashes": "\\\\server\\share\\evil",
  "device namespace": "\\\\?\\C:\\evil",
  "backslash dot dot": "..\\..\\evil",
  "backslash inside": "assets\\x",
  "NUL inside": Buffer.from("good.txt\0.exe", "latin1"),
  "NUL at the end": Buffer.from("good.txt\0", "latin1"),
  "line feed": "a\nb",
  "carriage return": "a\rb",
  tab: "a\tb",
  "escape sequence": "\u001b[2Jevil",
  DEL: "a\u007fb",
  "C1 control": Buffer.from("a\u0085b"),
  "right-to-left override": "txt.\u202egpj",
  "zero width space": "a\u200bb",
  "byte order mark": "\ufeffmanifest.json",
  "fullwidth dots": "．．/evil",
  "two-dot leader": "\u2025/evil",
  homoglyph: "manifest.jsоn",
  combining: "e\u0301",
  composed: "\u00e9",
  emoji: "🔥",
  "overlong UTF-8": Buffer.from([0x2e, 0xc0, 0xae, 0x2f, 0x65]),
  "surrogate in UTF-8": Buffer.from([0x61, 0xed, 0xa0, 0x80]),
  "broken UTF-8": Buffer.from([0x61, 0xff, 0xfe]),
  "Latin-1": Buffer.from([0x61, 0xe9]),
  "hidden file": ".ssh/authorized_keys",
  "hidden folder inside": "assets/.git/config",
  "alternate stream": "a:b",
  "default stream": "a.txt::$DATA",
  "Windows device": "CON",
  "Windows device in lower case": "nul",
  "Windows device with ending": "assets/com1.txt",
  "Windows device with superscript": "COM\u00b9",
  "Windows device LPT": "lpt9.tar.gz",
  "trailing dot": "evil.",
  "trailing blank": "evil ",
  "trailing dot in folder": "evil./x",
  "leading blank": " evil",
  "leading dash": "-rf",
  wildcard: "a*b",
  "question mark": "a?b",
  pipe: "a|b",
  quote: 'a"b',
  "less than": "<script>",
  percent: "%2e%2e/evil",
  tilde: "~/evil",
  dollar: "$(id)",
  "newline injection": 'ok\n{"stage":null}',
  __proto__: "__proto__",
  constructor: "assets/constructor",
  prototype: "prototype",
  "241 bytes": "a/".repeat(3) + "b".repeat(235),
  "segment of 201 bytes": "s".repeat(201),
  "nine levels": "1/2/3/4/5/6/7/8/9",
  "200 levels": `${"d/".repeat(199)}x`,
  "65,535 bytes": "n".repeat(65_535),
  folder: "assets/",
  "folder by backslash": "assets\\",
}

const twice = (base: Base, ...names: ReadonlyArray<string | Buffer>): Buffer =>
  zipBytes([
    ...entriesOf(base),
    ...names.map((name) => stored("x", payload, { name: Buffer.from(name as string) })),
  ])

/** The name of an entry as the Unicode Path field of Info-ZIP tells it. */
const unicodePath = (entry: Entry, name: string, crc = crc32(Buffer.from(entry.title))): Buffer =>
  extraField(
    0x7075,
    Buffer.concat([Buffer.from([1, crc, crc >>> 8, crc >>> 16, crc >>> 24]), Buffer.from(name)]),
  )

export const nameAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const title = entries[last]!.title
  const renamed = (name: string | Buffer) =>
    zipBytes(withEntry(entries, last, { name: Buffer.from(name as string) }))
  const added = Object.fromEntries(
    Object.entries(badNames).map(([what, name]) => [
      `a further member: ${what}`,
      () => twice(base, name),
    ]),
  )
  const archive = ["archive"] as const
  return [
    ...attacksOf("name", archive, added),
    ...attacksOf("name", archive, {
      "a member renamed to lead out": () => renamed(`../${title}`),
      "a member renamed with a leading slash": () => renamed(`/${title}`),
      "a member renamed with backslashes": () => renamed(title.replaceAll("/", "\\")),
      "the manifest with a dot before": () =>
        zipBytes(withEntry(entries, 0, { name: Buffer.from("./manifest.json") })),
      "the manifest in capitals": () =>
        zipBytes(withEntry(entries, 0, { name: Buffer.from("MANIFEST.JSON") })),
      "renamed by the Unicode Path field": () =>
        zipBytes(withEntry(entries, last, { extra: unicodePath(entries[last]!, "../evil") })),
      "renamed by a Unicode Path field of another name": () =>
        zipBytes(withEntry(entries, last, { extra: unicodePath(entries[last]!, "evil", 1) })),
    }),
    ...duplicateAttacks(base),
  ]
}

const duplicateAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.at(-1)!
  const manifest = entries[0]!
  const swapCase = last.title.toUpperCase()
  const beside = (...more: ReadonlyArray<Entry>) => zipBytes([...entries, ...more])
  // Either the names are refused as such, or the manifest does not list the second of them.
  return attacksOf("duplicates", ["archive", "manifest"], {
    "the manifest twice, the same": () => beside(manifest),
    "the manifest twice, the second another": () =>
      beside({ ...manifest, content: Buffer.from('{"format":"lamplog-archive"}\n') }),
    "a member twice, the same": () => beside(last),
    "a member twice, the second another": () => beside({ ...last, content: payload }),
    "a member twice, the first another": () =>
      zipBytes([manifest, { ...last, content: payload }, ...entries.slice(1)]),
    "a member in capitals beside": () => beside(stored(swapCase, last.content)),
    "a file where a folder is": () => beside(stored(last.title.split("/")[0]!, payload)),
    "a file below a file": () => beside(stored(`${last.title}/x`, payload)),
    "a folder entry beside its members": () =>
      beside(stored(`${last.title.split("/")[0]!}/`, Buffer.alloc(0))),
    "one name composed and decomposed": () =>
      beside(stored("\u00e9", payload), stored("e\u0301", payload)),
    "one name with two slashes": () => beside(stored(last.title.replace("/", "//"), payload)),
    "one directory line twice for one member": () =>
      zipBytes(entries, { order: [...entries.keys(), entries.length - 1] }),
    "the manifest's directory line twice": () =>
      zipBytes(entries, { order: [0, ...entries.keys()] }),
    "a note twice": () =>
      beside(stored("manifest.note", payload), stored("manifest.note", payload)),
    "alike in Turkish": () => beside(stored("aı", payload), stored("aI", payload)),
  })
}
