/**
 * Random damage and forgery, from one seed each.
 */
import { deflateRawSync } from "node:zlib"
import { sha256 } from "../../../src/event/hash.ts"
import { Random } from "../../simulation/random.ts"
import { manifestBytesOf } from "./attack.ts"
import type { Members, Source } from "./sources.ts"
import { zipBytes } from "./zip-bytes.ts"
import type { Entry } from "./zip-bytes.ts"

export interface Mutation {
  readonly source: Source
  /** What was done, for people. */
  readonly what: string
  readonly bytes: Buffer
  /** Whether the manifest may be another one: a forger without a key can say much. */
  readonly reforged: boolean
}

const odd = [0, 1, 2, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff]

/** Some stretch of the bytes; short ones are likelier. */
const stretchOf = (random: Random, length: number): readonly [start: number, end: number] => {
  const start = random.below(length)
  const most = random.chance(0.7) ? 16 : length
  return [start, Math.min(length, start + 1 + random.below(most))]
}

type OnBytes = (random: Random, bytes: Buffer, other: Buffer) => Buffer

const spliced = (bytes: Buffer, start: number, end: number, between: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, start), between, bytes.subarray(end)])

const none = Buffer.alloc(0)

const onBytes: { readonly [name: string]: OnBytes } = {
  "bits flipped": (random, bytes) => {
    const changed = Buffer.from(bytes)
    for (let count = random.between(1, 8); count > 0; count--) {
      changed[random.below(changed.length)]! ^= 1 << random.below(8)
    }
    return changed
  },
  "one bit flipped": (random, bytes) => {
    const changed = Buffer.from(bytes)
    changed[random.below(changed.length)]! ^= 1 << random.below(8)
    return changed
  },
  "cut at the end": (random, bytes) => bytes.subarray(0, random.below(bytes.length)),
  "cut at the start": (random, bytes) => bytes.subarray(random.between(1, bytes.length - 1)),
  "a stretch deleted": (random, bytes) => {
    const [start, end] = stretchOf(random, bytes.length)
    return spliced(bytes, start, end, none)
  },
  "a stretch doubled": (random, bytes) => {
    const [start, end] = stretchOf(random, bytes.length)
    return spliced(bytes, end, end, bytes.subarray(start, end))
  },
  "a stretch copied over another place": (random, bytes) => {
    const [start, end] = stretchOf(random, bytes.length)
    const to = random.below(bytes.length)
    return spliced(bytes, to, Math.min(bytes.length, to + end - start), bytes.subarray(start, end))
  },
  "a stretch of zeros": (random, bytes) => {
    const [start, end] = stretchOf(random, bytes.length)
    return spliced(bytes, start, end, Buffer.alloc(end - start))
  },
  "random bytes put in": (random, bytes) => {
    const some = Buffer.from(Array.from({ length: random.between(1, 64) }, () => random.below(256)))
    const start = random.below(bytes.length + 1)
    return spliced(bytes, start, start, some)
  },
  "the tail of another": (random, bytes, other) =>
    Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(other.length)),
    ]),
  "another behind": (_, bytes, other) => Buffer.concat([bytes, other]),
}

/** Offsets of the headers in a well-formed zip, by their signatures. */
const headersOf = (bytes: Buffer): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (const signature of [
    "PK\u0003\u0004",
    "PK\u0001\u0002",
    "PK\u0005\u0006",
    "PK\u0007\u0008",
  ]) {
    const wanted = Buffer.from(signature, "latin1")
    for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) found.push(at)
  }
  return found.sort((left, right) => left - right)
}

const fieldChanged: OnBytes = (random, bytes) => {
  const changed = Buffer.from(bytes)
  const header = random.pick(headersOf(bytes))
  const at = Math.min(header + random.below(46), bytes.length - 4)
  const wide = random.chance(0.5)
  const value = random.pick(odd)
  const near = random.pick([-1, 1])
  if (wide) {
    const before = changed.readUInt32LE(at)
    changed.writeUInt32LE((random.chance(0.5) ? value : before + near) >>> 0, at)
  } else {
    const before = changed.readUInt16LE(at)
    changed.writeUInt16LE((random.chance(0.5) ? value : before + near) & 0xffff, at)
  }
  return changed
}

const packedAs = (random: Random, members: Members): Buffer =>
  zipBytes(
    members.map(([title, content]): Entry => {
      if (random.chance(0.3)) return { title, content }
      const packed = deflateRawSync(content, { level: random.between(0, 9) })
      return { title, content, method: 8, packed }
    }),
  )

/** Some bytes of a text changed, mostly into others that texts have. */
const edited = (random: Random, content: Buffer): Buffer => {
  if (content.length === 0) return Buffer.from("{}\n")
  const [start, end] = stretchOf(random, content.length)
  const choice = random.below(5)
  if (choice === 0) return spliced(content, start, end, none)
  if (choice === 1) return spliced(content, end, end, content.subarray(start, end))
  const changed = Buffer.from(content)
  if (choice === 2) changed[start]! ^= 1 << random.below(7)
  else if (choice === 3)
    changed[start] = random.pick([...Buffer.from('09af{}[]",:\\ \t\n\r\0-.eE')])
  else {
    const lines = content.toString("latin1").split("\n")
    const one = random.below(lines.length)
    const two = random.below(lines.length)
    const kept = lines[one]!
    lines[one] = lines[two]!
    lines[two] = kept
    return Buffer.from(lines.join("\n"), "latin1")
  }
  return changed
}

type OnMembers = (random: Random, members: Members, other: Members) => Members

const editedMember: OnMembers = (random, members) => {
  const at = random.below(members.length)
  return members.map(([name, content], index) =>
    index === at ? [name, edited(random, content)] : [name, content],
  )
}

const onMembers: { readonly [name: string]: OnMembers } = {
  "packed anew": (_, members) => members,
  "a member edited": editedMember,
  "two members' contents swapped": (random, members) => {
    const [one, two] = [random.below(members.length), random.below(members.length)]
    return members.map(([name, content], index) => [
      name,
      index === one ? members[two]![1] : index === two ? members[one]![1] : content,
    ])
  },
  "two members swapped": (random, members) => {
    const [one, two] = [random.below(members.length), random.below(members.length)]
    return members.map((member, index) =>
      index === one ? members[two]! : index === two ? members[one]! : member,
    )
  },
  "a member left out": (random, members) => {
    const at = random.below(members.length)
    return members.filter((_, index) => index !== at)
  },
  "a member twice": (random, members) => [...members, random.pick(members)],
  "a member renamed": (random, members) => {
    const at = random.below(members.length)
    return members.map(([name, content], index) =>
      index === at
        ? [edited(random, Buffer.from(name)).toString("latin1"), content]
        : [name, content],
    )
  },
  "a member of another archive": (random, members, other) => {
    const foreign = random.pick(other)
    return members.map((member) => (member[0] === foreign[0] ? foreign : member))
  },
  "a member of another archive beside": (random, members, other) => [
    ...members,
    random.pick(other),
  ],
}

type Value = null | boolean | number | string | Array<Value> | { [key: string]: Value }

const oddNumbers = [0, 1, -1, 0.5, 7, 4294967296, 9007199254740991, 1e21]

const otherValue = (random: Random, value: Value): Value => {
  if (typeof value === "number") {
    return random.chance(0.5) ? value + random.pick([-1, 1]) : random.pick(oddNumbers)
  }
  if (typeof value === "string") {
    return random.chance(0.2) ? "" : edited(random, Buffer.from(`${value} `)).toString("latin1")
  }
  if (typeof value === "boolean") return !value
  return random.pick<Value>([null, [], {}, 0, "x"])
}

/** One place of a JSON value changed: another value, gone, doubled or moved. */
const altered = (random: Random, value: Value): Value => {
  if (Array.isArray(value)) {
    if (value.length === 0) return [random.pick<Value>([0, "x", {}])]
    const at = random.below(value.length)
    const choice = random.below(8)
    if (choice === 0) return value.filter((_, index) => index !== at)
    if (choice === 1) return [...value, value[at]!]
    if (choice === 2) return value.toReversed()
    return value.map((item, index) => (index === at ? altered(random, item) : item))
  }
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value)
    if (keys.length === 0 || random.chance(0.05)) return { ...value, x: 1 }
    const key = random.pick(keys)
    if (random.chance(0.08)) {
      return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
    }
    return { ...value, [key]: altered(random, value[key]!) }
  }
  return otherValue(random, value)
}

const withManifest = (members: Members, manifest: Value): Members => {
  let bytes: Buffer
  try {
    bytes = manifestBytesOf(manifest)
  } catch {
    bytes = Buffer.from(`${JSON.stringify(manifest)}\n`)
  }
  return members.map((member, index) => (index === 0 ? [member[0], bytes] : member))
}

/** A member edited, and the manifest made to fit it: what a forger without keys can do. */
const reforged: OnMembers = (random, members) => {
  const [first, ...rest] = members
  const changed = editedMember(random, rest, rest)
  const manifest = JSON.parse(first![1].toString()) as { [key: string]: Value }
  const held = new Map(changed)
  const listed = (manifest["members"] as Array<{ path: string }>).map(({ path }) => {
    const content = held.get(path)!
    return { path, sha256: sha256(content), size: content.length }
  })
  return withManifest([first!, ...changed], { ...manifest, members: listed })
}

const onManifest: OnMembers = (random, members) =>
  withManifest(members, altered(random, JSON.parse(members[0]![1].toString()) as Value))

/** The mutation of a seed. */
export const mutationOf = (seed: number, sources: ReadonlyArray<Source>): Mutation => {
  const random = new Random(seed)
  const source = random.pick(sources)
  const other = random.pick(sources)
  const { members } = source
  const choice = random.next()
  if (members === undefined || choice < 0.4) {
    const what = random.pick(Object.keys(onBytes))
    const bytes = onBytes[what]!(random, source.bytes, other.bytes)
    return { source, what, bytes, reforged: false }
  }
  if (choice < 0.6) {
    const what = "a field changed"
    return { source, what, bytes: fieldChanged(random, source.bytes, other.bytes), reforged: false }
  }
  if (choice < 0.75) {
    const what = random.pick(Object.keys(onMembers))
    const changed = onMembers[what]!(random, members, other.members ?? members)
    return { source, what, bytes: packedAs(random, changed), reforged: false }
  }
  const forge = choice < 0.9
  const changed = (forge ? onManifest : reforged)(random, members, members)
  const what = forge ? "the manifest altered" : "a member edited, the manifest made to fit"
  return { source, what, bytes: packedAs(random, changed), reforged: true }
}
