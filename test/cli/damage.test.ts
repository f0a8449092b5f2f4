/**
 * Projects and disks in a bad state: the refusal says what is wrong, and leaves every byte alone.
 */
import { execFileSync, spawn } from "node:child_process"
import {
  chmodSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
  statSync,
} from "node:fs"
import Database from "better-sqlite3"
import { beforeEach, describe, expect, it } from "vitest"
import { openSchema } from "../../src/domain/open.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import type { ProjectSchema } from "../../src/state/schema.ts"
import { Replica } from "../../src/store/replica.ts"
import type { StatusDocument } from "./documents.ts"
import { bytesBelow, expectRefusal } from "./refusal.ts"
import { ended, entryFile, stage } from "./stage.ts"

const { run, json, folder, path, directory, environment } = stage()

let count = 0
let here = ""
let database = ""
beforeEach(async () => {
  here = `project-${(count += 1)}`
  folder(here)
  database = path(here, ".lamplog", "project.db")
  await json(["init", "--schema", "open"], { in: here })
  const lines = Array.from({ length: 400 }, (_, index) =>
    JSON.stringify({ op: "put", type: "t", id: `${index}`, fields: { text: "x".repeat(100) } }),
  )
  await json(["apply", "-"], { in: here, input: lines.join("\n") })
})

/** Changes a database behind the program's back; nothing of it stays in a write-ahead log. */
const tamper = (sql: string): void => {
  const sqlite = new Database(database)
  sqlite.exec(sql)
  sqlite.pragma("wal_checkpoint(TRUNCATE)")
  sqlite.close()
}

/** Makes the project anew, as a program that knows another schema would. */
const remake = (schema: ProjectSchema): void => {
  const folderOfFiles = path(here, ".lamplog")
  const settings = readFileSync(path(here, ".lamplog", "config.json"))
  rmSync(folderOfFiles, { recursive: true })
  Replica.create(folderOfFiles, {
    schemas: new SchemaRegistry().register(schema),
    name: here,
    schema: schema.name,
    stateDirectory: environment.LAMPLOG_STATE_DIR!,
  }).close()
  writeFileSync(path(here, ".lamplog", "config.json"), settings)
}

const overwrite = (offset: number, bytes: Uint8Array): void => {
  const file = openSync(database, "r+")
  writeSync(file, bytes, 0, bytes.length, offset)
  closeSync(file)
}

interface Damage {
  readonly of: string
  readonly harm: () => void
  readonly code: string
  readonly argv?: ReadonlyArray<string>
}

const damages: ReadonlyArray<Damage> = [
  {
    of: "a store of a newer program",
    harm: () => tamper("PRAGMA user_version = 99"),
    code: "store-newer",
  },
  {
    of: "a schema of a newer program",
    harm: () => remake({ ...openSchema, version: 9 }),
    code: "schema-newer",
  },
  {
    of: "a schema that this program does not know",
    harm: () => remake({ ...openSchema, name: "kitchen" }),
    code: "schema-unknown",
  },
  {
    of: "a database whose facts about itself were changed",
    harm: () => tamper("UPDATE meta SET value = 'another' WHERE key = 'name'"),
    code: "database-corrupt",
  },
  {
    of: "a file that is no database",
    harm: () => writeFileSync(database, "once upon a time, ".repeat(500)),
    code: "database-corrupt",
  },
  {
    of: "a database with its pages overwritten",
    harm: () => overwrite(4096, new Uint8Array(statSync(database).size - 4096).fill(0x5a)),
    code: "database-corrupt",
  },
  {
    of: "a database cut short",
    harm: () => truncateSync(database, 4096 * 2),
    code: "database-corrupt",
  },
  {
    of: "a project folder without its database",
    harm: () => rmSync(database),
    code: "no-project",
  },
  {
    of: "settings that are no JSON",
    harm: () => writeFileSync(path(here, ".lamplog", "config.json"), "{actor:ana}"),
    code: "config-invalid",
  },
  {
    of: "settings of the wrong kind",
    harm: () =>
      writeFileSync(path(here, ".lamplog", "config.json"), `{"busyTimeoutMillis":"soon"}`),
    code: "config-invalid",
  },
  {
    of: "settings that are a list",
    harm: () => writeFileSync(path(here, ".lamplog", "config.json"), "[]"),
    code: "config-invalid",
  },
]

const sidecar = /-(wal|shm)$/

const contentOf = (folderPath: string) =>
  [...bytesBelow(folderPath)].filter(([file]) => !sidecar.test(file))

describe("a project in a bad state", () => {
  for (const { of, harm, code } of damages) {
    for (const argv of [["status"], ["set", "t/1", "a=1"]]) {
      it(`is left alone by ${argv[0]}: ${of}`, async () => {
        harm()
        const before = contentOf(path(here))
        expectRefusal(await run([...argv, "--json"], { in: here }), code, 1)
        expect(contentOf(path(here))).toEqual(before)
      })
    }
  }
})

describe("verify", () => {
  it("tells what is wrong with a database that nothing else can open", async () => {
    overwrite(4096, new Uint8Array(statSync(database).size - 4096).fill(0x5a))
    const before = contentOf(path(here))
    const { status, stdout, stderr } = await run(["verify", "--json"], { in: here })
    const document = JSON.parse(stdout)
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" })
    expect(document.ok).toBe(false)
    expect(document.findings).not.toEqual([])
    expect(document.error).toMatchObject({ code: "verification-failed" })
    expect(contentOf(path(here))).toEqual(before)
  })

  it("refuses a folder without a database", async () => {
    rmSync(database)
    expectRefusal(await run(["verify", "--json"], { in: here }), "no-project", 1)
  })
})

const isRoot = process.getuid?.() === 0
const nobody = 65_534

describe("a folder that this user may not write", () => {
  it("can be read, and refuses changes", async () => {
    const before = await json<StatusDocument>(["status"], { in: here })
    // Modes do not bind root, so there the command runs as nobody.
    chmodSync(directory, 0o755)
    const opened = (mode: string) =>
      execFileSync("chmod", ["-R", mode, path(here)], { stdio: "inherit" })
    opened("a+rX,a-w")
    const start = (argv: ReadonlyArray<string>) =>
      ended(
        spawn(process.execPath, [entryFile, ...argv, "--json"], {
          cwd: path(here),
          env: { ...environment, LAMPLOG_STATE_DIR: "/nonexistent" },
          ...(isRoot ? { uid: nobody, gid: nobody } : {}),
        }),
      )
    try {
      expectRefusal(await start(["set", "t/1", "a=1"]), "not-(writable|permitted)", 1)
      expectRefusal(await start(["config", "set", "actor", "me"]), "not-permitted", 1)
      expectRefusal(await start(["init", "--project", "new"]), "not-writable", 1)
    } finally {
      opened("u+w")
    }
    expect(await json(["status"], { in: here })).toEqual(before)
  })
})

describe("a full disk", () => {
  it("refuses the change and keeps the project as it was", async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) =>
      JSON.stringify({ op: "put", type: "t", id: `n${index}`, fields: { text: "x".repeat(200) } }),
    )
    writeFileSync(path("lines.jsonl"), lines.join("\n"))
    const small = folder("small")
    const lamplog = `'${process.execPath}' '${entryFile}' --json --project '${small}'`
    // A disk of its own in a namespace of its own: nothing to clean up, no need to be root where
    // the system lets users have namespaces.
    const script = `
      set -u
      mount -t tmpfs -o size=2m tmpfs '${small}' || exit 77
      ${lamplog} init --schema open > init.json
      ${lamplog} set t/1 a=1 > set.json
      ${lamplog} status > before.json
      ${lamplog} apply lines.jsonl > apply.json
      echo $? > apply.status
      ${lamplog} status > after.json
      ${lamplog} set t/1 a=2 > again.json
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
    const outcome = {
      status: Number(printed("apply.status")),
      stdout: printed("apply.json"),
      stderr,
    }
    expectRefusal(outcome, "disk-full", 1)
    expect(JSON.parse(printed("before.json"))).toMatchObject({ events: 1 })
    expect(printed("after.json")).toBe(printed("before.json"))
    expect(JSON.parse(printed("again.json"))).toEqual({ events: 1, lamport: 2 })
  })
})
