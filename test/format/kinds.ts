/**
 * One archive of each kind that the page knows, of one small project with an asset.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { Selection } from "../../src/archive/archive.ts"
import { writeArchive } from "../../src/archive/write.ts"
import type { WriteArchiveOptions } from "../../src/archive/write.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import type { Json } from "../../src/event/canonical.ts"
import { sha256 } from "../../src/event/hash.ts"
import { signingKeyFromPem } from "../../src/seal/keys.ts"
import type { SigningKey } from "../../src/seal/keys.ts"
import { Assets } from "../../src/store/assets.ts"
import { Author } from "../../src/store/author.ts"
import { Replica } from "../../src/store/replica.ts"
import { ForgedLog, projectId, receive } from "../log/forge.ts"
import type { Carried } from "../log/forge.ts"
import { pemOf, seeds, story } from "./vectors.ts"
import type { Person } from "./vectors.ts"

/** Always the same key for a name. */
export const signingKeyOf = (name: string): SigningKey =>
  signingKeyFromPem(pemOf(sha256(name)), "test", name)

/** Replicas of one project in a folder of their own, and archives of them. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), "lamplog-python-"))
  readonly #opened: Array<Replica> = []

  replica(name: string, seed?: string): Replica {
    const replica = Replica.create(join(this.folder, name), {
      schemas: builtInSchemas(),
      name: "Tokens",
      schema: "design-system",
      project: projectId,
      stateDirectory: join(this.folder, "state"),
      ...(seed === undefined ? {} : { seed }),
    })
    this.#opened.push(replica)
    return replica
  }

  person(name: "ana" | "bo"): Person {
    const replica = this.replica(name, seeds[name])
    return { replica, author: new Author(replica) }
  }

  path(name: string): string {
    return join(this.folder, `${name}.lamplog`)
  }

  async archive(replica: Replica, name: string, options: WriteArchiveOptions = {}) {
    const path = this.path(name)
    await Effect.runPromise(writeArchive(replica, path, options))
    return path
  }

  clear(): void {
    for (const replica of this.#opened) replica.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

const addAsset = async ({ author, replica }: Person, id: string, text: string): Promise<void> => {
  const assets = new Assets(replica.directory)
  const staged = await assets.stage(once(Buffer.from(text)))
  assets.place([staged], () => {})
  const fields: { [field: string]: Json } = { sha256: staged.sha256, bytes: staged.bytes }
  author.write([{ op: "put", type: "asset", id, fields }], { actor: "bo@example.org" })
}

/** A log that forks at once, goes on in both branches, and parts inside a transaction. */
export const forkedLogs = (): ReadonlyArray<Carried> => {
  const trunk = new ForgedLog("forker")
  const first = trunk.add({ op: "put", lamport: 1, body: { fields: { value: 1 } } })
  trunk.add({ id: "red", op: "put", lamport: 2, transaction: [0, 2] })
  const branch = trunk.branch(2)
  trunk.add({ lamport: 2, transaction: [1, 2], parents: [first], body: { fields: { value: 2 } } })
  branch.add({ lamport: 2, transaction: [1, 2], parents: [first], body: { fields: { value: 3 } } })
  const other = trunk.branch(1)
  other.add({ lamport: 2, parents: [first], body: { unset: ["value"] } })
  other.add({ id: "later", op: "invented", lamport: 3 })
  return [trunk, branch, other]
}

/** A log that parts inside a transaction and nowhere else. */
const partedLogs = (): ReadonlyArray<Carried> => {
  const trunk = new ForgedLog("parted")
  trunk.add({ id: "red", op: "put", lamport: 1, transaction: [0, 2] })
  const branch = trunk.branch(1)
  trunk.add({ op: "put", lamport: 1, transaction: [1, 2], body: { fields: { value: 2 } } })
  branch.add({ op: "put", lamport: 1, transaction: [1, 2], body: { fields: { value: 3 } } })
  return [trunk, branch]
}

export const signer = signingKeyOf("ana@example.org")

const extracts: { readonly [name: string]: Selection } = {
  "an extract of types, closed": { types: ["asset", "token"], closed: true },
  "an extract of tokens": { types: ["token"], closed: false },
  "an extract of names": { entities: ["asset/logo", "token/color/blue"], closed: false },
  "an extract of one entity, closed": { entities: ["token/color/link"], closed: true },
  "an extract of one entity, open": { entities: ["token/color/link"], closed: false },
  "an extract by tag": { tags: ["accent", "x"], closed: false },
  "an extract by value": {
    types: ["token"],
    where: [{ field: "value", value: "#3344ff" }],
    closed: false,
  },
}

/** Archives by what they are. */
export type Kinds = ReadonlyMap<string, string>

export const makeKinds = async (place: Workplace): Promise<Kinds> => {
  const people = [place.person("ana"), place.person("bo")] as const
  story(...people)
  const { replica } = people[1]
  const paths = new Map<string, string>()
  const add = async (name: string, options: WriteArchiveOptions = {}, of = replica) =>
    void paths.set(name, await place.archive(of, `kind ${paths.size}`, options))
  const since = replica.lines.frontier()
  await add("a complete archive")
  await addAsset(people[1], "logo", "the bytes of a logo")
  await addAsset(people[1], "icon", "the bytes of an icon")
  await add("one with assets")
  await add("one with assets that it leaves out", { assets: "none" })
  await add("one that is not compressed", { store: true })
  await add("an incremental archive", { since })
  await add("an incremental archive of nothing", { since: replica.lines.frontier() })
  await add("a signed archive", { sign: signer })
  await add("a signed incremental archive", { since, sign: signer })
  for (const [name, select] of Object.entries(extracts)) await add(name, { select })
  await add("a signed extract", { select: { types: ["token"], closed: false }, sign: signer })
  await add("an archive of nothing", {}, place.replica("empty"))
  for (const [name, logs] of Object.entries({ branches: forkedLogs(), parts: partedLogs() })) {
    const forks = place.replica(name)
    receive(forks, logs)
    await add(`an archive of ${name}`, {}, forks)
    for (const [log, end] of Object.entries(forks.lines.frontier())) {
      await add(`what came to ${name} since ${log}`, { since: { [log]: end } }, forks)
    }
  }
  return paths
}
