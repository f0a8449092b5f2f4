/**
 * Archives in perfect form whose lines and logs are not: all hashes in the manifest fit them.
 */
import { randomBytes } from "node:crypto"
import { attacksOf, withContents, withManifest } from "./attack.ts"
import type { Attack, Base, Door } from "./attack.ts"
import { forgedSegment, withForged } from "./forgery.ts"
import type { Forged } from "./forgery.ts"
import { deflated } from "./zip-bytes.ts"

const readers: ReadonlyArray<Door> = ["verified", "imported", "merged"]
const snapshot = "snapshot/entities.jsonl"

/** What may be wrong with the text of a line, told by the whole member. */
const lineFaults: { readonly [name: string]: (content: string) => Buffer | string } = {
  "a byte order mark first": (text) => `\ufeff${text}`,
  "line ends of Windows": (text) => text.replaceAll("\n", "\r\n"),
  "line ends of an old Mac": (text) => text.replaceAll("\n", "\r"),
  "a blank line first": (text) => `\n${text}`,
  "a blank line inside": (text) => text.replace("\n", "\n\n"),
  "a blank line at the end": (text) => `${text}\n`,
  "a torn last line": (text) => text.slice(0, -20),
  "no line feed at the end": (text) => text.trimEnd(),
  "blanks at the end of a line": (text) => text.replace(/\n$/, "  \n"),
  "a line that is no JSON": (text) => `hello\n${text}`,
  "a NUL inside": (text) => text.replace("{", "{\0"),
  "a NUL at the end": (text) => `${text}\0`,
  "1.2 MiB in one line": (text) => `${"x".repeat(1_258_291)}\n${text}`,
  "8 MiB in one line": (text) => `${"x".repeat(8 * 1024 * 1024)}\n${text}`,
  "8 MiB without a line feed": () => "x".repeat(8 * 1024 * 1024),
  "a million line feeds": (text) => `${text}${"\n".repeat(1_000_000)}`,
  "bytes that are no UTF-8": (text) =>
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text)]),
  "UTF-16": (text) => Buffer.from(text, "utf16le"),
  "half a character at the end": (text) =>
    Buffer.concat([Buffer.from(text), Buffer.from([0xe2, 0x82])]),
  "a comment line": (text) => `# hello\n${text}`,
}

const headerFaults: { readonly [name: string]: (header: string) => string } = {
  "a key twice": (text) => text.replace('"seq":', '"seq":1,"seq":'),
  "a key twice by an escape": (text) => text.replace('"seq":', '"\\u0073eq":1,"seq":'),
  "a blank": (text) => text.replace(":", ": "),
  "the key __proto__": (text) => text.replace("{", '{"__proto__":{"seq":1},'),
  "minus zero": (text) => text.replace('"lamport":1', '"lamport":-0'),
  "1e400": (text) => text.replace('"lamport":1', '"lamport":1e400'),
  "2^53": (text) => text.replace('"lamport":1', '"lamport":9007199254740992'),
  "a fraction": (text) => text.replace('"lamport":1', '"lamport":1.5'),
  "a lamport as text": (text) => text.replace('"lamport":1', '"lamport":"1"'),
  "a lamport of zero": (text) => text.replace('"lamport":1', '"lamport":0'),
  "40 levels": (text) =>
    text.replace('"parents":[]', `"parents":${"[".repeat(40)}${"]".repeat(40)}`),
  "100,000 levels": (text) =>
    text.replace('"parents":[]', `"parents":${"[".repeat(100_000)}${"]".repeat(100_000)}`),
  "no operation": (text) => text.replace(/"op":"[a-z]+",/, ""),
  "parents that are a number": (text) => text.replace('"parents":[]', '"parents":7'),
  "a parent that is no reference": (text) =>
    text.replace('"parents":[]', '"parents":[["x",1,"y"]]'),
  "600 parents": (text) => {
    const parents = Array.from({ length: 600 }, (_, index) => [
      `${"a".repeat(26)}`,
      index + 1,
      "ab".repeat(32),
    ])
    return text.replace('"parents":[]', `"parents":${JSON.stringify(parents)}`)
  },
  null: () => "null",
  "a list": () => "[]",
  nothing: () => "",
}

const bodyFaults: { readonly [name: string]: (body: string) => string } = {
  "a key twice": (text) => text.replace('"kind":1', '"kind":1,"kind":1'),
  "keys unsorted": () => '{"kind":1,"actor":"mallory"}',
  "a lone surrogate": (text) => text.replace("#666", "\\ud800"),
  "a NUL": (text) => text.replace("#666", "\\u0000"),
  "the key __proto__": (text) =>
    text.replace('"fields":{', '"fields":{"__proto__":{"polluted":1},'),
  "the key constructor": (text) =>
    text.replace('"fields":{', '"fields":{"constructor":{"prototype":1},'),
  "2^53 + 1": (text) => text.replace('"#666"', "9007199254740993"),
  "1e400": (text) => text.replace('"#666"', "1e400"),
  "minus zero": (text) => text.replace('"#666"', "-0"),
  "33 levels": (text) => text.replace('"#666"', `${"[".repeat(33)}${"]".repeat(33)}`),
  "100,000 levels": (text) =>
    text.replace('"#666"', `${"[".repeat(100_000)}${"]".repeat(100_000)}`),
  "100,000 levels of objects": (text) =>
    text.replace('"#666"', `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`),
  "fields that are a list": (text) => text.replace('{"value":"#666"}', "[]"),
  "two values": (text) => `${text}{}`,
  "more than 1 MiB": (text) => text.replace("#666", "x".repeat(1024 * 1024 + 1)),
  null: () => "null",
  nothing: () => "",
}

export const lineAttacks = (base: Base): ReadonlyArray<Attack> => {
  const path = base.log.members[0]!
  const text = base.members.find(([name]) => name === path)![1].toString()
  const faults = Object.entries(lineFaults).map(
    ([name, write]) =>
      [`a segment with ${name}`, () => withContents(base, { [path]: write(text) })] as const,
  )
  const forged = (event: Forged) => () =>
    withForged(base, forgedSegment(base.manifest.project, [event]))
  const headers = Object.entries(headerFaults).map(
    ([name, headerText]) => [`a header with ${name}`, forged({ headerText })] as const,
  )
  const bodies = Object.entries(bodyFaults).map(
    ([name, bodyText]) => [`a body with ${name}`, forged({ bodyText })] as const,
  )
  return [
    ...attacksOf("line", ["schema"], Object.fromEntries([...faults, ...headers, ...bodies])),
    ...attacksOf("line", ["schema"], {
      "no tabs": forged({ line: (line) => line.replaceAll("\t", " ") }),
      "three tabs": forged({ line: (line) => `${line}\t` }),
      "parts in another order": forged({ line: (line) => line.split("\t").reverse().join("\t") }),
    }),
    ...attacksOf("line", ["schema", "structure"], {
      "a salt that is none": forged({ line: (line) => line.replace(/\t[0-9a-f]+\t/, "\tzz\t") }),
      "a salt in capitals": forged({
        line: (line) => line.replace(/\t[0-9a-f]+\t/, (salt) => salt.toUpperCase()),
      }),
    }),
  ].map((attack) => ({
    ...attack,
    // What follows the body belongs to it, and is then seen by its hash; so are lawful parents.
    stages: / (line ends|blanks at|600 parents)/.test(attack.name)
      ? ["schema", "structure"]
      : attack.stages,
    doors: readers,
  }))
}

const hash = "ab".repeat(32)

export const logAttacks = (base: Base): ReadonlyArray<Attack> => {
  const { frontier, logs, project } = base.manifest
  const { log } = base
  const other = logs.find((one) => one !== log)!
  const path = log.members[0]!
  const linesOf = (member: string): Array<string> =>
    base.members
      .find(([name]) => name === member)![1]
      .toString()
      .trimEnd()
      .split("\n")
  const lines = linesOf(path)
  const reworked = (changed: ReadonlyArray<string>) => () =>
    withContents(base, { [path]: changed.map((line) => `${line}\n`).join("") })
  const forged =
    (...events: ReadonlyArray<Forged>) =>
    () =>
      withForged(base, forgedSegment(project, events))
  const stranger = forgedSegment(project, [{}])
  const changedLog = (change: object) => () =>
    withManifest(base, { logs: logs.map((one) => (one === log ? { ...log, ...change } : one)) })
  const strangerEnd = { seq: 9, hash }
  const transaction = (index: number, count: number): Forged => ({
    header: { transaction: [index, count], lamport: 1 },
  })
  return attacksOf("log", ["structure"], {
    "a line missing": reworked(lines.filter((_, index) => index !== 3)),
    "the first line missing": reworked(lines.slice(1)),
    "the last line missing": reworked(lines.slice(0, -1)),
    "a line twice": reworked([...lines.slice(0, 4), lines[3]!, ...lines.slice(4)]),
    "two lines swapped": reworked([lines[1]!, lines[0]!, ...lines.slice(2)]),
    "a line of another log": reworked([...lines, linesOf(other.members[0]!)[0]!]),
    "a value changed": reworked(lines.map((line) => line.replace("#333333", "#333339"))),
    "a value changed that the reader holds": {
      build: reworked(lines.map((line) => line.replace("#000050", "#000059"))),
      doors: ["verified"],
    },
    "an actor changed": reworked(
      lines.map((line) => line.replace('"actor":"ana"', '"actor":"eve"')),
    ),
    "an id changed": reworked(lines.map((line) => line.replace("color/5", "color/x"))),
    "a salt changed": reworked(
      lines.map((line) => line.replace(/\t(.)/, (_, digit) => `\t${digit === "0" ? "1" : "0"}`)),
    ),
    "another chain before": changedLog({ previous: hash }),
    "a signature of another": changedLog({ signature: "ab".repeat(64) }),
    "no event counted": () => withManifest(base, { events: 0 }),
    "an event too many counted": () =>
      withManifest(base, { events: (base.manifest["events"] as number) + 1 }),
    "a frontier that nobody holds": () =>
      withManifest(base, { frontier: { ...frontier, [stranger.log.log]: strangerEnd } }),
    "a frontier ahead of the logs": () =>
      withForged(base, { ...stranger, log: { ...stranger.log, to: 2 } }),
    "a head that the chain does not give": () =>
      withForged(base, { ...stranger, log: { ...stranger.log, head: hash } }),
    "a segment that begins later": () =>
      withForged(base, { ...stranger, log: { ...stranger.log, previous: hash } }),
    "a clock far ahead": forged({ header: { lamport: 1_000_000 } }),
    "a clock at 2^53 - 1": forged({ header: { lamport: 9007199254740991 } }),
    "a clock that does not move": forged({}, { header: { lamport: 1 } }),
    "a clock that goes back": forged({}, {}, { header: { lamport: 1 } }),
    "a seq that leaps": forged({}, { header: { seq: 3 } }),
    "a seq of 2^53 - 1": forged({ header: { seq: 9007199254740991 } }),
    "a node that is another": forged({ header: { node: log.node } }),
    "a parent that is nowhere": forged({ header: { parents: [[stranger.log.node, 9, hash]] } }),
    "a parent of another hash": forged({ header: { lamport: 2, parents: [[log.node, 1, hash]] } }),
    "an anchor that is nowhere": forged({ header: { lamport: 10, anchor: [log.node, 999, hash] } }),
    "a transaction without its end": forged(transaction(0, 2)),
    "a transaction that begins in its middle": forged(transaction(1, 2)),
    "a transaction of two clocks": forged(transaction(0, 2), {
      header: { transaction: [1, 2], lamport: 2 },
    }),
    "a transaction that grows": forged(transaction(0, 2), transaction(1, 3)),
    "a transaction of one entity twice": forged(
      { header: { transaction: [0, 2], id: "x" } },
      { header: { transaction: [1, 2], id: "x", lamport: 1 } },
    ),
    "a transaction of 2^40 members": forged(transaction(0, 2 ** 40)),
    "a body of another hash": forged({ header: { body: hash } }),
  }).map((attack) => ({
    doors: readers,
    ...attack,
    // Some are seen in the shape of an event, before its place in the log is looked at.
    stages:
      attack.name.includes("transaction") ||
      attack.name.includes("2^53") ||
      attack.name.includes("salt")
        ? ["structure", "schema"]
        : attack.stages,
  }))
}

/** The snapshot says another thing than the logs. */
export const snapshotAttacks = (base: Base): ReadonlyArray<Attack> => {
  const text = base.members.find(([name]) => name === snapshot)![1].toString()
  const lines = text.trimEnd().split("\n")
  const reworked = (changed: ReadonlyArray<string>) => () =>
    withContents(base, { [snapshot]: changed.map((line) => `${line}\n`).join("") })
  const manifest = (change: object) => () => withManifest(base, { ...change })
  return attacksOf("snapshot", ["referential", "schema"], {
    "a value changed": reworked(lines.map((line) => line.replace("#333334", "#333339"))),
    "a line missing": reworked(lines.slice(1)),
    "a line twice": reworked([lines[0]!, ...lines]),
    "lines in another order": reworked([...lines].reverse()),
    "an entity more": reworked([...lines, lines[0]!.replace(/"id":"[^"]*"/, '"id":"zzz"')]),
    "an entity risen from the dead": reworked(
      lines.map((line) => line.replace('"deleted":true', '"deleted":false')),
    ),
    nothing: reworked([]),
    "a line that is no entity": reworked(["{}", ...lines]),
    "a digest of another state": manifest({ digest: hash }),
    "other counts": manifest({ itemCounts: { token: 1 } }),
    "a type that is not there": manifest({
      itemCounts: { ...(base.manifest["itemCounts"] as object), zzz: 1 },
    }),
    "other conflicts": manifest({ conflicts: 7 }),
    "other entities": manifest({ entities: 7 }),
  }).map((attack) => ({ ...attack, doors: readers }))
}

/** An archive of another project gives values only: its snapshot is read line by line. */
export const foreignAttacks = (base: Base): ReadonlyArray<Attack> => {
  const project = "aaaqeayeaudaocajbifqydiob4"
  const text = base.members.find(([name]) => name === snapshot)![1].toString()
  const lines = text.trimEnd().split("\n")
  const entity = lines[0]!
  const foreign = (content: string | Buffer, pack?: typeof deflated) => () =>
    withContents(base, { [snapshot]: content }, { project }, pack)
  const first = (line: string) => foreign(`${[line, ...lines.slice(1)].join("\n")}\n`)
  const value = (json: string) => first(entity.replace(/"value":"[^"]*"/, `"value":${json}`))
  const faults = Object.entries(lineFaults)
    .filter(([name]) => !name.includes("MiB"))
    .map(([name, write]) => [`a snapshot with ${name}`, foreign(write(text))] as const)
  const bulk = (mebibytes: number): string => {
    const piece = () => `${randomBytes(64).toString("hex")}${"x".repeat(4_000)}`
    return Array.from({ length: mebibytes * 256 }, piece).join("")
  }
  return attacksOf("foreign", ["schema", "structure"], {
    ...Object.fromEntries(faults),
    "an entity with a key twice": first(entity.replace('"deleted":', '"deleted":true,"deleted":')),
    "an entity with the key __proto__": first(
      entity.replace('"fields":{', '"fields":{"__proto__":{"polluted":true},'),
    ),
    "an entity with more keys": first(entity.replace('"id":', '"hello":1,"id":')),
    "an entity without fields": first(entity.replace(/"fields":\{[^}]*\},/, "")),
    "an entity with a number for a type": first(entity.replace('"type":"token"', '"type":7')),
    "an entity with fields that are a list": first(
      entity.replace(/"fields":\{[^}]*\}/, '"fields":[]'),
    ),
    "a value of 2^53 + 1": value("9007199254740993"),
    "a value of 1e400": value("1e400"),
    "a value with a lone surrogate": value('"\\ud800"'),
    "a value with a NUL": value('"\\u0000"'),
    "a value of 100,000 levels": value(`${"[".repeat(100_000)}${"]".repeat(100_000)}`),
    "a line of 40 MiB that never ends": () =>
      foreign(`{"conflicts":[${"[".repeat(40 * 1024 * 1024)}`)(),
    "a line of 40 MiB of empty lists": () =>
      foreign(entity.replace('"conflicts":[', `"conflicts":[${"[],".repeat(13 * 1024 * 1024)}`))(),
    "a line of 40 MiB of empty keys": () =>
      foreign(entity.replace('"fields":{', `"fields":{${'"":0,'.repeat(8 * 1024 * 1024)}`))(),
    "a line of 129 MiB": () => foreign(Buffer.alloc(129 * 1024 * 1024, "x"))(),
    "an entity of 24 MiB": () =>
      foreign(`${entity.replace(/"value":"[^"]*"/, `"value":"${bulk(24)}"`)}\n`, deflated)(),
  }).map((attack) => ({ ...attack, doors: ["imported"] as const }))
}

/** Archives of somebody else: nothing is wrong with them but whose they are. */
export const belongingAttacks = (base: Base): ReadonlyArray<Attack> => {
  const project = "aaaqeayeaudaocajbifqydiob4"
  return attacksOf("belonging", ["manifest"], {
    "another project": { build: () => withManifest(base, { project }), doors: ["merged"] },
    "another project with a name for a terminal": {
      build: () => withManifest(base, { project, name: "\u001b[2J\u001b]0;evil\u0007\r\n" }),
      doors: ["merged"],
    },
    "another project with a name of 1 MiB": {
      build: () => withManifest(base, { project, name: "n".repeat(1024 * 1024) }),
      doors: ["merged"],
    },
    "another schema": {
      build: () => withManifest(base, { schema: { name: "golden", version: 1 } }),
      doors: ["imported", "merged"],
    },
    "another schema with a name for a terminal": {
      build: () => withManifest(base, { schema: { name: "\u001b[31mred\n", version: 1 } }),
      doors: ["imported", "merged"],
    },
  })
}
