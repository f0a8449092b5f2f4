/**
 * `lamplog export` as people and scripts call it: parts, signatures, encryption, and what it says.
 */
import { existsSync, statSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { makeIdentity, recipientOfIdentity } from "../../src/seal/keys.ts"
import type { ExportSummary } from "../../src/project/project.ts"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"

const { folder, json, path, run } = stage()

/** A project with a component over a token over a token. */
const project = async (name: string): Promise<string> => {
  folder(name)
  const at = { in: name }
  await run(["init"], at)
  await run(["set", "token/color.blue", "value=#00f", 'tags=["brand"]'], at)
  await run(["set", "token/color.link", "value={color.blue}", "size=4"], at)
  await run(["set", "token/size.one", 'size="4"'], at)
  await run(["set", "component/Button", 'tokens=["color.link"]'], at)
  return name
}

const exported = (name: string, ...words: ReadonlyArray<string>): Promise<ExportSummary> =>
  json(["export", path(`${name}.lamplog`), "--force", ...words], { in: name })

describe("export of a part", () => {
  it("understands every way to choose", async () => {
    const name = await project("chosen")
    const list = path("ids.txt")
    writeFileSync(list, "token/size.one\n\ncomponent/Button\r\n")
    const cases: ReadonlyArray<readonly [words: ReadonlyArray<string>, counts: object]> = [
      [["--type", "component", "--open"], { component: 1 }],
      [["--type", "component"], { component: 1, token: 2 }],
      [["--type", "component", "--type", "token"], { component: 1, token: 3 }],
      [["--group", "color"], { token: 2 }],
      [["--tag", "brand"], { token: 1 }],
      [["--where", "size=4", "--open"], { token: 1 }],
      [["--where", "size=4", "--where", 'size="4"'], { token: 3 }],
      [["--id", "token/color.blue", "--id", "token/size.one"], { token: 2 }],
      [["--ids-from", list, "--open"], { component: 1, token: 1 }],
      [["--ids-from", list, "--id", "token/color.blue", "--type", "token"], { token: 2 }],
    ]
    for (const [words, itemCounts] of cases) {
      const summary = await exported(name, ...words)
      expect(summary, words.join(" ")).toMatchObject({ contents: "extract", itemCounts })
    }
  })

  it("tells people what it took along, and what points beyond it", async () => {
    const name = await project("told")
    const out = path("told.lamplog")
    const closed = await run(["export", out, "--type", "component"], { in: name })
    expect(closed.stdout).toContain("taken along  token 1, as component refers to it")
    expect(closed.stdout).not.toContain("Points beyond")
    const open = await run(["export", out, "--force", "--type", "component", "--open"], {
      in: name,
    })
    expect(open.stdout).toContain("Points beyond what was written: 1 reference")
    expect(open.stdout).toContain("component/Button tokens → token/color.link")
    expect(open.stdout).not.toContain("taken along")
  })

  it("chooses for token files, too", async () => {
    const name = await project("dtcg")
    const summary = await exported(name, "--format", "dtcg", "--group", "size")
    expect(summary).toMatchObject({ contents: "values", itemCounts: { token: 1 } })
  })
})

describe("export --since", () => {
  it("goes on after a status or an archive, for a clone to merge", async () => {
    const name = await project("later")
    const { stdout } = await run(["status", "--json"], { in: name })
    writeFileSync(path("status.json"), stdout)
    const complete = path("complete.lamplog")
    await run(["export", complete], { in: name })
    await run(["clone", complete, path("later-clone")])
    await run(["set", "token/new", "value=1"], { in: name })
    for (const since of ["status.json", "complete.lamplog"]) {
      const summary = await exported(name, "--since", path(since))
      expect(summary).toMatchObject({ contents: "incremental", events: 1 })
    }
    const merged = await run(["merge", path("later.lamplog")], { in: "later-clone" })
    expect(merged.status).toBe(0)
    const { digest } = await json<{ digest: string }>(["status"], { in: name })
    expect(await json(["status"], { in: "later-clone" })).toMatchObject({ digest })
  })
})

describe("export for others' eyes, or not", () => {
  it("signs with a key that it makes once, and says so", async () => {
    const name = await project("signed")
    const first = await run(["export", path("one.lamplog"), "--sign"], { in: name })
    expect(first.stderr).toContain("lamplog trust add")
    expect(first.stdout).toMatch(/signed by +\S+ [0-9a-f]{8}\n/)
    expect(first.stdout).not.toContain("forgers")
    const again = await run(["export", path("two.lamplog"), "--sign", "--json"], { in: name })
    expect(again.stderr).toBe("")
    const { signedBy } = JSON.parse(again.stdout) as ExportSummary
    expect(first.stdout).toContain(signedBy!.keyId)
    expect(await json(["verify", path("two.lamplog")])).toMatchObject({ ok: true })
  })

  it("encrypts to keys or with a passphrase, and says what neither proves", async () => {
    const name = await project("secret")
    const identity = await makeIdentity()
    writeFileSync(path("id.txt"), `${identity}\n`, { mode: 0o600 })
    writeFileSync(path("words.txt"), "correct horse\n", { mode: 0o600 })
    const key = await recipientOfIdentity(identity, "here")
    const ways: ReadonlyArray<
      readonly [write: ReadonlyArray<string>, open: ReadonlyArray<string>]
    > = [
      [
        ["--encrypt-to", key],
        ["--identity", path("id.txt")],
      ],
      [
        ["--passphrase-file", path("words.txt")],
        ["--passphrase-file", path("words.txt")],
      ],
    ]
    for (const [index, [write, open]] of ways.entries()) {
      const out = path(`secret${index}.lamplog`)
      const { stdout } = await run(["export", out, ...write], { in: name })
      expect(stdout).toContain("Encryption does not prove who sent it; --sign does.")
      expect(statSync(out).mode & 0o777).toBe(0o600)
      expect((await run(["verify", out, ...open])).status).toBe(0)
      expectRefusal(await run(["inspect", out, "--json"]), "archive-encrypted", 1)
    }
  }, 60_000)

  it("says of an archive that nobody signed what its hash is worth", async () => {
    const name = await project("plain")
    const { stdout } = await run(["export", path("plain.lamplog")], { in: name })
    expect(stdout).toContain("Not signed: its hash stops accidents, not forgers.")
  })
})

describe("export refuses", () => {
  it("what it cannot do, and writes nothing", async () => {
    const name = await project("refused")
    writeFileSync(path("bad-ids.txt"), "token/color.blue\nnonsense\n")
    writeFileSync(path("none.txt"), "")
    const cases: ReadonlyArray<
      readonly [words: ReadonlyArray<string>, code: string, status: number]
    > = [
      [["--type", "nonsense"], "type-unknown", 1],
      [["--id", "nonsense"], "entity-name", 2],
      [["--id", "token/none"], "entity-unknown", 1],
      [["--ids-from", path("bad-ids.txt")], "entity-name", 2],
      [["--ids-from", path("none.txt")], "selection-empty", 1],
      [["--ids-from", path("missing.txt")], "file-missing", 1],
      [["--where", "size"], "assignment", 2],
      [["--tag", "none"], "nothing-selected", 1],
      [["--open"], "selection-empty", 1],
      [["--since", path("none.txt")], "frontier-invalid", 1],
      [["--encrypt-to", "age1nonsense"], "recipient-invalid", 1],
      [["--limits", "items=1"], "limit-exceeded", 1],
      [["--format", "dtcg", "--sign"], "seal-not-applicable", 1],
    ]
    const out = path("refused.lamplog")
    await run(["export", path("made.lamplog"), "--sign"], { in: name })
    for (const [words, code, status] of cases) {
      expectRefusal(await run(["export", out, ...words, "--json"], { in: name }), code, status)
      expect(existsSync(out), words.join(" ")).toBe(false)
    }
  })
})
