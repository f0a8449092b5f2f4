/** `init`, `status`, `config`: a folder becomes a project, and knows who works in it. */
import { cpSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { beforeEach, describe, expect, it } from "vitest"
import type { StatusDocument } from "./documents.ts"
import { stage } from "./stage.ts"

const { run, json, folder, path } = stage()

let count = 0
let here = ""
beforeEach(() => {
  here = `project-${(count += 1)}`
  folder(here)
})

describe("init", () => {
  it("makes a project named after its folder, of a design system", async () => {
    const made = await json<Record<string, string>>(["init"], { in: here })
    expect(made.project).toMatch(/^[a-z2-7]{26}$/)
    expect(made.node).toMatch(/^[a-z2-7]{26}$/)
    expect(made.actor).toBe("tester")
    const status = await json<StatusDocument & { schema: unknown }>(["status"], { in: here })
    expect(status).toMatchObject({
      project: made.project,
      name: here,
      node: made.node,
      actor: "tester",
      lamport: 0,
      events: 0,
      entities: {},
      conflicts: 0,
      frontier: {},
      setAside: 0,
      waiting: 0,
    })
    expect(status.digest).toMatch(/^[0-9a-f]{64}$/)
  })

  it("takes a name, a schema, an actor, and the folder to make", async () => {
    const argv = ["init", "--name", "Mine", "--schema", "open", "--actor", "ana", "--project"]
    expect(await json(["--json", ...argv, `${here}/below`])).toMatchObject({ actor: "ana" })
    const status = await json<StatusDocument>(["status", "--project", `${here}/below`], {
      environment: { LAMPLOG_ACTOR: "" },
    })
    expect(status).toMatchObject({ name: "Mine", actor: "ana", schema: { name: "open" } })
  })

  it("keeps user@host as the actor when nobody is named", async () => {
    const environment = { LAMPLOG_ACTOR: "" }
    const made = await json<Record<string, string>>(["init"], { in: here, environment })
    expect(made.actor).toMatch(/^.+@.+$/)
    await json(["set", "token/x", "value=1"], { in: here, environment })
    const log = await json<Array<{ actor: string }>>(["log"], { in: here })
    expect(log[0]!.actor).toBe(made.actor)
  })

  it("leaves the secret key readable to its owner alone", async () => {
    const { node } = await json<{ node: string }>(["init"], { in: here })
    expect(statSync(path(here, ".lamplog", "keys", `${node}.key`)).mode & 0o077).toBe(0)
  })

  it("refuses a folder that is a project already, and leaves that as it is", async () => {
    await json(["init"], { in: here })
    const before = await json(["status"], { in: here })
    const { status, stdout } = await run(["init", "--json"], { in: here })
    expect(status).toBe(1)
    expect(JSON.parse(stdout).error.code).toBe("project-exists")
    expect(await json(["status"], { in: here })).toEqual(before)
  })
})

describe("status", () => {
  it("finds the project upwards", async () => {
    const { node } = await json<{ node: string }>(["init"], { in: here })
    folder(`${here}/a/b`)
    expect(await json(["status"], { in: `${here}/a/b` })).toMatchObject({ node })
  })

  it("counts what is there", async () => {
    await json(["init"], { in: here })
    await json(["set", "token/a", "value=1"], { in: here })
    await json(["set", "theme/t", "name=x"], { in: here })
    await json(["delete", "token/a"], { in: here })
    const status = await json<StatusDocument>(["status"], { in: here })
    expect(status).toMatchObject({ events: 3, lamport: 3, entities: { theme: 1 } })
    const [head] = Object.values(status.frontier)
    expect(head).toMatchObject({ seq: 3 })
  })

  it("tells in plain words that a copied folder goes on under a new node", async () => {
    const made = await json<{ node: string }>(["init"], { in: here })
    await json(["set", "token/a", "value=1"], { in: here })
    cpSync(path(here), path(`${here}-copy`), { recursive: true })
    const copy = { in: `${here}-copy` }
    const before = await json<StatusDocument>(["status"], copy)
    expect(before.fence).toMatch(/copied/)
    await json(["set", "token/a", "value=2"], copy)
    const after = await json<StatusDocument>(["status"], copy)
    expect(after.node).not.toBe(made.node)
    expect(after.fence).toBe(undefined)
    expect(after.continues).toContain(made.node)
    expect((await run(["status"], copy)).stdout).toContain("copied")
  })
})

describe("config", () => {
  beforeEach(async () => void (await json(["init"], { in: here })))

  it("lets flags win over the environment, the environment over the file", async () => {
    await json(["config", "set", "actor", "file"], { in: here })
    const actor = async (argv: ReadonlyArray<string>, environment = {}) => {
      await json(["set", `token/${(count += 1)}`, "value=1", ...argv], { in: here, environment })
      const [last] = await json<Array<{ actor: string }>>(["log", "--reverse", "--limit", "1"], {
        in: here,
      })
      return last!.actor
    }
    expect(await actor([], { LAMPLOG_ACTOR: "" })).toBe("file")
    expect(await actor([], { LAMPLOG_ACTOR: "environment" })).toBe("environment")
    expect(await actor(["--actor", "flag"], { LAMPLOG_ACTOR: "environment" })).toBe("flag")
  })

  it("tells where each setting comes from", async () => {
    await json(["config", "set", "busyTimeoutMillis", "70"], { in: here })
    expect(await json(["config", "get", "busyTimeoutMillis"], { in: here })).toEqual({
      key: "busyTimeoutMillis",
      value: 70,
      from: "file",
    })
    const all = await json<Array<{ key: string; from: string }>>(["config", "list"], { in: here })
    expect(all.map(({ key, from }) => [key, from])).toEqual([
      ["actor", "environment"],
      ["busyTimeoutMillis", "file"],
      ["timeBudgetSeconds", "default"],
      ["profile", "default"],
      ["limits", "default"],
      ["requireSignature", "default"],
      ["backup", "default"],
    ])
    expect((await run(["config", "get", "busyTimeoutMillis"], { in: here })).stdout).toBe("70\n")
  })

  it("keeps what a newer program wrote into the file", async () => {
    const file = path(here, ".lamplog", "config.json")
    writeFileSync(file, `{"policy":{"later":true},"actor":"ana"}`)
    await json(["config", "set", "actor", "bo"], { in: here })
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ policy: { later: true }, actor: "bo" })
  })
})
