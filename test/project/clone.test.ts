/**
 * New replicas appear whole or not at all, whatever stops their making.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { cloneProject } from "../../src/index.ts"
import { stagingName } from "../../src/store/staging.ts"
import { ana, codeOf, put, Workshop } from "./workshop.ts"

const program = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

const laden = async (workshop: Workshop, count: number): Promise<string> => {
  const source = await workshop.project("source")
  const changes = Array.from({ length: count }, (_, index) => put(`token/t${index}`, { value: 1 }))
  await source.change(changes, ana)
  const path = workshop.at("source.lamplog")
  await source.exportProject(path)
  return path
}

const cloned = async (workshop: Workshop, path: string) => {
  const project = await cloneProject(path, { ...workshop.options, directory: workshop.at("new") })
  onTestFinished(() => project.close())
  return project
}

describe("a clone", () => {
  it("that is killed leaves no project, and what it leaves goes with the next", async () => {
    const workshop = new Workshop()
    const path = await laden(workshop, 4000)
    const child = spawn(process.execPath, [program, "clone", path, workshop.at("new")], {
      env: { ...process.env, LAMPLOG_STATE_DIR: workshop.at("state") },
      stdio: "ignore",
    })
    const ended = once(child, "exit")
    const isBuilding = (): boolean =>
      existsSync(workshop.at("new")) &&
      readdirSync(workshop.at("new")).some((name) => name.startsWith(".lamplog.new-"))
    while (!isBuilding() && child.exitCode === null) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    child.kill("SIGKILL")
    await ended
    expect(readdirSync(workshop.at("new")).map((name) => name.slice(0, 13))).toEqual([
      ".lamplog.new-",
    ])
    const project = await cloned(workshop, path)
    expect((await project.status()).events).toBe(4000)
    expect(readdirSync(workshop.at("new"))).toEqual([".lamplog"])
  })

  it("leaves alone what others are building", async () => {
    const workshop = new Workshop()
    const path = await laden(workshop, 10)
    const others = [".lamplog.new-00000000-999999999-0123456789ab", stagingName(".lamplog.new-")]
    for (const name of others) {
      mkdirSync(workshop.at(`new/${name}`), { recursive: true })
      writeFileSync(workshop.at(`new/${name}/project.db`), "being written")
    }
    await cloned(workshop, path)
    expect(readdirSync(workshop.at("new")).sort()).toEqual([".lamplog", ...others].sort())
  })

  it("is refused where another took the place meanwhile, and leaves that as it is", async () => {
    const workshop = new Workshop()
    const path = await laden(workshop, 2500)
    const directory = workshop.at("new")
    let made: Promise<unknown> | undefined
    const late = cloneProject(
      path,
      { ...workshop.options, directory },
      { onProgress: () => void (made ??= workshop.project("new")) },
    )
    expect(await codeOf(late)).toBe("project-exists")
    await made
    expect(readdirSync(directory)).toEqual([".lamplog"])
  })

  it("that fails leaves a folder that was there, with what is in it", async () => {
    const workshop = new Workshop()
    const directory = workshop.at("new")
    workshop.file("new/precious", "mine")
    const broken = workshop.file("broken.lamplog", "PK\u0003\u0004 nothing")
    expect(await codeOf(cloneProject(broken, { ...workshop.options, directory }))).not.toBe("none")
    expect(readdirSync(directory)).toEqual(["precious"])
  })
})
