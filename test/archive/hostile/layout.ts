/**
 * Files whose bytes are not exactly members, directory and end: something is hidden, or there twice.
 */
import { attacksOf, entriesOf, withEntry } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"
import {
  Bytes,
  centralHeader,
  deflated,
  endRecord,
  localHeader,
  stored,
  zipBytes,
} from "./zip-bytes.ts"
import type { EndFields } from "./zip-bytes.ts"

const evil = stored("evil.txt", Buffer.from("evil"))

const endLies: { readonly [what: string]: EndFields } = {
  "another disk": { disk: 1 },
  "a directory on another disk": { directoryDisk: 1 },
  "one entry too many": { entries: 5, entriesHere: 5 },
  "one entry": { entries: 1, entriesHere: 1 },
  "no entry": { entries: 0, entriesHere: 0 },
  "65,535 entries": { entries: 0xffff, entriesHere: 0xffff },
  "two counts": { entriesHere: 1 },
  "a directory size of zero": { directorySize: 0 },
  "a directory size of one": { directorySize: 1 },
  "a directory offset of zero": { directoryOffset: 0 },
  "a directory offset beyond the file": { directoryOffset: 0x7fffffff },
  "64-bit sizes without such a record": { directorySize: 0xffffffff, directoryOffset: 0xffffffff },
  "a comment length without a comment": { commentLength: 10 },
  "a comment": { comment: Buffer.from("hello") },
  "a comment shorter than it says": { comment: Buffer.from("hello"), commentLength: 6 },
  "a comment longer than it says": { comment: Buffer.from("hello"), commentLength: 3 },
  "a comment of 65,535 bytes": { comment: Buffer.alloc(65_535, "c") },
  "a broken signature": { signature: 0x06054b51 },
}

const polyglots: { readonly [what: string]: string | Buffer } = {
  "a PDF": "%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n",
  "a shell script": "#!/bin/sh\necho evil\nexit\n",
  "a web page": "<html><script>alert(1)</script></html>",
  "an executable": Buffer.concat([Buffer.from("MZ"), Buffer.alloc(126)]),
  "a PNG": Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"),
  "one byte": "P",
  "a spanned marker": "PK\u0007\u0008",
  "a temporary spanning marker": "PK00",
}

/** A whole archive with one more entry that only one of two readers sees. */
export const layoutAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const honest = zipBytes(entries)
  const other = zipBytes([evil])
  const before = Object.entries(polyglots).flatMap(([what, prefix]) =>
    [true, false].map((prefixCounts) => {
      const name = `${what} before it, offsets ${prefixCounts ? "from the start" : "as before"}`
      const bytes = Buffer.from(prefix as string, "latin1")
      return [name, () => zipBytes(entries, { prefix: bytes, prefixCounts })] as const
    }),
  )
  const ends = Object.entries(endLies).map(
    ([what, end]) => [`the end says ${what}`, () => zipBytes(entries, { end })] as const,
  )
  return attacksOf("layout", ["archive"], {
    ...Object.fromEntries([...before, ...ends]),
    ...behindAttacks(base),
    "a member that the directory does not name": () =>
      zipBytes([...entries, { ...evil, hidden: true }]),
    "such a member between two others": () =>
      zipBytes([...entries.slice(0, 2), { ...evil, hidden: true }, ...entries.slice(2)]),
    "such a member first": () => zipBytes([{ ...evil, hidden: true }, ...entries]),
    "a second version of a member, not in the directory": () =>
      zipBytes([...entries, { ...entries[last]!, content: Buffer.from("x"), hidden: true }]),
    "a second manifest, not in the directory": () =>
      zipBytes([{ ...entries[0]!, content: Buffer.from("{}\n"), hidden: true }, ...entries]),
    "a gap of one byte between members": () =>
      zipBytes(withEntry(entries, last, { before: Buffer.from([0]) })),
    "a gap of 64 KiB between members": () =>
      zipBytes(withEntry(entries, 1, { before: Buffer.alloc(65_536) })),
    "a gap before the directory": () => zipBytes(entries, { beforeDirectory: Buffer.from("gap") }),
    "a gap between the directory and its end": () =>
      zipBytes(entries, { afterDirectory: () => Buffer.from("gap") }),
    "two whole archives one after the other": () => Buffer.concat([honest, honest]),
    "another zip before it": () => Buffer.concat([other, honest]),
    "another zip before it, offsets adjusted": () => zipBytes(entries, { prefix: other }),
    "the directory in another order": () =>
      zipBytes(entries, { order: [...entries.keys()].reverse() }),
    "the manifest last in the file": () => zipBytes([...entries.slice(1), entries[0]!]),
    "the manifest last in the directory": () =>
      zipBytes(entries, { order: [...entries.keys()].slice(1).concat(0) }),
    "a member inside another": () => {
      const inside = localHeader(evil)
      const host = { ...entries[last]!, content: Buffer.concat([inside, evil.content]) }
      const offset = zipBytes(entries.slice(0, -1)).readUInt32LE(
        zipBytes(entries.slice(0, -1)).length - 6,
      )
      return zipBytes([
        ...entries.slice(0, -1),
        host,
        { ...evil, ghost: true, central: { offset: offset + localHeader(host).length } },
      ])
    },
    "a member that runs into the directory": () =>
      zipBytes(
        withEntry(entries, last, {
          size: entries[last]!.content.length + 40,
          packedSize: entries[last]!.content.length + 40,
        }),
      ),
    "a directory entry without a member": () => zipBytes([...entries, { ...evil, ghost: true }]),
    "a digital signature in the directory": () =>
      zipBytes(entries, {
        afterDirectory: () => new Bytes().u32(0x05054b50).u16(4).raw("abcd").done(),
      }),
    "an archive extra data record": () =>
      zipBytes(entries, { beforeDirectory: new Bytes().u32(0x08064b50).u32(4).raw("abcd").done() }),
    "an empty zip": () => zipBytes([]),
    "a zip without a manifest": () => zipBytes([evil]),
    "a zip with only the manifest": {
      build: () => zipBytes(entries.slice(0, 1)),
      stages: ["manifest"],
    },
  })
}

const behindAttacks = (base: Base) => {
  const entries = entriesOf(base)
  const honest = zipBytes(entries)
  const behind = (suffix: Buffer | string) => () =>
    zipBytes(entries, { suffix: Buffer.from(suffix as string, "latin1") })
  return {
    "one byte behind it": behind("\0"),
    "a line feed behind it": behind("\n"),
    "64 KiB of zeros behind it": behind(Buffer.alloc(65_536)),
    "1 MiB behind it": behind(Buffer.alloc(1024 * 1024, "x")),
    "a second end behind it": () => {
      const size = honest.length
      return zipBytes(entries, { suffix: honest.subarray(size - 22) })
    },
    "an empty zip behind it": behind(endRecord({ offset: 0, size: 0, entries: 0 })),
    "another zip behind it": behind(zipBytes([evil])),
    "another zip in the comment": () => zipBytes(entries, { end: { comment: zipBytes([evil]) } }),
    "another zip in the comment, offsets right": () => {
      const member = Buffer.concat([localHeader(evil), evil.content])
      const start = honest.length
      const central = centralHeader(evil, start)
      const place = { offset: start + member.length, size: central.length, entries: 1 }
      return zipBytes(entries, {
        end: { comment: Buffer.concat([member, central, endRecord(place)]) },
      })
    },
    "an end within the comment": () =>
      zipBytes(entries, {
        end: { comment: endRecord({ offset: 0, size: 0, entries: 0 }) },
      }),
    "two directories, two ends": () => {
      const start = honest.readUInt32LE(honest.length - 6)
      const central = Buffer.concat([centralHeader(entries[0]!, 0), centralHeader(evil, 0)])
      const place = { offset: honest.length, size: central.length, entries: 2 }
      return start > 0 ? Buffer.concat([honest, central, endRecord(place)]) : honest
    },
    "a compressed archive cut into a tar-like padding": () =>
      Buffer.concat([
        zipBytes(entries.map((entry) => deflated(entry.title, entry.content))),
        Buffer.alloc(512),
      ]),
  }
}
