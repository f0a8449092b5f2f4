/**
 * Every program in README.md and docs/SYNC.md is run as it stands, and prints what its `// =>` comments
 * say; so are the tours of the command line.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { startServer } from "./nats/server.ts"
import type { TestServer } from "./nats/server.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const readme = readFileSync(join(root, "README.md"), "utf8")
const programsIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!)
const programs = programsIn(readme)
const guide = programsIn(readFileSync(join(root, "docs/SYNC.md"), "utf8"))

/** What `lamplog/…` means to someone who has it installed. */
const sources: ReadonlyArray<readonly [string, string]> = [
  [`"lamplog"`, "src/index.ts"],
  [`"lamplog/effect"`, "src/effect.ts"],
  [`"lamplog/adapters/folder"`, "adapters/folder/index.ts"],
  [`"lamplog/adapters/tokens"`, "adapters/tokens/index.ts"],
]

const promised = (program: string): string =>
  [...program.matchAll(/\/\/ => (.*)\n/g)].map((match) => `${match[1]}\n`).join("")

const printed = (program: string): string => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-readme-"))
  try {
    let text = program
    for (const [name, file] of sources) {
      text = text.replaceAll(`from ${name}`, `from ${JSON.stringify(join(root, file))}`)
    }
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
    writeFileSync(join(folder, "program.ts"), text)
    return execFileSync(process.execPath, ["program.ts"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, LAMPLOG_STATE_DIR: join(folder, "state") },
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const shellBlocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!)

const blockWith = (words: string): string => shellBlocks.find((block) => block.includes(words))!

/** Runs pieces of a tour in a folder, with the words that a person would copy from the lines above. */
const walk = (tour: string, folder: string): string => {
  const first = (key: string) =>
    `$(lamplog conflicts --json | ${process.execPath} -p 'JSON.parse(fs.readFileSync(0))[0].${key}')`
  const shown = (key: string) =>
    `$(lamplog key --json | ${process.execPath} -p 'JSON.parse(fs.readFileSync(0)).${key}')`
  const script = [
    "set -euo pipefail",
    `lamplog() { ${process.execPath} ${join(root, "src/cli/main.ts")} "$@"; }`,
    tour
      .replace("resolve ID --take NODE", `resolve ${first("id")} --take ${first("winner")}`)
      .replace("SIGNING-LINE", shown("signing.verifier"))
      .replace("AGE-LINE", shown("encryption.recipient")),
  ].join("\n")
  return execFileSync("bash", ["-c", script], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, LAMPLOG_STATE_DIR: join(folder, "state") },
  })
}

const withServer = async <A>(run: (server: TestServer) => Promise<A>): Promise<A> => {
  const server = await startServer()
  try {
    return await run(server)
  } finally {
    await server.remove()
  }
}

const inFolder = async <A>(run: (folder: string) => A | Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-tour-"))
  try {
    return await run(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Lines of the sync tour that start and stop the server, which is the test's own here. */
const serverLine = /^(nats-server|kill) .*$/m

/** Walks through the sync tour; gives the digests of all replicas after each of its parts. */
const synced = (folder: string): Promise<ReadonlyArray<ReadonlySet<string>>> =>
  withServer(async (server) => {
    const digestsOf = (names: ReadonlyArray<string>): ReadonlySet<string> =>
      new Set(
        names.map((name) => {
          const text = walk(`cd ${name} && lamplog status --json`, folder)
          return (JSON.parse(text) as { digest: string }).digest
        }),
      )
    const own = (part: string) => part.replaceAll("nats://localhost:4222", server.url)
    const tour = blockWith("nats-server").split(serverLine)
    // Between the parts stand what was matched: start, kill, start.
    const [, , together, , apart, , back] = tour
    walk(blockWith("lamplog init"), folder)
    walk(`cd bo\n${own(together!)}`, folder)
    const first = digestsOf(["ana", "bo"])
    await server.kill()
    walk(own(apart!), folder)
    const second = digestsOf(["ana", "bo"])
    await server.restart()
    walk(own(back!), folder)
    return [first, second, digestsOf(["ana", "bo", "cy"])]
  })

describe("README.md", () => {
  it("leads through five minutes of real commands to a settled conflict", async () => {
    const tours = `${blockWith("lamplog init")}\n${blockWith("lamplog key make")}`
    const told = await inFolder((folder) => walk(tours, folder))
    expect(told).toMatch(/value\s+.*#3344ff|#3344ff.*bo@example.org/)
    expect(told).toContain("settled")
    expect(told).toContain("Everything holds")
    expect(told).toContain("signed by an unknown key")
    expect(told).toContain("with age")
  })

  it("syncs two folders through a server that goes and comes back, and a third from it alone", async () => {
    const [together, apart, back] = await inFolder(synced)
    expect(together!.size).toBe(1)
    expect(apart!.size).toBe(2)
    expect(back!.size).toBe(1)
    expect(back).not.toEqual(together)
  })

  it("shows the library with promises and with Effect", () => {
    expect(programs).toHaveLength(2)
  })

  for (const [index, program] of programs.entries()) {
    it(`prints what program ${index + 1} promises`, () => {
      expect(promised(program)).not.toBe("")
      expect(printed(program)).toBe(promised(program))
    })
  }
})

describe("docs/SYNC.md", () => {
  it("shows a program that prints what it promises", () => {
    expect(guide).toHaveLength(1)
    expect(promised(guide[0]!)).not.toBe("")
    expect(printed(guide[0]!)).toBe(promised(guide[0]!))
  })
})
