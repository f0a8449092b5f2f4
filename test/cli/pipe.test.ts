/**
 * A named pipe that nobody writes to, given where a file belongs: refused, never waited for.
 */
import { execFileSync } from "node:child_process"
import { beforeAll, describe, expect, it } from "vitest"
import { stage } from "./stage.ts"

const { path, run } = stage()
const pipe = path("pipe")

beforeAll(async () => {
  execFileSync("mkfifo", [pipe])
  await run(["init", "--project", path("project")])
})

describe("a pipe", () => {
  it.each([
    ["verify", [pipe]],
    ["inspect", [pipe]],
    ["merge", [pipe]],
    ["import", [pipe]],
    ["diff", [pipe]],
    ["clone", [pipe, path("clone")]],
    ["restore", [pipe]],
    ["export", [path("out.lamplog"), "--since", pipe]],
  ])("is refused by %s", async (command, rest) => {
    const { status, stderr } = await run([command, ...rest, "--project", path("project")])
    expect(status).toBe(1)
    expect(stderr).not.toMatch(/\n\s+at /)
  })
})
