/** `remote add|list|remove`: names, addresses, and what is refused of them. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"

const { run, json, folder, path } = stage()
let here = ""
let projects = 0

interface RemoteDocument {
  readonly name: string
  readonly url: string
}

beforeEach(async () => {
  projects += 1
  here = `project-${projects}`
  folder(here)
  await json(["init"], { in: here })
})

const add = (name: string, url: string) => run(["remote", "add", name, url, "--json"], { in: here })
const list = () => json<ReadonlyArray<RemoteDocument>>(["remote", "list"], { in: here })
const settings = () => readFileSync(path(here, ".lamplog", "config.json"), "utf8")

describe("remote", () => {
  it("keeps names and addresses with the project, sorted", async () => {
    expect(await list()).toEqual([])
    await json(["remote", "add", "usb", "folder:/mnt/usb"], { in: here })
    await json(["remote", "add", "office", "nats://127.0.0.1:4222,127.0.0.1:4223"], { in: here })
    await json(["remote", "add", "bo", "http://bo.example:7000/"], { in: here })
    expect(await list()).toEqual([
      { name: "bo", url: "http://bo.example:7000" },
      { name: "office", url: "nats://127.0.0.1:4222,127.0.0.1:4223" },
      { name: "usb", url: "folder:/mnt/usb" },
    ])
    expect((await json<{ actor: string }>(["status"], { in: here })).actor).toBe("tester")
  })

  it("makes paths absolute, from where the user stands and from home", async () => {
    mkdirSync(path(here, "below"), { recursive: true })
    writeFileSync(path(here, "token"), "0123456789abcdef\n")
    const below = { in: join(here, "below") }
    await json(["remote", "add", "up", "folder:../../shared folder"], below)
    await json(["remote", "add", "home", "folder:~/shared"], below)
    await json(["remote", "add", "bo", "http://bo.example/?token-file=../token"], below)
    expect(await list()).toEqual([
      { name: "bo", url: `http://bo.example?token-file=${path(here, "token")}` },
      { name: "home", url: `folder:${path("shared")}` },
      { name: "up", url: `folder:${path("shared folder")}` },
    ])
  })

  it("keeps the project that an address means", async () => {
    const id = "jm6fopsczakcv3btspgkidb2bm"
    await json(["remote", "add", "a", `folder:/x#y#${id}`], { in: here })
    await json(["remote", "add", "b", `nats://127.0.0.1#${id}`], { in: here })
    expect((await list()).map(({ url }) => url)).toEqual([
      `folder:/x#y#${id}`,
      `nats://127.0.0.1#${id}`,
    ])
  })

  it("adds the same twice without complaint, and nothing else under its name", async () => {
    await add("usb", "folder:/mnt/usb")
    expect((await add("usb", "folder:/mnt/usb")).status).toBe(0)
    const refusal = expectRefusal(await add("usb", "folder:/mnt/other"), "remote-exists", 1)
    expect(refusal.message).toContain("folder:/mnt/usb")
    expect(refusal.remedy).toContain("lamplog remote remove usb")
    expect(await list()).toEqual([{ name: "usb", url: "folder:/mnt/usb" }])
  })

  it("forgets a remote, and suggests the one that was probably meant", async () => {
    await add("office", "folder:/mnt/office")
    const absent = await run(["remote", "remove", "ofice", "--json"], { in: here })
    expect(expectRefusal(absent, "remote-unknown", 1).remedy).toBe("Did you mean office?")
    await json(["remote", "remove", "office"], { in: here })
    expect(await list()).toEqual([])
    const empty = await run(["remote", "remove", "office", "--json"], { in: here })
    expect(expectRefusal(empty, "remote-unknown", 1).remedy).toContain("remote add")
  })

  it("tells people what a folder lacks that is not there yet", async () => {
    const { stdout } = await run(["remote", "add", "usb", "folder:gone"], { in: here })
    expect(stdout).toContain("lamplog sync usb")
    expect(stdout).toContain(`mount or make ${path(here, "gone")}`)
  })

  it("keeps other settings when remotes change, and remotes when settings change", async () => {
    await add("usb", "folder:/mnt/usb")
    await json(["config", "set", "actor", "ana"], { in: here })
    await add("office", "folder:/mnt/office")
    expect((await list()).map(({ name }) => name)).toEqual(["office", "usb"])
    expect(
      (
        await json<{ value: string }>(["config", "get", "actor"], {
          in: here,
          environment: { LAMPLOG_ACTOR: "" },
        })
      ).value,
    ).toBe("ana")
  })
})

describe("an address with a secret in it", () => {
  const secrets = [
    "nats://ana:pass4word@127.0.0.1:4222",
    "nats://pass4word@127.0.0.1",
    "tls://ana:pass4word@127.0.0.1",
    "http://ana:pass4word@127.0.0.1",
    "nats://127.0.0.1?password=pass4word",
    "http://127.0.0.1/?token=pass4word",
    "https://127.0.0.1/?API-key=pass4word",
    "nats://127.0.0.1?user=ana&pass=pass4word#jm6fopsczakcv3btspgkidb2bm",
  ]
  for (const url of secrets) {
    it(`is refused and not repeated: ${url.replaceAll("pass4word", "…")}`, async () => {
      for (const argv of [
        ["remote", "add", "x", url],
        ["sync", url],
        ["clone", url, "new"],
      ]) {
        const outcome = await run([...argv, "--json"], { in: here })
        const { remedy } = expectRefusal(outcome, "remote-secret", 2)
        expect(remedy).toContain("-file=FILE")
        expect(JSON.stringify(outcome)).not.toContain("pass4word")
      }
      expect(settings()).not.toContain("pass4word")
    })
  }
})

describe("an address that is none", () => {
  const wrong: ReadonlyArray<readonly [url: string, remedy: string]> = [
    ["../shared", "folder:../shared"],
    ["/mnt/usb", "folder:/mnt/usb"],
    ["file:///mnt/usb", "folder:/mnt/usb"],
    ["localhost:4222", "nats://localhost:4222"],
    ["localhost:8080", "http://localhost:8080"],
    ["nast://127.0.0.1", "Did you mean nats:?"],
    ["foldr:x", "Did you mean folder:?"],
    ["s3://bucket", "folder:PATH"],
    ["folder:", "folder:PATH"],
    ["folder:///mnt", "folder:../shared"],
    ["nats://", "nats://HOST:PORT"],
    ["http:/x", "http://HOST:PORT"],
    ["nats://127.0.0.1#nonsense", "lamplog status"],
    ["nats://ho st", "nats://HOST:PORT"],
  ]
  for (const [url, remedy] of wrong) {
    it(`is refused with what was probably meant: ${url}`, async () => {
      const before = settings()
      expect(expectRefusal(await add("x", url), "remote-invalid", 2).remedy).toContain(remedy)
      expect(settings()).toBe(before)
    })
  }

  const unusable: ReadonlyArray<readonly [url: string, message: string]> = [
    ["nats://127.0.0.1?cred=a", "cred"],
    ["nats://127.0.0.1?creds=nowhere", "nowhere"],
    ["nats://127.0.0.1?layout=both", "layout"],
    ["http://127.0.0.1?tokenfile=a", "option"],
    ["http://127.0.0.1?token-file=nowhere", "cannot be read"],
  ]
  for (const [url, message] of unusable) {
    it(`is refused by its adapter before it is kept: ${url}`, async () => {
      const before = settings()
      expect(expectRefusal(await add("x", url), "remote-invalid", 1).message).toContain(message)
      expect(settings()).toBe(before)
    })
  }
})

describe("a name that a remote cannot have", () => {
  for (const name of ["", " ", "a b", "-a", "a/b", "__proto__", "ä", "x".repeat(65), "folder:x"]) {
    it(JSON.stringify(name.slice(0, 20)), async () => {
      const outcome = await run(["remote", "add", "--json", "--", name, "folder:/x"], { in: here })
      expectRefusal(outcome, "remote-name", 2)
    })
  }
})

describe("remotes in a settings file that somebody has edited", () => {
  const broken: ReadonlyArray<unknown> = [
    [],
    "folder:/x",
    { usb: 1 },
    { "a b": "folder:/x" },
    { usb: "flder:/x" },
    { usb: "nats://a:pass4word@h" },
  ]
  for (const remotes of broken) {
    it(`are refused as a whole: ${JSON.stringify(remotes).replace("pass4word", "…")}`, async () => {
      writeFileSync(path(here, ".lamplog", "config.json"), JSON.stringify({ remotes }))
      for (const argv of [["remote", "list"], ["sync"], ["status"]]) {
        const outcome = await run([...argv, "--json"], { in: here })
        expectRefusal(outcome, "config-invalid", 1)
        expect(JSON.stringify(outcome)).not.toContain("pass4word")
      }
    })
  }
})
