/** `merge --strategy`, and how archives are opened: keys, limits, trust, as people say it. */
import { writeFileSync } from "node:fs"
import { beforeEach, describe, expect, it } from "vitest"
import type { MergeSummary } from "../../src/index.ts"
import type { ErrorDocument } from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { stage } from "./stage.ts"

const { directory, folder, json, path, run } = stage()

let count = 0
let ana = ""
let bo = ""
let theirs = ""

beforeEach(async () => {
  count += 1
  ana = `ana-${count}`
  bo = `bo-${count}`
  theirs = `theirs-${count}.lamplog`
  folder(ana)
  await json(["init", "--name", "Both"], { in: ana })
  await json(["set", "token/blue", "value=#0000ff"], { in: ana })
  await json(["export", `../${ana}.lamplog`], { in: ana })
  await json(["clone", `${ana}.lamplog`, bo])
  await json(["set", "token/blue", "value=#00000a"], { in: ana })
  await json(["set", "token/blue", "value=#00000b"], { in: bo })
  await json(["export", `../${theirs}`], { in: bo })
})

const valueOf = async (who: string): Promise<unknown> =>
  (await json<{ readonly fields: { readonly value: string } }>(["get", "token/blue"], { in: who }))
    .fields.value

describe("merge --strategy", () => {
  for (const [strategy, value] of [
    ["keep-local", "#00000a"],
    ["keep-imported", "#00000b"],
  ] as const) {
    it(`${strategy} settles by that side, for both`, async () => {
      const argv = ["merge", `../${theirs}`, "--strategy", strategy, "--actor", "ana"]
      const summary = await json<MergeSummary>(argv, { in: ana })
      expect(summary).toMatchObject({
        resolutionStrategy: strategy,
        resolvedConflicts: 1,
        conflictsCount: 0,
        skippedConflicts: [],
        signature: { status: "unsigned" },
        error: null,
      })
      expect(await valueOf(ana)).toBe(value)
      expect(await json(["conflicts"], { in: ana })).toEqual([])
      await json(["export", `../back-${count}.lamplog`], { in: ana })
      await json(["merge", `../back-${count}.lamplog`], { in: bo })
      expect(await valueOf(bo)).toBe(value)
      const [left, right] = await Promise.all(
        [ana, bo].map((who) => json<{ readonly digest: string }>(["status"], { in: who })),
      )
      expect(left!.digest).toBe(right!.digest)
    })
  }

  it("says what it settled, what it left, and what a signature is worth", async () => {
    const plain = await run(["merge", `../${theirs}`, "--dry-run"], { in: ana })
    expect(plain.stdout).toContain("conflicts         1\n")
    expect(plain.stdout).toContain("unsigned (its hash stops accidents, not forgers)\n")
    const rehearsed = await run(
      ["merge", `../${theirs}`, "--strategy", "keep-local", "--dry-run"],
      { in: ana },
    )
    expect(rehearsed.stdout).toMatch(/^settled +1 conflict$/m)
    expect(rehearsed.stdout).toContain("keeps local")
    const { stdout } = await run(["merge", `../${theirs}`, "--strategy", "keep-local"], { in: ana })
    expect(stdout).toMatch(/^ +settled +1 conflict$/m)
    await json(["set", "token/blue", "value=#00000c"], { in: bo })
    await json(["export", `../${theirs}`, "--force"], { in: bo })
    const left = await run(["merge", `../${theirs}`, "--strategy", "keep-imported"], { in: ana })
    expect(left.stdout).toMatch(/^ +left open +token\/blue value: a person has resolved it/m)
  })
})

describe("opening an archive", () => {
  const refusal = async (argv: ReadonlyArray<string>, environment = {}) => {
    const outcome = await run([...argv, "--json"], { in: ana, environment })
    const { error } = JSON.parse(outcome.stdout) as ErrorDocument
    return { ...error, status: outcome.status }
  }

  it("is bounded by flags, environment and settings, whose words are checked", async () => {
    const merge = ["merge", `../${theirs}`, "--dry-run"]
    const tooLarge = { code: "limit-exceeded", stage: "archive", status: 1 }
    expect(await refusal([...merge, "--limits", "archiveBytes=10"])).toMatchObject(tooLarge)
    const limits = { LAMPLOG_LIMITS: "items.token=0" }
    expect(await refusal(merge, limits)).toMatchObject(tooLarge)
    expect((await refusal([...merge, "--limits", "archivBytes=10"])).remedy).toBe(
      "Did you mean archiveBytes?",
    )
    expect(await refusal([...merge, "--limits", "members=many"])).toMatchObject({
      code: "limit-invalid",
      status: 2,
    })
    expect(await refusal([...merge, "--profile", "bold"])).toMatchObject({ status: 2 })
    writeFileSync(path(ana, ".lamplog", "config.json"), '{"actor":"ana","limits":"member=1"}')
    expect(await refusal(merge)).toMatchObject({ code: "config-invalid", status: 1 })
    writeFileSync(path(ana, ".lamplog", "config.json"), '{"actor":"ana"}')
    await json(["config", "set", "limits", "members=1"], { in: ana })
    expect(await refusal(merge)).toMatchObject({
      ...tooLarge,
      message: expect.stringMatching(/members/),
    })
    await json([...merge, "--limits", "", "--profile", "conservative"], { in: ana })
    const set = await refusal(["config", "set", "limits", "member=1"])
    expect(set).toMatchObject({
      code: "limit-unknown",
      status: 2,
      remedy: expect.stringMatching(/members/),
    })
  })

  it("tells a trusted signature from an unknown one, and asks for one where that is wanted", async () => {
    const who = { LAMPLOG_STATE_DIR: path(`state-${count}`) }
    await json(["export", `../${theirs}`, "--sign", "--force"], { in: bo, environment: who })
    const { verifier } = (
      await json<{ readonly signing: { readonly verifier: string } }>(["key"], {
        environment: who,
      })
    ).signing
    const inspected = await run(["inspect", theirs])
    expect(inspected.stdout).toMatch(/^signed by an unknown key .* \(not proof of who\)$/m)
    const wanted = { LAMPLOG_REQUIRE_SIGNATURE: "true" }
    const argv = ["merge", `../${theirs}`, "--dry-run"]
    expect((await refusal(argv, wanted)).code).toBe("signature-untrusted")
    expect((await refusal([...argv, "--require-signature"])).code).toBe("signature-untrusted")
    await json(["trust", "add", verifier])
    const verified = await run(["verify", theirs])
    expect(verified.stdout).toMatch(/^signed by a trusted key /m)
    expect(await json(argv, { in: ana, environment: wanted })).toMatchObject({
      signature: { status: "trusted", verifier },
    })
    await json(["export", "../plain.lamplog", "--force"], { in: bo })
    const plain = ["merge", "../plain.lamplog", "--require-signature"]
    expect((await refusal(plain)).code).toBe("signature-missing")
  })

  it("takes identities and passphrases from files, and the user's own key by itself", async () => {
    writeFileSync(path("secret"), "correct horse\n", { mode: 0o600 })
    const secret = ["--passphrase-file", path("secret")]
    await json(["export", `../${theirs}`, "--force", ...secret], { in: bo })
    expect((await refusal(["inspect", `../${theirs}`])).code).toBe("archive-encrypted")
    const inspected = await json(["inspect", theirs, ...secret])
    expect(inspected).toMatchObject({ encrypted: true, signature: { status: "unsigned" } })
    for (const argv of [
      ["diff", `../${theirs}`],
      ["verify", `../${theirs}`],
      ["merge", `../${theirs}`, "--dry-run"],
      ["import", `../${theirs}`, "--dry-run"],
      ["clone", `../${theirs}`, `../sealed-${count}`],
    ]) {
      await json([...argv, ...secret], { in: ana })
    }
    const own = { LAMPLOG_STATE_DIR: path(`own-${count}`) }
    await json(["key", "make"], { environment: own })
    const { encryption } = await json<{ readonly encryption: { readonly recipient: string } }>(
      ["key"],
      { environment: own },
    )
    await json(["export", `../${theirs}`, "--force", "--encrypt-to", encryption.recipient], {
      in: bo,
    })
    expectRefusal(await run(["inspect", theirs, "--json"]), "archive-encrypted", 1)
    expect(await json(["inspect", theirs], { environment: own })).toMatchObject({ encrypted: true })
    const identity = ["--identity", `${directory}/own-${count}/keys/age.txt`]
    expect(await json(["inspect", theirs, ...identity])).toMatchObject({ encrypted: true })
  })
})
