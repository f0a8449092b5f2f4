/** `sync --watch`, `serve` and `peers`: commands that go on until somebody stops them. */
import { writeFileSync } from "node:fs"
import { stripVTControlCharacters } from "node:util"
import { beforeEach, describe, expect, it } from "vitest"
import type { ErrorDocument } from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { begin, stage } from "./stage.ts"

const theatre = stage()
const { run, json, folder, path } = theatre
const deadUrl = "http://127.0.0.1:1"
const token = "0123456789abcdef0123456789abcdef"
let stages = 0
let ana = ""
let bo = ""
let shared = ""

beforeEach(async () => {
  stages += 1
  ana = `ana-${stages}`
  bo = `bo-${stages}`
  shared = `shared-${stages}`
  folder(ana)
  folder(shared)
  await json(["init", "--name", "Palette"], { in: ana })
  await json(["set", "token/blue", "value=1"], { in: ana })
  await json(["remote", "add", "shared", `folder:../${shared}`], { in: ana })
})

describe("sync --watch", () => {
  it("takes and hands over whatever is new, a line whenever something came of it", async () => {
    await json(["sync"], { in: ana })
    await json(["clone", `folder:${shared}`, bo])
    const watching = begin(theatre, ["sync", "--watch"], { in: ana })
    await watching.says(/^shared {2}in sync {2}pulled 0, pushed 0\n/)
    await json(["set", "token/red", "value=2"], { in: bo })
    await json(["sync"], { in: bo })
    await watching.says(/\nshared {2}in sync {2}pulled 1, pushed 0\n/)
    await json(["set", "token/green", "value=3"], { in: ana })
    await watching.says(/\nshared {2}in sync {2}pulled 1, pushed 1\n/)
    const { status, text } = await watching.stop()
    expect(status).toBe(130)
    expect(text.endsWith("Stopped; what was taken is kept.\n")).toBe(true)
    expect(text.split("\n")).toHaveLength(5)
    expect(await json(["sync"], { in: bo })).toMatchObject({ pulled: 1 })
  })

  it("goes on with the others when one is not to be had", async () => {
    await json(["remote", "add", "dead", deadUrl], { in: ana })
    await json(["remote", "add", "gone", "folder:gone"], { in: ana })
    const watching = begin(theatre, ["sync", "--watch", "--json"], { in: ana })
    const after = begin(theatre, ["sync", "--watch"], { in: ana })
    await after.says(/^dead {4}waiting {2}again in \d+ s; No server can be reached/m)
    await after.says(/^gone {4}stopped {2}.*there is no such folder\. → Check the path/m)
    await after.says(/^shared {2}in sync/m)
    await after.stop()
    const { status, text } = await watching.stop()
    expect(status).toBe(130)
    const { inSync, remotes } = JSON.parse(text) as {
      readonly inSync: boolean
      readonly remotes: ReadonlyArray<{ readonly remote: string }>
    }
    expect(inSync).toBe(false)
    expect(remotes.map(({ remote }) => remote)).toEqual(["dead", "gone", "shared"])
  })

  it("ends with the reason when the only remote can never be met", async () => {
    const outcome = await run(["sync", "folder:gone", "--watch", "--json"], { in: ana })
    expectRefusal(outcome, "remote-invalid", 1)
  })

  it("takes no time to give up after", async () => {
    const outcome = await run(["sync", "--watch", "--timeout", "5", "--json"], { in: ana })
    expectRefusal(outcome, "flags-contrary", 2)
  })

  it("writes over its lines on a terminal", async () => {
    await json(["remote", "add", "dead", deadUrl], { in: ana })
    const watching = begin(theatre, ["sync", "--watch"], { in: ana, outputIsTerminal: true })
    await watching.says(/shared.*in sync.*pushed 1/)
    await watching.says(/dead.*again in/)
    await json(["set", "token/red", "value=2"], { in: ana })
    await watching.says(/shared.*in sync.*pushed 2/)
    const { text } = await watching.stop()
    const drawings = text.replace("Stopped; what was taken is kept.\n", "").split("\u001b[2A")
    expect(drawings.length).toBeGreaterThan(1)
    for (const drawing of drawings) expect(drawing.split("\n")).toHaveLength(3)
    // Colours aside, no line is wider than the terminal.
    for (const line of stripVTControlCharacters(text).split("\n")) {
      expect(line.replace("\r", "").length).toBeLessThan(100)
    }
  })
})

describe("serve", () => {
  it("lets others sync with this replica, and clone it, until it is stopped", async () => {
    writeFileSync(path(ana, "token"), `${token}\n`, { mode: 0o600 })
    const serving = begin(theatre, ["serve", "--token-file", "token", "--json"], { in: ana })
    const [, url] = await serving.says(/"url": "([^"]+)"/)
    const served = JSON.parse(serving.text()) as { readonly name: string; readonly token: boolean }
    expect(served).toMatchObject({ name: "Palette", token: true })
    const address = `${url}?token-file=${path(ana, "token")}`
    const joined = await json<{ events: number }>(["clone", address, bo])
    expect(joined.events).toBe(1)
    await json(["set", "token/red", "value=2"], { in: bo })
    expect(await json(["sync"], { in: bo })).toMatchObject({ remote: "origin", pushed: 1 })
    expect(await json(["list", "token"], { in: ana })).toHaveLength(2)
    const environment = { LAMPLOG_REMOTE_TOKEN: token }
    expect(await json(["sync", url!], { in: bo, environment })).toMatchObject({ inSync: true })
    await json(["remote", "remove", "origin"], { in: bo })
    const wrong = { LAMPLOG_REMOTE_TOKEN: `${token}x` }
    for (const [argv, environment_] of [
      [["sync", url!], {}],
      [["sync", url!], wrong],
      [["clone", url!, "new"], wrong],
    ] as const) {
      const outcome = await run([...argv, "--json"], { in: bo, environment: environment_ })
      expect(expectRefusal(outcome, "remote-denied", 1).message).not.toContain(token)
    }
    const stopped = await serving.stop()
    expect(stopped.status).toBe(130)
    expect(stopped.text.match(/\{/g)).toHaveLength(1)
    const late = await run(["sync", address, "--timeout", "0.2", "--json"], { in: bo })
    expectRefusal(late, "sync-timeout", 1)
  })

  it("refuses to meet the replica of another project", async () => {
    const other = `${ana}-other`
    folder(other)
    await json(["init"], { in: other })
    const serving = begin(theatre, ["serve"], { in: ana })
    const [, url] = await serving.says(/Serving Palette at (\S+), without a token, to this machine/)
    const outcome = await run(["sync", url!, "--json"], { in: other })
    expectRefusal(outcome, "other-project", 1)
    await serving.stop()
  })

  it("is refused where anybody could come in, and with what is no token, port or pair", async () => {
    writeFileSync(path(ana, "short"), "abc\n", { mode: 0o600 })
    writeFileSync(path(ana, "empty"), "\n", { mode: 0o600 })
    const refused = async (words: ReadonlyArray<string>, code: string, exit = 1) =>
      expectRefusal(await run(["serve", ...words, "--json"], { in: ana }), code, exit).remedy
    expect(await refused(["--host", "0.0.0.0"], "remote-invalid")).toContain("token")
    expect(await refused(["--token-file", "short"], "remote-invalid")).toContain("openssl rand")
    expect(await refused(["--token-file", "empty"], "token-empty")).toContain("openssl rand")
    expect(await refused(["--token-file", "nowhere"], "file-missing")).toContain("path")
    expect(await refused(["--port", "70000"], "port-invalid", 2)).toContain("65535")
    expect(await refused(["--tls-cert", "short"], "tls-incomplete", 2)).toContain("--tls-key")
    expect(
      await refused(["--tls-cert", "short", "--tls-key", "empty"], "remote-invalid"),
    ).toContain("PEM")
    expect(
      await refused(["--host", "192.0.2.1", "--token-file", "short"], "remote-invalid"),
    ).not.toBe("")
  })
})

describe("peers", () => {
  it("says which remotes cannot tell who is there, and which are not to be had", async () => {
    await json(["remote", "add", "gone", "folder:gone"], { in: ana })
    const outcome = await run(["peers", "--json"], { in: ana })
    expect(outcome.status).toBe(1)
    const found = JSON.parse(outcome.stdout) as ReadonlyArray<
      Partial<ErrorDocument> & { readonly remote: string; readonly tells: boolean }
    >
    expect(found.map(({ remote, tells }) => [remote, tells])).toEqual([
      ["gone", false],
      ["shared", false],
    ])
    expect(found[0]!.error!.code).toBe("remote-invalid")
    const { stdout } = await run(["peers"], { in: ana })
    expect(stdout).toContain("does not tell who is there")
    expect(stdout).toContain("→ Check the path")
  })
})
