/**
 * A file appears under its name whole or not at all, and whatever ends a call early leaves nothing.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openArchive } from "../../src/archive/open.ts"
import { receiveArchive } from "../../src/archive/receive.ts"
import { verifyArchive } from "../../src/archive/verify.ts"
import { writeArchive } from "../../src/archive/write.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { makeIdentity, recipientOfIdentity } from "../../src/seal/keys.ts"
import { Author } from "../../src/store/author.ts"
import type { Replica } from "../../src/store/replica.ts"
import { contentOf, fileHash, refusal, setToken, Stage, taken } from "./stage.ts"

let stage: Stage
let ana: Replica
let folder: string
beforeEach(() => {
  stage = new Stage()
  ana = stage.replica("ana")
  const changes = Array.from({ length: 60 }, (_, index) => ({
    op: "put" as const,
    type: "token",
    id: `t${index}`,
    fields: { description: `${index} ${"text ".repeat(10_000)}` },
  }))
  new Author(ana).write(changes, { actor: "ana" })
  folder = join(stage.folder, "exports")
  mkdirSync(folder)
})
afterEach(() => {
  stage.clear()
})

/** Runs a call that is interrupted when it reports the stage for the given time. */
const interrupted = async <A, E>(
  stageName: string,
  call: (onProgress: (progress: { readonly stage: string }) => void) => Effect.Effect<A, E>,
): Promise<number> => {
  const controller = new AbortController()
  let reports = 0
  const exit = await Effect.runPromiseExit(
    call((progress) => {
      if (progress.stage === stageName) {
        reports += 1
        controller.abort()
      }
    }),
    { signal: controller.signal },
  )
  expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
  return reports
}

describe("an interrupted export", () => {
  it.each(["measuring", "writing"])("leaves no file behind while %s", async (stageName) => {
    const path = join(folder, "a.lamplog")
    const reports = await interrupted(stageName, (onProgress) =>
      writeArchive(ana, path, { onProgress }),
    )
    expect(reports).toBeGreaterThan(0)
    expect(readdirSync(folder)).toEqual([])
  })

  it("leaves nothing of an encrypted file either", async () => {
    const path = join(folder, "a.lamplog")
    const encryptTo = [await recipientOfIdentity(await makeIdentity(), "here")]
    await interrupted("writing", (onProgress) => writeArchive(ana, path, { onProgress, encryptTo }))
    expect(readdirSync(folder)).toEqual([])
  })

  it("leaves the file that it was to replace as it was", async () => {
    const path = join(folder, "a.lamplog")
    writeFileSync(path, "before")
    await interrupted("writing", (onProgress) =>
      writeArchive(ana, path, { onProgress, force: true }),
    )
    expect(readFileSync(path, "utf8")).toBe("before")
    expect(readdirSync(folder)).toEqual(["a.lamplog"])
  })

  it("leaves a project that exports as before", async () => {
    const { path } = await stage.exported(ana)
    await interrupted("writing", (onProgress) =>
      writeArchive(ana, join(folder, "a.lamplog"), { onProgress }),
    )
    expect(fileHash((await stage.exported(ana)).path)).toBe(fileHash(path))
    setToken(ana, "next", "1")
  })
})

describe("an export that fails", () => {
  const failing = async (path: string, force: boolean) =>
    await refusal(Effect.runPromise(writeArchive(ana, path, { force })))

  it("refuses a name that is taken, and replaces the file when told to", async () => {
    const path = join(folder, "a.lamplog")
    writeFileSync(path, "before")
    expect(await failing(path, false)).toMatchObject({ code: "file-exists", where: path })
    expect(readFileSync(path, "utf8")).toBe("before")
    const { fileSize } = await Effect.runPromise(writeArchive(ana, path, { force: true }))
    expect(readFileSync(path)).toHaveLength(fileSize)
    expect(readdirSync(folder)).toEqual(["a.lamplog"])
  })

  it("does not replace a file that came while it worked", async () => {
    const path = join(folder, "a.lamplog")
    const onProgress = () => writeFileSync(path, "meanwhile")
    const error = await refusal(Effect.runPromise(writeArchive(ana, path, { onProgress })))
    expect(error).toMatchObject({ code: "file-exists" })
    expect(readFileSync(path, "utf8")).toBe("meanwhile")
    expect(readdirSync(folder)).toEqual(["a.lamplog"])
  })

  it("leaves nothing where the folder is missing or the name is a folder's", async () => {
    const missing = join(folder, "none", "a.lamplog")
    expect(await failing(missing, false)).toMatchObject({ code: "file-missing" })
    mkdirSync(join(folder, "b"))
    expect((await failing(join(folder, "b"), true)).remedy).toBeTruthy()
    expect(readdirSync(folder)).toEqual(["b"])
  })

  it("leaves nothing when the disk fails on the way", async () => {
    const path = join(folder, "a.lamplog")
    const onProgress = ({ stage: name }: { readonly stage: string }) => {
      if (name === "writing") throw Object.assign(new Error("no space"), { code: "ENOSPC" })
    }
    const error = await refusal(Effect.runPromise(writeArchive(ana, path, { onProgress })))
    expect(error).toMatchObject({ code: "disk-full" })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe("an interrupted import", () => {
  it("has settled when its caller rolls back, and nothing is changed", async () => {
    const bo = stage.replica("bo")
    const { path } = await stage.exported(ana)
    const before = contentOf(bo)
    bo.begin()
    const reports = await interrupted("receiving", (onProgress) =>
      Effect.scoped(
        Effect.flatMap(openArchive(path), (archive) => receiveArchive(archive, bo, { onProgress })),
      ),
    )
    bo.rollback()
    expect(reports).toBe(1)
    expect(contentOf(bo)).toBe(before)
    expect((await taken(path, bo)).events).toBe(60)
  })
})

describe("an interrupted check", () => {
  const stages = ["decrypting", "hashing", "receiving"]
  it.each(stages)("leaves nothing in the temporary folder while %s", async (stageName) => {
    const identity = await makeIdentity()
    const { path } = await stage.exported(ana, {
      encryptTo: [await recipientOfIdentity(identity, "here")],
    })
    const temporary = join(stage.folder, "temporary")
    mkdirSync(temporary)
    const before = process.env.TMPDIR
    process.env.TMPDIR = temporary
    const held: Array<string> = []
    try {
      await interrupted(stageName, (onProgress) =>
        verifyArchive(path, {
          schemas: builtInSchemas(),
          keys: { identities: [identity] },
          onProgress: (progress) => {
            held.push(...readdirSync(temporary))
            onProgress(progress)
          },
        }),
      )
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    }
    expect(held).not.toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  })
})
