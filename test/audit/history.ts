/**
 * A replica's database with everything in it that one can hold: several nodes, transactions,
 * conflicts open and settled, deletes, maps and sets, a log that forked at its first event and
 * inside transactions, events of a newer kind set aside, signed heads, a digest that was kept and entities
 * that changed since. A function of the seed, but for what `meta` remembers of its file.
 */
import * as Schema from "effect/Schema"
import { Author } from "../../src/store/author.ts"
import { openConflicts } from "../../src/store/query.ts"
import type { Replica } from "../../src/store/replica.ts"
import type { Change } from "../../src/state/change.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import type { ProjectSchema } from "../../src/state/schema.ts"
import { Random } from "../simulation/random.ts"
import { carry, seedOf, write } from "../store/replicas.ts"
import type { Shelf } from "../store/replicas.ts"

const token = {
  value: { kind: "register", value: Schema.String },
  next: { kind: "register" },
  modes: { kind: "map" },
  tags: { kind: "set" },
} as const

const older: ProjectSchema = {
  name: "trial",
  version: 1,
  open: false,
  types: {
    token: {
      version: 1,
      fields: token,
      references: ({ next }) =>
        typeof next === "string" ? [{ type: "token", id: next, field: "next" }] : [],
    },
    theme: { version: 1, fields: {} },
  },
}

const newer: ProjectSchema = {
  ...older,
  version: 2,
  types: {
    ...older.types,
    theme: { version: 2, fields: { shades: { kind: "map" } } },
    note: { version: 1, fields: {} },
  },
}

/** What the replica under examination understands. */
export const trialSchemas = (): SchemaRegistry => new SchemaRegistry().register(older)
/** What it will understand after an upgrade. */
export const newerSchemas = (): SchemaRegistry => new SchemaRegistry().register(newer)

const entities = 90

const randomChange = (random: Random): Change => {
  const type = random.chance(0.85) ? "token" : "theme"
  const id = `${type} ${random.below(entities)}`
  const roll = random.next()
  if (roll < 0.12) return { op: "delete", type, id }
  if (type === "theme") return { op: "patch", type, id, fields: { name: `n${random.below(5)}` } }
  if (roll < 0.2) return { op: "patch", type, id, unset: [`modes/${random.pick(["dark", "10"])}`] }
  if (roll < 0.3) return { op: "put", type, id, fields: { value: `v${random.below(9)}` } }
  const fields = {
    ...(random.chance(0.6)
      ? { value: `größe ${random.below(9)}` }
      : { next: `token ${random.below(120)}` }),
    ...(random.chance(0.4)
      ? { [`modes/${random.pick(["dark", "light", "10", "a/b"])}`]: random.below(9) }
      : {}),
    ...(random.chance(0.4) ? { tags: random.some(["x", "y", "z", 1, null], 0.5) } : {}),
  }
  return { op: "patch", type, id, fields }
}

const randomEdits = (random: Random, replica: Replica, actor: string): void => {
  const author = new Author(replica)
  for (let count = random.between(2, 6); count > 0; count--) {
    const changes = Array.from({ length: random.between(1, 5) }, () => randomChange(random))
    author.write(changes, { actor, at: "2026-01-01T00:00:00Z" })
  }
}

/** Settles one conflict of a field, as a resolution does. */
const settleOne = (random: Random, replica: Replica): void => {
  const open = openConflicts(replica).filter(
    ({ kind, type }) => kind === "field" && type === "token",
  )
  if (open.length === 0) return
  const { id, type, entity, field } = random.pick(open)
  const [name, key] = field.split("/")
  const value = `settled ${random.below(9)}`
  const fields = key === undefined ? { [name!]: value } : { [name!]: { set: { [key]: value } } }
  new Author(replica).append(type, entity, "resolve", { fields, settles: id }, { actor: "judge" })
}

/** Two replicas under one key write different things after the same beginning. */
const fork = (shelf: Shelf, main: Replica): ReadonlyArray<Replica> => {
  const options = { project: main.project, schemas: trialSchemas(), schema: "trial" }
  const twins = ["twin", "other twin"].map((name) =>
    shelf.create(name, { ...options, seed: seedOf("twin") }),
  )
  const put = (id: string, value: string): Change => ({
    op: "put",
    type: "token",
    id,
    fields: { value },
  })
  for (const twin of twins) write(twin, [put("begun", "1"), put("begun too", "2")])
  // Apart inside a transaction: its first member is the same event.
  write(twins[0]!, [put("shared", "3"), put("left", "4")])
  write(twins[1]!, [put("shared", "3"), put("right", "5")])
  for (const [index, twin] of twins.entries()) write(twin, [put("begun", `after ${index}`)])
  // Twice more the log is written anew: apart at its second event, and from its first.
  const again = (name: string, changes: ReadonlyArray<Change>): Replica => {
    const stateDirectory = shelf.path(`state of the ${name}`)
    const twin = shelf.create(name, { ...options, seed: seedOf("twin"), stateDirectory })
    write(twin, changes)
    return twin
  }
  const third = again("third twin", [put("begun", "1"), put("begun too", "other")])
  const fourth = again("fourth twin", [put("begun", "otherwise")])
  return [...twins, third, fourth]
}

/** Builds the database in the folder `main` of the shelf and closes it. */
export const buildHistory = (shelf: Shelf, seed: number): void => {
  const random = new Random(seed)
  const schemas = trialSchemas()
  const project = "trialtrialtrialtrialtrialt"
  const main = shelf.create("main", { schemas, schema: "trial", seed: seedOf("main"), project })
  const join = (name: string, registry: SchemaRegistry) =>
    shelf.create(name, {
      schemas: registry,
      schema: "trial",
      seed: seedOf(name),
      project: main.project,
    })
  const nodes = [
    main,
    join("second", schemas),
    join("third", schemas),
    join("newer", newerSchemas()),
  ]
  const fill = Array.from({ length: entities }, (_, index): Change => {
    return { op: "put", type: "token", id: `token ${index}`, fields: { value: "first" } }
  })
  write(main, fill)
  for (let round = 0; round < 7; round++) {
    for (const node of nodes) randomEdits(random, node, `actor ${nodes.indexOf(node)}`)
    const newest = nodes.at(-1)!
    write(newest, [
      { op: "put", type: "note", id: `note ${round}`, fields: { text: "later" } },
      { op: "patch", type: "token", id: `token ${round}`, fields: { value: "beside a note" } },
    ])
    write(newest, [{ op: "patch", type: "theme", id: "theme 1", fields: { "shades/dark": round } }])
    for (const node of nodes) if (random.chance(0.5)) node.signOwnHead()
    const [from, to] = random.shuffle(nodes)
    carry(from!, to!)
    settleOne(random, to!)
  }
  for (const node of [...nodes.slice(1), ...fork(shelf, main)]) carry(node, main)
  settleOne(random, main)
  main.signOwnHead()
  main.digest()
  // Changed after the digest was kept: one bucket is stale, and two entities are not listed yet.
  write(main, [
    { op: "patch", type: "token", id: "token 3", fields: { value: "changed since" } },
    { op: "put", type: "token", id: "late", fields: { value: "new" } },
    { op: "put", type: "token", id: "later", fields: { value: "new" } },
  ])
  shelf.close(main)
}
