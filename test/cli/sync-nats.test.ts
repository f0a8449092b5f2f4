/** Meeting at a NATS server from the command line: access, refusals, who is there, preparing a server. */
import { writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startServer } from "../nats/server.ts"
import type { TestServer } from "../nats/server.ts"
import type { StatusDocument } from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { begin, stage } from "./stage.ts"

const theatre = stage()
const { run, json, folder, path } = theatre
const here = "ana"
let server: TestServer
let project = ""

beforeAll(async () => {
  folder(here)
  const made = await json<StatusDocument>(["init", "--name", "Palette"], { in: here })
  project = made.project
  await json(["set", "token/blue", "value=1"], { in: here })
  server = await startServer({
    settings: `authorization { users: [ { user: "ana", password: "right" } ] }`,
  })
  writeFileSync(path("right"), "right\n", { mode: 0o600 })
  writeFileSync(path("wrong"), "wrong\n", { mode: 0o600 })
})

afterAll(() => server.remove())

const access = (file: string) => `${server.url}?user=ana&password-file=${path(file)}`
const refused = async (argv: ReadonlyArray<string>, code: string, where = here) =>
  expectRefusal(await run([...argv, "--json"], { in: where }), code, 1)

describe("a NATS server with a password", () => {
  it("is met with the password in a file, and lets others join from it alone", async () => {
    await json(["remote", "add", "office", access("right")], { in: here })
    expect(await json(["sync"], { in: here })).toMatchObject({ remote: "office", pushed: 1 })
    const joined = await json<StatusDocument>(["clone", access("right"), "bo"])
    expect(joined).toMatchObject({ project, name: "Palette", events: 1 })
    await json(["set", "token/red", "value=2"], { in: "bo" })
    const bo = await json<{ digest: string }>(["sync"], { in: "bo" })
    expect(await json(["sync"], { in: here })).toMatchObject({ pulled: 1, digest: bo.digest })
  })

  it("refuses a wrong password and none at once, without repeating it", async () => {
    folder("stranger")
    await json(["init"], { in: "stranger" })
    for (const url of [access("wrong"), server.url]) {
      for (const argv of [
        ["sync", url],
        ["clone", url, "new"],
        ["sync", url, "--watch"],
        ["nats", "init", url],
        ["peers", url],
      ]) {
        const error = await refused(argv, "remote-denied", "stranger")
        expect(error.where).toBe(server.url)
        expect(error.remedy).toContain("password")
        expect(JSON.stringify(error)).not.toContain("wrong")
      }
    }
  })

  it("tells who watches it, and how far they are", async () => {
    await json(["sync"], { in: here })
    const watching = begin(theatre, ["sync", "--watch"], { in: "bo" })
    await watching.says(/origin {2}in sync/)
    type Found = ReadonlyArray<{ readonly peers: ReadonlyArray<object>; readonly tells: boolean }>
    const { node } = await json<StatusDocument>(["status"], { in: "bo" })
    const [found] = await json<Found>(["peers", "office"], { in: here })
    expect(found).toMatchObject({ tells: true, peers: [{ node, name: "tester", inSync: true }] })
    await json(["set", "token/green", "value=3"], { in: here })
    const { stdout } = await run(["peers"], { in: here })
    expect(stdout).toContain(`${node}  tester  lacks 1 event`)
    await watching.stop()
    const after = await json<Found>(["peers", "office"], { in: here })
    expect(after).toMatchObject([{ tells: true, peers: [] }])
  })
})

describe("nats init and nats permissions", () => {
  it("prepare a server on which a node may do what it needs and make nothing", async () => {
    const { node } = await json<StatusDocument>(["status"], { in: here })
    type Granted = { readonly text: string }
    const { text } = await json<Granted>(["nats", "permissions"], { in: here })
    const mine = text.replace("CHANGE-ME", "right").replace(`user: "${node}"`, `user: "ana"`)
    const admin = `{ user: "admin", password: "right" }`
    const strict = await startServer({
      settings: `authorization { users: [ ${admin}\n${mine} ] }`,
    })
    try {
      const asNode = `${strict.url}?user=ana&password-file=${path("right")}`
      const asAdmin = `${strict.url}?user=admin&password-file=${path("right")}`
      const missing = await refused(["sync", asNode], "remote-invalid")
      expect(missing.remedy).toContain("lamplog nats init")
      const prepared = ["nats", "init", asAdmin]
      expect(await json(prepared, { in: here })).toMatchObject({
        project,
        prepared: [{ stream: `LAMP_${project}`, streamWas: "made", bucketWas: "made" }],
      })
      expect(await json(prepared, { in: here })).toMatchObject({
        prepared: [{ streamWas: "fine", bucketWas: "fine" }],
      })
      expect(await json(["sync", asNode], { in: here })).toMatchObject({ inSync: true })
    } finally {
      await strict.remove()
    }
  })

  it("say what they need to know", async () => {
    folder("nothing")
    const elsewhere = async (argv: ReadonlyArray<string>, code: string, exit: number) =>
      expectRefusal(await run([...argv, "--json"], { in: "nothing" }), code, exit).remedy
    expect(await elsewhere(["nats", "init", server.url], "no-project", 1)).toContain("#ID")
    expect(await elsewhere(["nats", "permissions"], "no-project", 1)).toContain("folder")
    expect(await elsewhere(["nats", "init", "http://x"], "remote-invalid", 2)).toContain("nats://")
    const wrong = ["--replicas", "--max-bytes"].map((flag) => [flag, "many"])
    for (const words of wrong) {
      await elsewhere(["nats", "init", server.url, ...words], "count-invalid", 2)
    }
    await elsewhere(["nats", "init", server.url, "--layout", "both"], "layout-invalid", 2)
    expectRefusal(
      await run(["nats", "permissions", "abc", "--json"], { in: here }),
      "remote-invalid",
      1,
    )
    const whole = await run(["nats", "permissions", "--configuration"], { in: here })
    expect(whole.stdout).toMatch(/^listen: .*\njetstream \{/)
  })
})

describe("a NATS server that cannot keep anything", () => {
  it("is given up with the reason", async () => {
    const bare = await startServer({ jetstream: false })
    try {
      const { message, remedy } = await refused(
        ["sync", bare.url, "--timeout", "0.5"],
        "sync-timeout",
      )
      expect(message).toContain("JetStream")
      expect(remedy).not.toBe("")
    } finally {
      await bare.remove()
    }
  })
})
