/**
 * docs/NATS.md as it stands: its configuration files are loaded by real servers, its commands are run,
 * and the permissions it lists are those that nodes get. Only ports differ.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { permissionsFor } from "../../adapters/nats/index.ts"
import { freePorts } from "./server.ts"
import { serverProgram } from "./server-program.ts"

const root = join(import.meta.dirname, "../..")
const text = readFileSync(join(root, "docs/NATS.md"), "utf8")

/** Blocks of code, by the words after the fence. */
const blocks = [...text.matchAll(/^```([^\n]+)\n([\s\S]*?)^```$/gm)].map(
  ([, label, content]) => [label!, content!] as const,
)

let folder: string

const makeFolder = (): void => {
  folder = mkdtempSync(join(tmpdir(), "lamplog-documentation-"))
}
const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })

beforeAll(makeFolder)
afterAll(removeFolder)

/** Whether another program took a port between the time it was found free and its server's start. */
const wasPortTaken = (): boolean =>
  readdirSync(folder).some(
    (name) =>
      name.endsWith(".log") &&
      readFileSync(join(folder, name), "utf8").includes("address already in use"),
  )

/**
 * What a person has around the commands: the programs, patience between starting a server and using it, and
 * an end. Servers die with the shell, and the shell when its input ends.
 */
const prelude = `
set -eu
lamplog() { "${process.execPath}" "${join(root, "src/cli/main.ts")}" "$@"; }
started() {
  local port=$(sed -n 's/^listen: "127.0.0.1:\\([0-9]*\\)"$/\\1/p' "$1")
  until (: < /dev/tcp/127.0.0.1/$port) 2> /dev/null; do sleep 0.02; done
}
again() {
  for try in $(seq 60); do "$@" && return; sleep 0.2; done
  return 1
}
trap 'kill -9 $(jobs -p) 2> /dev/null || true' EXIT
`

/** The commands of all blocks, waiting for each server that they start. */
const script = (): string =>
  blocks
    .filter(([label]) => label === "sh")
    .map(([, commands]) => commands)
    .join("\n")
    .replace(/^nats-server -c (\S+) &(.*)$/gm, "nats-server -c $1 2> $1.log &$2\nstarted $1")
    .replace(/^lamplog nats init/gm, "again lamplog nats init")

const run = (commands: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const shell = spawn("bash", ["-c", commands], {
      cwd: folder,
      env: {
        ...process.env,
        LAMPLOG_STATE_DIR: join(folder, "state"),
        PATH: `${join(folder, "bin")}:${process.env.PATH}`,
      },
      stdio: ["ignore", "pipe", "pipe"],
    })
    let told = ""
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => (told += part))
    }
    shell.once("exit", (status) => {
      if (status === 0) resolve(told)
      else reject(new Error(`the commands ended with ${status}:\n${told}`))
    })
  })

/** Some thirty commands and eight servers, on a machine that may be busy with other tests. */
const walkMillisMax = 180_000

const walksMax = 3

/** Walks the page in a new folder, on other ports. */
const walk = async (): Promise<string> => {
  const files = blocks.flatMap(([label, content]) =>
    label.startsWith("conf ") ? [[label.slice("conf ".length), content] as const] : [],
  )
  expect(files).toHaveLength(7)
  const named = new Set(text.match(/(?<=127\.0\.0\.1:)\d{4}/g))
  const free = await freePorts(named.size)
  const portOf = new Map([...named].map((port, index) => [port, String(free[index])]))
  const moved = (part: string) =>
    part.replace(/(?<=127\.0\.0\.1:)\d{4}/g, (port) => portOf.get(port)!)
  for (const [name, content] of files) writeFileSync(join(folder, name), moved(content))
  symlinkSync(dirname(serverProgram()), join(folder, "bin"))
  const check = `
  for one in ana bo; do (cd $one && lamplog status --json | grep '"digest"'); done
  (cd bo && lamplog get token/green)`
  return run(`${prelude}\n${moved(script())}\n${check}`)
}

describe("docs/NATS.md", () => {
  it(
    "leads from one server to users, TLS, a cluster and a leaf node",
    async () => {
      let told: string | undefined
      for (let attempt = 1; told === undefined; attempt++) {
        told = await walk().catch((error: unknown) => {
          if (attempt === walksMax || !wasPortTaken()) throw error
          removeFolder()
          makeFolder()
          return undefined
        })
      }
      const digests = new Set(told.match(/"digest": "[0-9a-f]{64}"/g))
      expect(digests.size).toBe(1)
      expect(told).toContain("#00ff00")
      // Each remote of both was met.
      expect(readdirSync(join(folder, "store")).sort()).toEqual([
        "a",
        "b",
        "c",
        "hub",
        "one",
        "team",
        "tls",
      ])
    },
    walkMillisMax,
  )

  it("lists exactly what a node is permitted", () => {
    const [, listed] = blocks.find(([label]) => label === "permissions")!
    const [project, node] = ["p".repeat(26), "n".repeat(26)]
    const { publish, subscribe } = permissionsFor({ project, node })
    const lines = [
      ...publish.map((subject) => `publish   ${subject}`),
      ...subscribe.map((subject) => `subscribe ${subject}`),
    ].map((line) => line.replaceAll(project, "PROJECT").replaceAll(node, "NODE"))
    expect(listed.trim().split("\n")).toEqual(lines)
  })
})
