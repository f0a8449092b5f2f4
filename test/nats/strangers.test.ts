/**
 * Others who write where replicas read: nonsense, bombs, forgeries; another process of the same
 * replica; a replica that was put back to an earlier day and does not know it.
 */
import { randomBytes } from "node:crypto"
import { copyFileSync, cpSync, existsSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import { headers } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openProject } from "../../src/index.ts"
import { encodeSegment } from "../../src/remote.ts"
import type { Segment } from "../../src/remote.ts"
import { asAdministrator, namesFor } from "./administrator.ts"
import { startServer } from "./server.ts"
import type { TestServer } from "./server.ts"
import { Team } from "./team.ts"
import type { Member } from "./team.ts"

const mebibyte = 1024 * 1024

let server: TestServer
let team: Team

beforeAll(async () => {
  server = await startServer()
})

afterAll(() => server.remove())

const withTeam = async (labels: ReadonlyArray<string>, run: () => Promise<void>): Promise<void> => {
  team = await Team.make(labels, server.url)
  try {
    await run()
    await team.settle()
  } finally {
    await team.remove()
  }
}

/** Little that grows to 64 MiB. */
const bomb = zstdCompressSync(Buffer.alloc(64 * mebibyte))

/** A segment as it could stand in a log, with these bytes for lines. */
const segment = (project: string, node: string, payload: Uint8Array, size: number): Buffer =>
  encodeSegment({
    project,
    node,
    publicKey: "ab".repeat(32),
    from: 1,
    to: 9,
    previous: "00".repeat(32),
    head: "cd".repeat(32),
    codec: "zstd",
    size,
    payload,
  } satisfies Segment)

/** What strangers put on subjects of a project. */
const nonsense = async (): Promise<ReadonlyArray<readonly [subject: string, body: Uint8Array]>> => {
  const project = await team.project()
  const names = namesFor(project)
  const node = await team.first.node()
  const stranger = "q".repeat(26)
  const small = zstdCompressSync(Buffer.from("{}\n"))
  return [
    [names.log(node, node), new Uint8Array()],
    [names.log(stranger, stranger), randomBytes(1000)],
    [names.log(stranger, node), randomBytes(900_000)],
    // Grows to more than it says, and to as much as it says.
    [names.log(stranger, stranger), segment(project, stranger, bomb, 1000)],
    [names.log(stranger, stranger), segment(project, stranger, bomb, 4 * mebibyte)],
    // Of another project, of another node than the subject's, of a node's own log.
    [names.log(stranger, stranger), segment("b".repeat(26), stranger, small, 3)],
    [names.log(stranger, node), segment(project, stranger, small, 3)],
    [names.log(stranger, node), segment(project, node, small, 3)],
    [names.about(stranger), randomBytes(100)],
    [names.about(stranger), Buffer.from('{"project":"x","name":5}')],
    [names.presence(stranger), randomBytes(100)],
    [names.presence(node), Buffer.from('{"v":1,"node":1e999}')],
    [names.askAny, Buffer.from('{"kind":"pull","since":{"__proto__":{}}}')],
    [names.askAll, Buffer.from("[".repeat(10_000))],
    [names.ask(node), Buffer.from('{"kind":"next","session":{},"page":-1}')],
    [`${names.prefix}.tail.${stranger}.${stranger}`, randomBytes(100)],
    [`${names.prefix}.tail.${node}.${node}`, segment(project, node, small, 3)],
  ]
}

const publishNonsense = async (): Promise<void> => {
  const messages = await nonsense()
  await asAdministrator(server.url, async ({ client }) => {
    for (const [subject, body] of messages) {
      client.publish(subject, body)
      const found = headers()
      found.set("Lamplog-Part", "0 4000 3999999 zz")
      found.set("Lamplog-Run", "v1 a b c d e")
      found.set("Nats-Sequence", "1e15")
      client.publish(subject, body, { headers: found })
    }
    await client.flush()
  })
}

describe("nonsense, bombs and forgeries", () => {
  it("among messages change nothing, and stop nobody who follows or comes later", () =>
    withTeam(["ana", "ben"], async () => {
      await team.first.write(20)
      await team.first.meet()
      for (const member of team.members) await member.follow()
      await team.equal()
      for (let round = 0; round < 3; round++) {
        await publishNonsense()
        for (const member of team.members) await member.write(10)
      }
      await team.equal()
      for (const member of team.members) await member.rest()
      await team.settle()
      const late = await team.join("cleo")
      await late.meet()
      await team.expectWhole()
    }))
})

describe("two processes of one replica", () => {
  it("may meet and follow at once", () =>
    withTeam(["ana", "ben"], async () => {
      const [ana, ben] = team.members
      const other = await openProject(team.optionsOf("ana"))
      const remote = await ana!.open()
      await ana!.follow()
      for (let round = 0; round < 5; round++) {
        await ben!.write(20)
        await Promise.all([
          ben!.meet(),
          ana!.write(20),
          other.sync(remote, { name: "other", timeoutMillis: 20_000 }),
        ])
      }
      await ana!.rest()
      await remote.close()
      await other.close()
      await team.settle()
      await team.expectWhole()
    }))
})

const allFiles = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/** Saves what a member holds; the project must be closed. */
const save = (label: string): void => {
  cpSync(team.at(label), team.at(`${label}-saved`), { recursive: true })
}

/**
 * Puts a member back to what was saved, so that nothing here can tell: the same files with older
 * content, as when a whole disk is put back, and no record of what was written since.
 */
const putBack = (label: string): void => {
  const [live, saved] = [team.at(label), team.at(`${label}-saved`)]
  for (const path of allFiles(live)) {
    const older = join(saved, path.slice(live.length))
    if (existsSync(older)) copyFileSync(older, path)
    else rmSync(path)
  }
  rmSync(team.at(`${label}-state`), { recursive: true, force: true })
}

const reopen = async (member: Member, between: () => void): Promise<void> => {
  await member.close()
  between()
  await member.reopen()
}

describe("a replica that was put back without knowing it", () => {
  it("takes back its own events, and goes on under another name", () =>
    withTeam(["ana", "ben"], async () => {
      const [ana, ben] = team.members
      await ana!.write(10)
      await ana!.meet()
      await reopen(ana!, () => save("ana"))
      await ana!.write(30)
      await ana!.meet()
      await ben!.meet()
      const before = await ana!.node()
      await reopen(ana!, () => putBack("ana"))
      expect((await ana!.project.status()).events).toBe(10)
      await ana!.meet()
      await ana!.write(5)
      expect(await ana!.node()).not.toBe(before)
      team.renamed += 1
      await ana!.meet()
      await team.settle()
      await team.expectWhole()
    }))

  it("and has written meanwhile: both histories stay, with the proof, and all hold the same", () =>
    withTeam(["ana", "ben"], async () => {
      const [ana, ben] = team.members
      await ana!.write(10)
      await ana!.meet()
      await reopen(ana!, () => save("ana"))
      await ana!.write(30)
      await ana!.meet()
      await reopen(ana!, () => putBack("ana"))
      await ana!.write(7)
      await ana!.meet()
      await ben!.write(1)
      await ana!.write(1)
      team.renamed += 1
      await team.settle()
      const states = await Promise.all(team.members.map(({ project }) => project.status()))
      for (const state of states) {
        expect(state).toMatchObject({
          digest: states[0]!.digest,
          frontier: states[0]!.frontier,
          events: team.written + team.renamed,
          entities: { token: team.written },
        })
        expect(state.forks).not.toEqual([])
      }
    }))
})
