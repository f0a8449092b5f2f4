/**
 * Random token files and entities, from a seed that replays them. Names and values are drawn from what
 * real files hold and from what could confuse an importer: words that are properties elsewhere, names
 * of JavaScript's own, and signs that ids and references use.
 */
import type { ForeignEntity, Json } from "../../../adapters/tokens/index.ts"

export type Tree = { [key: string]: Json }

/** Mulberry32: a small generator, the same on every machine. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }
}

const names = [
  ..."a b c red 0 10 @ А modes sets type extensions original path name attributes".split(" "),
  ..."filePath toString valueOf value plain.type light/dark a.b".split(" "),
  "",
  " ",
  "\\",
  "a\\.b",
  "{x}",
  '"20-A32"',
]

const words = [
  "color",
  "dimension",
  "{a.b}",
  "calc({a} * 2)",
  "",
  "#fff",
  "16px",
  "\u{1f3a8}",
  "\n",
]

export const randomValue = (random: Random, depth = 0): Json => {
  const kind = random.below(depth > 2 ? 5 : 8)
  if (kind === 0) return null
  if (kind === 1) return random.chance(50)
  if (kind === 2) return random.pick([0, -1.5, 0.1 + 0.2, 1e-7, 9007199254740991])
  if (kind <= 4) return random.pick(words)
  const size = random.below(4)
  if (kind === 5) return Array.from({ length: size }, () => randomValue(random, depth + 1))
  return Object.fromEntries(
    Array.from({ length: size }, () => [random.pick(names), randomValue(random, depth + 1)]),
  )
}

const properties = [
  "",
  "tags",
  "modes/x",
  "sets",
  "$type",
  "$description",
  "$deprecated",
  "$schema",
  "$x",
  "comment",
  "type",
  "value",
]

const randomProperties = (random: Random): Tree => {
  const node: Tree = {}
  while (random.chance(40)) node[random.pick(properties)] = randomValue(random)
  if (random.chance(20)) node.$extensions = { "org.example": randomValue(random) }
  return node
}

const randomToken = (random: Random, spelling: "dtcg" | "plain"): Tree => {
  const node = randomProperties(random)
  if (spelling === "dtcg") node.$value = randomValue(random)
  else {
    delete node.sets
    if (random.chance(70)) node.value = randomValue(random)
    else
      node.sets = {
        light: { value: 1 },
        dark: { sets: { desktop: { value: 2, uuid: "u" } }, $x: 1 },
      }
  }
  return node
}

/** A tree of tokens and groups; tokens may hold tokens, groups may hold properties. */
export const randomTree = (random: Random, spelling: "dtcg" | "plain", depth = 0): Tree => {
  const node = random.chance(30) ? randomProperties(random) : {}
  if (spelling === "plain") delete node.value
  const size = 1 + random.below(4)
  for (let index = 0; index < size; index++) {
    const name = spelling === "dtcg" && random.chance(5) && depth > 0 ? "$root" : random.pick(names)
    if (spelling === "plain" && (name === "value" || name === "sets")) continue
    const deeper = depth < 4 && random.chance(45)
    const child = deeper ? randomTree(random, spelling, depth + 1) : {}
    const token = !deeper || random.chance(15)
    node[name] = token ? { ...child, ...randomToken(random, spelling) } : child
  }
  if (depth === 0) node.sure = randomToken(random, spelling)
  return node
}

const types = ["token", "token", "token", "group", "group", "theme", "component", "style", "asset"]
const fieldNames = [
  "type",
  "description",
  "deprecated",
  "extensions",
  "$ref",
  "$extends",
  "$schema",
]

const randomFields = (random: Random, type: string): Tree => {
  const fields: Tree = {}
  while (random.chance(60)) {
    const name = random.pick([...fieldNames, ...names])
    fields[name] = randomValue(random)
  }
  if (random.chance(30)) fields.extensions = { "org.example": randomValue(random) }
  if (random.chance(5)) fields.extensions = { "dev.lamplog": randomValue(random) }
  if (type !== "token") return fields
  delete fields.modes
  delete fields.value
  const shape = random.below(10)
  if (shape < 5) fields.value = randomValue(random)
  else if (shape < 9) {
    const modes: Tree = {}
    while (random.chance(70)) {
      const entry: Tree = random.chance(90) ? { value: randomValue(random) } : {}
      modes[random.pick(["$default", "light", "dark", "a/b", "toString", "0"])] = entry
    }
    fields.modes = modes
  }
  return fields
}

/** Entities as an engine may hold them, whatever made them: each type and id once. */
export const randomEntities = (random: Random): ReadonlyArray<ForeignEntity> => {
  const entities = new Map<string, ForeignEntity>()
  const ids = [
    "$root",
    "a",
    "a.b",
    "a.b.c",
    "a.$root",
    "$root.a",
    "$value",
    "a\\.b",
    "a\\",
    "a..b",
    ".",
    "\\e.a",
  ]
  const size = random.below(12)
  for (let index = 0; index < size; index++) {
    const type = random.pick(types)
    const id = random.chance(70)
      ? random.pick(ids)
      : `${random.pick(names)}.${random.pick([...names, "__proto__", "constructor"])}`
    entities.set(`${type} ${id}`, { type, id, fields: randomFields(random, type) })
  }
  return [...entities.values()]
}
