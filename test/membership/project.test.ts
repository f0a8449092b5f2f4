/** A project of members as those see it who use it: who may write, and what others are told. */
import { cpSync, rmSync } from "node:fs"
import Database from "better-sqlite3"
import { describe, expect, it, onTestFinished } from "vitest"
import { initProject, LamplogError, openProject, restoreProject } from "../../src/index.ts"
import type { OpenProject } from "../../src/index.ts"
import { ana, bo, put, Workshop } from "../project/workshop.ts"

const found = async (workshop: Workshop): Promise<OpenProject> => {
  const options = { ...workshop.options, directory: workshop.at("a"), actor: "ana" }
  const project = await initProject({ ...options, membership: "members" })
  onTestFinished(() => project.close())
  return project
}

const open = async (workshop: Workshop, name: string): Promise<OpenProject> => {
  const project = await openProject({ ...workshop.options, directory: workshop.at(name) })
  onTestFinished(() => project.close())
  return project
}

const refusal = async (call: Promise<unknown>): Promise<LamplogError> => {
  const error: unknown = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  expect(error).toBeInstanceOf(LamplogError)
  return error as LamplogError
}

const nodeOf = async (project: OpenProject): Promise<string> => (await project.status()).node

/** Standings by node. */
const standings = async (project: OpenProject) =>
  Object.fromEntries(
    (await project.members()).members.map(({ node, standing }) => [node, standing]),
  )

describe("a project of members", () => {
  it("begins with its founder, who may write", async () => {
    const project = await found(new Workshop())
    await project.change([put("token/a", { value: 1 })], ana)
    const { me, members, membership } = await project.members()
    expect(membership).toBe("members")
    expect(members).toMatchObject([
      { node: me, name: "ana", level: 0, standing: "member", isMe: true },
    ])
    const log = await Array.fromAsync(project.log())
    expect(log.map(({ header }) => header.op)).toEqual(["admit", "put"])
    expect((await project.verify()).ok).toBe(true)
  })

  it("lets others read and not write, until they are admitted", async () => {
    const workshop = new Workshop()
    const project = await found(workshop)
    await project.change([put("token/a", { value: 1 })], ana)
    const other = await workshop.replicaOf(project, "b")
    const node = await nodeOf(other)
    expect(await other.get("token", "a")).toMatchObject({ fields: { value: 1 } })
    const error = await refusal(other.change([put("token/a", { value: 2 })], bo))
    expect(error).toMatchObject({ code: "not-a-member", where: node })
    expect(error.remedy).toContain(`lamplog node admit ${node}`)
    expect(await nodeOf(other)).toBe(node)
    expect(await standings(other)).toMatchObject({ [node]: "outside" })

    await project.admitNode(node, { ...ana, name: "Bo" })
    await workshop.carry(project, other)
    await other.change([put("token/a", { value: 2 })], bo)
    await workshop.carry(other, project)
    expect(await project.get("token", "a")).toMatchObject({ fields: { value: 2 } })
    expect((await project.members()).members).toMatchObject([
      { level: 0 },
      { node, name: "Bo", level: 1, admittedBy: await nodeOf(project), isMe: false },
    ])
    expect((await project.status()).digest).toBe((await other.status()).digest)
  })

  it("ends what counts of a node where its retirement says, on every replica alike", async () => {
    const workshop = new Workshop()
    const project = await found(workshop)
    const other = await workshop.replicaOf(project, "b")
    const node = await nodeOf(other)
    await project.admitNode(node, ana)
    await workshop.carry(project, other)
    await other.change([put("token/a", { value: "kept" })], bo)
    await workshop.carry(other, project)
    // What it writes before it hears of its retirement is nowhere lost, and nowhere counts.
    await other.change([put("token/a", { value: "late" })], bo)
    await project.retireNode(node, ana)
    await workshop.carry(other, project)
    await workshop.carry(project, other)
    for (const replica of [project, other]) {
      expect(await replica.get("token", "a")).toMatchObject({ fields: { value: "kept" } })
      expect((await replica.status()).setAside).toBe(1)
      expect(await standings(replica)).toMatchObject({ [node]: "retired" })
      expect((await replica.verify()).ok).toBe(true)
    }
    expect((await project.status()).digest).toBe((await other.status()).digest)
    expect(await refusal(other.change([put("token/a", { value: 3 })], bo))).toMatchObject({
      code: "retired",
    })
    expect(await refusal(project.admitNode(node, ana))).toMatchObject({ code: "node-retired" })
  })

  it("lets a node retire itself, the founder's too, and nobody write as it afterwards", async () => {
    const project = await found(new Workshop())
    const me = await nodeOf(project)
    await project.retireNode(me, ana)
    expect(await standings(project)).toEqual({ [me]: "retired" })
    expect(await refusal(project.change([put("token/a", {})], ana))).toMatchObject({
      code: "retired",
    })
    expect((await project.verify()).ok).toBe(true)
    expect((await project.status()).setAside).toBe(0)
  })

  it("refuses what would count nowhere", async () => {
    const workshop = new Workshop()
    const project = await found(workshop)
    const [two, three] = [
      await workshop.replicaOf(project, "b"),
      await workshop.replicaOf(project, "c"),
    ]
    const [me, b, c] = [await nodeOf(project), await nodeOf(two), await nodeOf(three)]
    const stranger = "a".repeat(26)
    expect(await refusal(two.admitNode(b, bo))).toMatchObject({ code: "not-a-member" })
    expect(await refusal(two.retireNode(me, bo))).toMatchObject({ code: "not-a-member" })
    await project.admitNode(b, ana)
    await project.admitNode(c, ana)
    await workshop.carry(project, two)
    const refusals: ReadonlyArray<readonly [Promise<unknown>, string]> = [
      [project.admitNode(b, ana), "already-member"],
      [project.admitNode("nobody", ana), "node-invalid"],
      [project.admitNode(stranger, { ...ana, name: "\n" }), "name-invalid"],
      [project.retireNode(stranger, ana), "node-unknown"],
      [project.retireNode("nobody", ana), "node-invalid"],
      [two.retireNode(me, bo), "not-entitled"],
      [two.retireNode(c, bo), "not-entitled"],
    ]
    const events = (await project.status()).events
    for (const [call, code] of refusals) expect(await refusal(call)).toMatchObject({ code })
    expect((await project.status()).events).toBe(events)
    await project.retireNode(c, ana)
    expect(await refusal(project.retireNode(c, ana))).toMatchObject({ code: "already-retired" })
  })

  it("goes on as a new node after a copy, whose id stays until a member has admitted it", async () => {
    const workshop = new Workshop()
    const project = await found(workshop)
    await project.change([put("token/a", { value: 1 })], ana)
    const old = await nodeOf(project)
    cpSync(workshop.at("a"), workshop.at("copy"), { recursive: true })
    const copy = await open(workshop, "copy")
    const first = await refusal(copy.change([put("token/a", { value: 2 })], bo))
    expect(first).toMatchObject({ code: "not-a-member" })
    const node = first.where!
    expect(node).not.toBe(old)
    expect(first.message).toContain("goes on as a new node")
    expect(await refusal(copy.change([put("token/a", { value: 2 })], bo))).toMatchObject({
      code: "not-a-member",
      where: node,
    })
    await copy.close()
    const again = await open(workshop, "copy")
    expect(await nodeOf(again)).toBe(node)
    await project.admitNode(node, ana)
    await workshop.carry(project, again)
    await again.change([put("token/a", { value: 2 })], bo)
    const log = await Array.fromAsync(again.log({ node }))
    expect(log.map(({ header }) => header.op)).toEqual(["continue", "patch"])
    expect(log[0]!.body.continues).toMatchObject({ node: old, seq: 2 })
    await workshop.carry(again, project)
    expect(await project.get("token", "a")).toMatchObject({ fields: { value: 2 } })
    expect((await project.verify()).ok).toBe(true)
  })

  it("loses nothing with a key: what was committed under it is signed already", async () => {
    const workshop = new Workshop()
    const project = await found(workshop)
    const other = await workshop.replicaOf(project, "b")
    const lost = await nodeOf(other)
    await project.admitNode(lost, ana)
    await workshop.carry(project, other)
    await other.change([put("token/a", { value: 1 })], bo)
    await other.close()
    rmSync(workshop.at(`b/.lamplog/keys/${lost}.key`))
    const again = await open(workshop, "b")
    const { where: node } = await refusal(again.change([put("token/a", { value: 2 })], bo))
    await project.admitNode(node!, ana)
    await workshop.carry(project, again)
    await again.change([put("token/a", { value: 2 })], bo)
    // The new log builds on the old one, which nobody could sign any more.
    await workshop.carry(again, project)
    expect(await project.get("token", "a")).toMatchObject({ fields: { value: 2 } })
  })

  it("can be restored from a backup, as a node that has to be admitted", async () => {
    const workshop = new Workshop()
    const project = await found(workshop)
    await project.change([put("token/a", { value: 1 })], ana)
    const path = workshop.at("backup.lamplog-backup")
    await project.backupProject({ path })
    const { digest } = await project.status()
    await project.close()
    rmSync(workshop.at("a"), { recursive: true })
    const restored = await restoreProject(path, {
      ...workshop.options,
      directory: workshop.at("back"),
    })
    onTestFinished(() => restored.close())
    expect((await restored.status()).digest).toBe(digest)
    const error = await refusal(restored.change([put("token/b", {})], ana))
    expect(error).toMatchObject({ code: "not-a-member" })
  })

  it("gets back from a backup where its logs may be cut", async () => {
    const workshop = new Workshop()
    const project = await found(workshop)
    for (let round = 0; round < 5; round++) {
      const changes = Array.from({ length: 300 }, (_, at) => put(`token/${round}-${at}`, {}))
      await project.change(changes, ana)
    }
    const { backupPath: path } = await project.backupProject({ path: workshop.at("all.backup") })
    const restored = await restoreProject(path, {
      ...workshop.options,
      directory: workshop.at("back"),
    })
    onTestFinished(() => restored.close())
    const [before, after] = ["a", "back"].map((name) => {
      const sqlite = new Database(workshop.at(`${name}/.lamplog/project.db`), { readonly: true })
      onTestFinished(() => void sqlite.close())
      return sqlite.prepare("SELECT line, seq, signature FROM signatures").all()
    })
    expect(before!.length).toBeGreaterThanOrEqual(3)
    expect(after).toEqual(before)
    expect((await restored.verify()).ok).toBe(true)
  })
})

describe("an open project", () => {
  it("has no members, and admits and retires nobody", async () => {
    const project = await new Workshop().project()
    expect(await project.members()).toMatchObject({ membership: "open", members: [] })
    const me = await nodeOf(project)
    expect(await refusal(project.admitNode(me, ana))).toMatchObject({ code: "project-open" })
    expect(await refusal(project.retireNode(me, ana))).toMatchObject({ code: "project-open" })
  })
})
