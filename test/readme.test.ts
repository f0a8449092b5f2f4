/**
 * Every program in README.md is run as it stands, and prints what its `// =>` comments say.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const readme = readFileSync(join(root, "README.md"), "utf8")
const programs = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!)

/** What `lamplog/…` means to someone who has it installed. */
const sources: ReadonlyArray<readonly [string, string]> = [
  [`"lamplog"`, "src/index.ts"],
  [`"lamplog/effect"`, "src/effect.ts"],
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

/** Both tours, with the words that a person would copy from the lines above. */
const toured = (): string => {
  const tour = `${blockWith("lamplog init")}\n${blockWith("lamplog key make")}`
  const folder = mkdtempSync(join(tmpdir(), "lamplog-tour-"))
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
  try {
    return execFileSync("bash", ["-c", script], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, LAMPLOG_STATE_DIR: join(folder, "state") },
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("README.md", () => {
  it("leads through five minutes of real commands to a settled conflict", () => {
    const told = toured()
    expect(told).toMatch(/value\s+.*#3344ff|#3344ff.*bo@example.org/)
    expect(told).toContain("settled")
    expect(told).toContain("Everything holds")
    expect(told).toContain("signed by an unknown key")
    expect(told).toContain("with age")
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
