/**
 * Assets when things go wrong for real: processes that are killed, several at once, a disk that is
 * full. Whatever is found afterwards is whole or absent, and the next call goes on.
 */
import { spawn } from "node:child_process"
import { createCipheriv, randomInt } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { Random } from "../simulation/random.ts"
import type { StatusDocument } from "./documents.ts"
import { expectRefusal } from "./refusal.ts"
import { ended, entryFile, stage } from "./stage.ts"

const { json, folder, path, directory, environment, start } = stage()

const mebibyte = 1024 * 1024
const fileBytes = 48 * mebibyte

let count = 0
let here = ""
beforeEach(async () => {
  here = `project-${(count += 1)}`
  folder(here)
  await json(["init"], { in: here })
})

const assetsOf = (project: string): string => path(project, ".lamplog", "assets")

const namesIn = (folderPath: string): ReadonlyArray<string> =>
  existsSync(folderPath) ? readdirSync(folderPath) : []

const incoming = (project: string): ReadonlyArray<string> =>
  namesIn(join(assetsOf(project), ".incoming"))

const held = (project: string): ReadonlyArray<string> =>
  namesIn(assetsOf(project))
    .filter((prefix) => prefix !== ".incoming")
    .flatMap((prefix) => readdirSync(join(assetsOf(project), prefix)))

/** Bytes that have come in so far. */
const bytesIncoming = (project: string): number => {
  let bytes = 0
  for (const name of incoming(project)) {
    const file = join(assetsOf(project), ".incoming", name)
    bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

/** A large file that compresses no better than pictures do; another one for each project. */
const largeFile = (name: string): string => {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, count), Buffer.alloc(16))
  writeFileSync(path(name), cipher.update(Buffer.alloc(fileBytes)))
  return path(name)
}

/** Runs a command until so many bytes have come in, and kills it there; false when it was faster. */
const killedAt = async (argv: ReadonlyArray<string>, bytes: number): Promise<boolean> => {
  const child = start([...argv, "--json"], { in: here })
  const over = ended(child)
  let running = true
  void over.finally(() => (running = false))
  while (running && bytesIncoming(here) < bytes) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  child.kill("SIGKILL")
  return (await over).status < 0
}

interface Checked {
  readonly ok: boolean
  readonly findings: ReadonlyArray<unknown>
}

const holds = async (): Promise<void> => {
  expect(await json<Checked>(["verify"], { in: here })).toMatchObject({ ok: true, findings: [] })
}

describe("a process that is killed", () => {
  it("while adding leaves nothing that counts, and nothing at all after the next", async () => {
    const seed = randomInt(2 ** 32)
    const random = new Random(seed)
    const file = largeFile("large.bin")
    writeFileSync(path("small.txt"), "small")
    let killed = 0
    for (let round = 0; round < 4; round++) {
      const at = round === 0 ? 1 : random.below(fileBytes)
      if (await killedAt(["asset", "add", file], at)) killed += 1
      const { entities } = await json<StatusDocument>(["status"], { in: here })
      expect(held(here).length, `seed ${seed}`).toBeGreaterThanOrEqual(entities.asset ?? 0)
      await holds()
      await json(["asset", "add", path("small.txt"), "--id", "small", "--tag", `${round}`], {
        in: here,
      })
      expect(incoming(here), `seed ${seed}`).toEqual([])
    }
    expect(killed, `seed ${seed}`).toBeGreaterThan(0)
  })

  it("while importing leaves the project as it was; the same import then goes through", async () => {
    const seed = randomInt(2 ** 32)
    const random = new Random(seed)
    await json(["asset", "add", largeFile("large.bin")], { in: here })
    const archive = path(`${here}.lamplog`)
    await json(["export", archive], { in: here })
    here = `${here}-b`
    folder(here)
    await json(["init"], { in: here })
    for (let round = 0; round < 2; round++) {
      const killed = await killedAt(["import", archive], 1 + random.below(fileBytes / 2))
      expect(killed, `seed ${seed}`).toBe(true)
      expect((await json<StatusDocument>(["status"], { in: here })).events).toBe(0)
      await holds()
    }
    await json(["import", archive], { in: here })
    expect([incoming(here), held(here).length], `seed ${seed}`).toEqual([[], 1])
    await holds()
  })
})

describe("several processes at once", () => {
  it("add the same file and others, each content once", async () => {
    writeFileSync(path("same.txt"), "the same")
    const children = Array.from({ length: 4 }, (_, index) => {
      writeFileSync(path(`own-${index}.txt`), `own ${index}`)
      return ended(
        start(["asset", "add", path("same.txt"), path(`own-${index}.txt`), "--json"], { in: here }),
      )
    })
    const outcomes = await Promise.all(children)
    expect(outcomes.map(({ status, stdout }) => (status === 0 ? "" : stdout))).toEqual([
      "",
      "",
      "",
      "",
    ])
    const { entities, events } = await json<StatusDocument>(["status"], { in: here })
    expect([entities.asset, events]).toEqual([5, 5])
    expect([held(here).length, incoming(here)]).toEqual([5, []])
    await holds()
  })
})

describe("a full disk", () => {
  it("refuses an asset and an archive of assets, and keeps the project as it was", async () => {
    await json(["asset", "add", largeFile("large.bin")], { in: here })
    writeFileSync(path("small.txt"), "small")
    const archive = path(`${here}.lamplog`)
    await json(["export", archive], { in: here })
    const small = folder("small")
    const lamplog = `'${process.execPath}' '${entryFile}' --json --project '${small}'`
    const script = `
      set -u
      mount -t tmpfs -o size=4m tmpfs '${small}' || exit 77
      ${lamplog} init > init.json
      ${lamplog} asset add small.txt > first.json
      ${lamplog} status > before.json
      ${lamplog} asset add large.bin > add.json
      echo $? > add.status
      ${lamplog} import '${archive}' > import.json
      echo $? > import.status
      ${lamplog} status > after.json
      find '${small}/.lamplog/assets' -type f > files.txt
      ${lamplog} asset add small.txt --id again > again.json
      ${lamplog} verify > verify.json
    `
    const child = spawn("unshare", ["-rm", "sh", "-c", script], {
      cwd: directory,
      env: { PATH: process.env.PATH, ...environment },
    })
    const { status, stderr } = await ended(child)
    if (status === 77 || /unshare/.test(stderr)) {
      throw new Error(`This test needs root or user namespaces to mount a small disk: ${stderr}`)
    }
    const printed = (name: string) => readFileSync(path(name), "utf8")
    for (const name of ["add", "import"]) {
      const outcome = { status: Number(printed(`${name}.status`)), stdout: printed(`${name}.json`) }
      expectRefusal({ ...outcome, stderr }, "disk-full", 1)
    }
    expect(JSON.parse(printed("before.json"))).toMatchObject({ events: 1 })
    expect(printed("after.json")).toBe(printed("before.json"))
    expect(printed("files.txt").trim().split("\n")).toHaveLength(1)
    expect(JSON.parse(printed("again.json"))).toMatchObject({ events: 1 })
    expect(JSON.parse(printed("verify.json"))).toMatchObject({ ok: true, findings: [] })
  })
})
