/**
 * Manifests that are no canonical text, of another shape, or untrue; members other than they list.
 */
import {
  attacksOf,
  entriesOf,
  manifestBytesOf,
  withContents,
  withEntry,
  withManifest,
  withManifestBytes,
} from "./attack.ts"
import type { Attack, Base, ManifestLogText } from "./attack.ts"
import { deflated, stored, zipBytes } from "./zip-bytes.ts"
import { sha256 } from "../../../src/event/hash.ts"

const zeroHash = "0".repeat(64)

/** The text of manifest.json, written in ways that mean the same to a lenient reader, or worse. */
const texts = (base: Base): { readonly [name: string]: (text: string) => Buffer | string } => {
  const project = `"project":${JSON.stringify(base.manifest.project)}`
  const nested = (open: string, close: string, levels: number) => (text: string) =>
    text.replace('"version":1', `"version":1,"x":${open.repeat(levels)}0${close.repeat(levels)}`)
  const version = (value: string) => (text: string) =>
    text.replace('"version":1}\n', `"version":${value}}\n`)
  const conflicts = (value: string) => (text: string) =>
    text.replace(/"conflicts":\d+/, `"conflicts":${value}`)
  const name = (value: string) => (text: string) =>
    text.replace(/"name":"[^"]*"/, `"name":${value}`)
  return {
    "a byte order mark": (text) => `\ufeff${text}`,
    "CRLF at the end": (text) => text.replace("\n", "\r\n"),
    "no line feed": (text) => text.trimEnd(),
    "two line feeds": (text) => `${text}\n`,
    "a blank before": (text) => ` ${text}`,
    "a blank inside": (text) => text.replace(":", ": "),
    "pretty printed": (text) => `${JSON.stringify(JSON.parse(text), null, 2)}\n`,
    "keys in another order": (text) =>
      `${JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse()))}\n`,
    "a key twice": (text) => text.replace(project, `${project},${project}`),
    "a key twice, first another": (text) => text.replace(project, `"project":"x",${project}`),
    "a key twice by an escape": (text) => text.replace(project, `${project},"\\u0070roject":"x"`),
    "an escape that is not needed": (text) => text.replace('"format":"l', '"format":"\\u006c'),
    "a slash escaped": (text) => text.replace("snapshot/", "snapshot\\/"),
    "two values": (text) => `${text}${text}`,
    "two values on one line": (text) => `${text.trimEnd()}{}\n`,
    "a trailing comma": (text) => text.replace("}\n", ",}\n"),
    "a comment": (text) => text.replace("{", "{/* hi */"),
    "NUL at the end": (text) => `${text}\0`,
    "a NUL in a name": name('"a\\u0000b"'),
    "a raw NUL in a name": name('"a\0b"'),
    "17 levels": nested("[", "]", 17),
    "40 levels": nested("[", "]", 40),
    "100,000 levels": nested("[", "]", 100_000),
    "a million levels": nested("[", "]", 1_000_000),
    "100,000 levels of objects": (text) =>
      text.replace(
        '"version":1',
        `"version":1,"x":${'{"a":'.repeat(100_000)}0${"}".repeat(100_000)}`,
      ),
    "the key __proto__": (text) => text.replace("{", '{"__proto__":{"version":1},'),
    "the key __proto__ in a list of counts": (text) =>
      text.replace('"itemCounts":{', '"itemCounts":{"__proto__":{"x":1},'),
    "the key __proto__ in a frontier": (text) =>
      text.replace('"frontier":{', '"frontier":{"__proto__":{},'),
    "the key constructor": (text) => text.replace('"conflicts"', '"constructor":1,"conflicts"'),
    "a lone surrogate": name('"\\ud800"'),
    "a surrogate pair as escapes": name('"\\ud83d\\ude00"'),
    "bytes that are no UTF-8": (text) =>
      Buffer.from(text.replace(/"name":"[^"]*"/, '"name":"\u00ff"'), "latin1"),
    "an overlong slash": (text) => {
      const at = text.indexOf('"name":"') + 8
      return Buffer.concat([
        Buffer.from(text.slice(0, at)),
        Buffer.from([0xc0, 0xaf]),
        Buffer.from(text.slice(at)),
      ])
    },
    "UTF-16": (text) => Buffer.from(text, "utf16le"),
    "2^53 + 1": conflicts("9007199254740993"),
    "2^53": conflicts("9007199254740992"),
    "minus zero": conflicts("-0"),
    "1e400": conflicts("1e400"),
    "a fraction": conflicts("0.5"),
    "1.0": conflicts("1.0"),
    "1e0": conflicts("1e0"),
    "01": conflicts("01"),
    "+1": conflicts("+1"),
    "0x1": conflicts("0x1"),
    NaN: conflicts("NaN"),
    "minus one": conflicts("-1"),
    "a number as text": conflicts('"1"'),
    "null for a number": conflicts("null"),
    "10,000 digits": conflicts("1".repeat(10_000)),
    "a newer version": version("2"),
    "a version of 2^53 - 1": version("9007199254740991"),
    "version zero": version("0"),
    "a version as text": version('"1"'),
    "no version": (text) => text.replace(',"version":1}\n', "}\n"),
    nothing: () => "",
    "only a line feed": () => "\n",
    null: () => "null\n",
    "a list": () => "[]\n",
    "a list of manifests": (text) => `[${text.trimEnd()}]\n`,
    "a number": () => "1\n",
    "an empty object": () => "{}\n",
    "a megabyte of blanks": (text) => `${" ".repeat(1024 * 1024)}${text}`,
    "a megabyte of brackets": () => "[".repeat(1024 * 1024),
    "cut in half": (text) => text.slice(0, text.length >> 1),
    "another format": (text) => text.replace("lamplog-archive", "lamplog-archivX"),
    "an unknown key": (text) => text.replace(',"version":1}\n', ',"version":1,"x":1}\n'),
    "an unknown key before": (text) => text.replace('{"conflicts"', '{"a":1,"conflicts"'),
  }
}

/** Manifests in good form that say what cannot be. */
const claims = (base: Base): { readonly [name: string]: { readonly [key: string]: unknown } } => {
  const { manifest } = base
  const { frontier, logs, members } = manifest
  const [first, ...rest] = logs as [ManifestLogText, ...Array<ManifestLogText>]
  const log = (change: Partial<ManifestLogText>) => ({ logs: [{ ...first, ...change }, ...rest] })
  const listed = (change: object) => ({
    members: [{ ...members[0], ...change }, ...members.slice(1)],
  })
  const hash = "ab".repeat(32)
  const keys = [
    "project",
    "name",
    "schema",
    "frontier",
    "prerequisites",
    "logs",
    "members",
    "itemCounts",
    "events",
    "digest",
    "setAside",
  ]
  return {
    ...Object.fromEntries(keys.map((key) => [`without ${key}`, { [key]: undefined }])),
    "a project that is no id": { project: "../x" },
    "a schema without a version": { schema: { name: "design-system" } },
    "a schema with more": { schema: { ...(manifest["schema"] as object), x: 1 } },
    "a digest that is no hash": { digest: "x" },
    "a digest in capitals": { digest: (manifest["digest"] as string).toUpperCase() },
    "counts as a list": { itemCounts: [] },
    "a count of zero": { itemCounts: { token: 0 } },
    "a count below zero": { itemCounts: { token: -1 } },
    "prerequisites beside a snapshot": { prerequisites: frontier },
    "an extract with logs": { extract: { selection: { closed: false }, open: [] } },
    "a log listed twice": { logs: [...logs, first] },
    "a log of no node": log({ node: "x" }),
    "a log under another name": log({ log: first.node.split("").reverse().join("") }),
    "a log that leads out": log({ log: "../../etc" }),
    "a public key that is another's": log({ publicKey: hash }),
    "a log from zero": log({ from: 0 }),
    "a log that ends before it begins": log({ from: 2, to: 1 }),
    "a log to 2^53": log({ to: 9007199254740991 }),
    "a log without members": log({ members: [] }),
    "a log with a segment twice": log({ members: [...first.members, ...first.members] }),
    "a log with the segment of another": log({ members: [...first.members, rest[0]!.members[0]!] }),
    "a log with the snapshot as a segment": log({
      members: [...first.members, "snapshot/entities.jsonl"],
    }),
    "a log with a head that is not in the frontier": log({ head: hash }),
    "a signature that is none": log({ signature: "x" }),
    "a log with more": log({ x: 1 } as object),
    "no logs, yet their segments": { logs: [] },
    "a frontier that is a list": { frontier: [] },
    "a frontier without a log": { frontier: Object.fromEntries(Object.entries(frontier).slice(1)) },
    "a frontier of another end": { frontier: { ...frontier, [first.log]: { seq: 1, hash } } },
    "members unsorted": { members: [...members].reverse() },
    "a member listed twice": { members: [members[0], ...members] },
    "a member that is not there": {
      members: [...members, { path: `assets/ab/${hash}`, sha256: hash, size: 1 }].sort(
        (left, right) => (left!.path < right!.path ? -1 : 1),
      ),
    },
    "a member left out": { members: members.slice(1) },
    "no members": { members: [] },
    "the manifest itself": {
      members: [...members, { path: "manifest.json", sha256: hash, size: 1 }],
    },
    "a path that leads out": listed({ path: "../evil" }),
    "an empty path": listed({ path: "" }),
    "a wrong hash": listed({ sha256: zeroHash }),
    "a hash in capitals": listed({ sha256: members[0]!.sha256.toUpperCase() }),
    "a hash cut short": listed({ sha256: members[0]!.sha256.slice(1) }),
    "a size one more": listed({ size: members[0]!.size + 1 }),
    "a size of zero": listed({ size: 0 }),
    "a size below zero": listed({ size: -1 }),
    "a size of 2^53 - 1": listed({ size: 9007199254740991 }),
    "a member with more": listed({ mode: 0o777 }),
    "two hashes swapped": {
      members: members.map((member, index) =>
        index < 2 ? { ...member, sha256: members[1 - index]!.sha256 } : member,
      ),
    },
  }
}

export const manifestAttacks = (base: Base): ReadonlyArray<Attack> => {
  const text = base.members[0]![1].toString()
  const asText = Object.entries(texts(base)).map(
    ([name, write]) => [name, () => withManifestBytes(base, write(text))] as const,
  )
  const asClaim = Object.entries(claims(base)).map(
    ([name, change]) => [name, () => withManifest(base, change)] as const,
  )
  const newer = new Set(["a newer version", "a version of 2^53 - 1"])
  const noForm = new Set([
    "null",
    "a list",
    "a list of manifests",
    "a number",
    "an empty object",
    "another format",
  ])
  return attacksOf("manifest", ["manifest"], Object.fromEntries([...asText, ...asClaim])).map(
    (attack) =>
      noForm.has(attack.name)
        ? { ...attack, stages: ["archive", "manifest"] as const }
        : newer.has(attack.name)
          ? { ...attack, codes: ["archive-newer"] }
          : attack,
  )
}

export const memberAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const [manifest, ...rest] = entries
  const last = entries.length - 1
  const [segment, other] = base.manifest.logs.map((log) => log.members[0]!)
  const contentOf = (path: string): Buffer => base.members.find(([name]) => name === path)![1]
  const flipped = Buffer.from(entries[last]!.content)
  flipped[20]! ^= 1
  const asset = Buffer.from("an asset")
  const assetHash = sha256(asset)
  const swapped = (one: number, two: number) =>
    entries.map((entry, index) =>
      index === one
        ? { ...entry, content: entries[two]!.content }
        : index === two
          ? { ...entry, content: entries[one]!.content }
          : entry,
    )
  return attacksOf("members", ["manifest"], {
    "a member altered, its CRC made to fit": () =>
      zipBytes(withEntry(entries, last, { content: flipped })),
    "the same, compressed": () =>
      zipBytes(withEntry(entries, last, deflated(entries[last]!.title, flipped))),
    "a member emptied": () => zipBytes(withEntry(entries, last, { content: Buffer.alloc(0) })),
    "a member with a byte more": () =>
      zipBytes(
        withEntry(entries, last, {
          content: Buffer.concat([entries[last]!.content, Buffer.from("\n")]),
        }),
      ),
    "a member not listed": () => zipBytes([...entries, stored("readme.txt", Buffer.from("hi"))]),
    "a script not listed": () =>
      zipBytes([...entries, stored("setup.sh", Buffer.from("#!/bin/sh\n"))]),
    "an asset not listed": () =>
      zipBytes([manifest!, stored(`assets/${assetHash.slice(0, 2)}/${assetHash}`, asset), ...rest]),
    "a segment missing": () => zipBytes(entries.filter(({ title }) => title !== segment)),
    "the snapshot missing": () => zipBytes(entries.slice(0, -1)),
    "two segments swapped": () => zipBytes(swapped(1, 2)),
    "a segment in place of the snapshot": () => zipBytes(swapped(1, last)),
    "members in another order than their names": () => zipBytes([manifest!, ...rest.reverse()]),
    "a segment under the name of another log": () =>
      withContents(base, { [segment!]: contentOf(other!) }),
    "an asset that is not what its name says": () =>
      withContents(base, { [`assets/${assetHash.slice(0, 2)}/${assetHash}`]: "another asset" }),
    "an asset in the wrong folder": () => withContents(base, { [`assets/zz/${assetHash}`]: asset }),
    "a file of its own, listed": () => withContents(base, { "notes.txt": "hello" }),
    "a further snapshot, listed": () => withContents(base, { "snapshot/entities2.jsonl": "" }),
    "proofs in what is no extract": () => withContents(base, { "snapshot/proofs.jsonl": "" }),
    "a note that is none": () =>
      zipBytes([manifest!, stored("manifest.note", Buffer.from("trust me\n")), ...rest]),
    "an empty note": () => zipBytes([manifest!, stored("manifest.note", Buffer.alloc(0)), ...rest]),
    "a note of 1 MiB": () =>
      zipBytes([manifest!, stored("manifest.note", Buffer.alloc(1024 * 1024, "\n")), ...rest]),
    "a note that is the manifest": () =>
      zipBytes([manifest!, { ...manifest!, title: "manifest.note" }, ...rest]),
    "a note listed as a member": () => withContents(base, { "manifest.note": "hello" }),
    "the manifest of another state": () =>
      withManifestBytes(base, manifestBytesOf({ ...base.manifest, digest: zeroHash, members: [] })),
  })
    .map((attack) =>
      // What stands where is the zip's; what belongs there is the manifest's.
      attack.name.startsWith("two segments") ||
      attack.name.startsWith("members in") ||
      attack.name.startsWith("a note")
        ? { ...attack, stages: ["archive", "manifest"] as const }
        : attack,
    )
    .map((attack) =>
      attack.name === "a segment under the name of another log"
        ? {
            ...attack,
            stages: ["structure"] as const,
            doors: ["verified", "imported", "merged"] as const,
          }
        : attack,
    )
}
