/**
 * Joining from a remote alone: a replica appears with all that the remote holds, or not at all.
 */
import { existsSync, readdirSync } from "node:fs"
import { describe, expect, it, onTestFinished } from "vitest"
import { joinProject } from "../../src/index.ts"
import type { JoinOptions } from "../../src/index.ts"
import { shelfRemote } from "../../src/remote.ts"
import type { ProjectDescription, Remote } from "../../src/remote.ts"
import { memoryRemote, memoryStorage } from "../../src/testing/index.ts"
import { ana, bo, codeOf, put, Workshop } from "./workshop.ts"

/** The same remote, some of its calls replaced. */
const altered = (remote: Remote, calls: Partial<Remote>): Remote => ({
  where: remote.where,
  capabilities: { watches: false, assets: false, presence: false },
  describe: (signal) => remote.describe(signal),
  pull: (request, take, signal) => remote.pull(request, take, signal),
  push: (request, signal) => remote.push(request, signal),
  close: () => remote.close(),
  ...calls,
})

/** One that tells other things of its project. */
const telling = async (remote: Remote, change: Partial<ProjectDescription>): Promise<Remote> => {
  const [description] = await remote.describe(new AbortController().signal)
  return altered(remote, { describe: async () => [{ ...description!, ...change }] })
}

const joined = async (workshop: Workshop, remote: Remote, options: JoinOptions = {}) => {
  const directory = workshop.at("new")
  const project = await joinProject(remote, { ...workshop.options, ...options, directory })
  onTestFinished(() => project.close())
  return project
}

/** A project whose events fill several batches. */
const laden = async (workshop: Workshop) => {
  const source = await workshop.project("source", {})
  const text = "x".repeat(100_000)
  const changes = Array.from({ length: 100 }, (_, index) => put(`token/t${index}`, { value: text }))
  for (const change of changes) await source.change([change], ana)
  return { source, remote: memoryRemote(await source.peer()) }
}

describe("joining from a remote", () => {
  it("brings all that it holds, in several batches, under a node of one's own", async () => {
    const workshop = new Workshop()
    const { source, remote } = await laden(workshop)
    const project = await joined(workshop, remote, { name: "peer" })
    const [there, here] = [await source.status(), await project.status()]
    expect({ digest: here.digest, frontier: here.frontier, name: here.name }).toEqual({
      digest: there.digest,
      frontier: there.frontier,
      name: there.name,
    })
    expect(here.node).not.toBe(there.node)
    const [meeting] = await project.meetings()
    expect(meeting).toMatchObject({ remote: "peer", ahead: [], behind: [] })
    expect((await project.verify()).ok).toBe(true)
  })

  it("leaves nothing when it is interrupted between two batches", async () => {
    const workshop = new Workshop()
    const { remote } = await laden(workshop)
    const stop = new AbortController()
    let batches = 0
    const stopping = altered(remote, {
      pull: (request, take, signal) =>
        remote.pull(
          request,
          async (batch, cursor) => {
            const taken = await take(batch, cursor)
            batches += 1
            stop.abort()
            return taken
          },
          signal,
        ),
    })
    const directory = workshop.at("new")
    const joining = joinProject(
      stopping,
      { ...workshop.options, directory },
      { signal: stop.signal },
    )
    await expect(joining).rejects.toMatchObject({ name: "AbortError" })
    expect(batches).toBe(1)
    expect(existsSync(directory)).toBe(false)
    expect((await (await joined(workshop, remote)).status()).events).toBe(100)
  })

  it("is refused where events are missing that others build on", async () => {
    const workshop = new Workshop()
    const storage = memoryStorage()
    const remote = shelfRemote(storage)
    const source = await workshop.project("source")
    await source.change([put("token/a", { value: 1 })], ana)
    await source.sync(remote, { name: "shelf" })
    const first = [...storage.files.keys()]
    const other = await joinProject(remote, {
      ...workshop.options,
      directory: workshop.at("other"),
    })
    onTestFinished(() => other.close())
    await other.change([{ op: "patch", type: "token", id: "a", fields: { value: 2 } }], bo)
    await other.sync(remote, { name: "shelf" })
    const node = (await source.status()).node
    for (const name of first) if (name.includes(node)) storage.files.delete(name)
    const directory = workshop.at("new")
    const joining = joinProject(remote, { ...workshop.options, directory })
    expect(await codeOf(joining)).toBe("remote-incomplete")
    expect(existsSync(directory)).toBe(false)
    await source.sync(remote, { name: "shelf" })
    expect((await (await joined(workshop, remote)).status()).events).toBe(2)
  })

  it("believes nothing of what the place says of the project", async () => {
    const workshop = new Workshop()
    const source = await workshop.project("source")
    await source.change([put("token/a", { value: 1 })], ana)
    const remote = memoryRemote(await source.peer())
    const { project: id } = await source.status()
    const refused = async (change: Partial<ProjectDescription>) => {
      const told = await telling(remote, change)
      const code = await codeOf(joined(workshop, told))
      expect(readdirSync(workshop.folder)).not.toContain("new")
      return code
    }
    expect(await refused({ project: "../../x" })).toBe("remote-empty")
    expect(await refused({ project: "a".repeat(26) })).toBe("other-project")
    expect(await refused({ schema: { name: "unheard-of", version: 1 } })).toBe("schema-unknown")
    const named = await telling(remote, { name: "\u001b[31m\n" })
    expect((await (await joined(workshop, named)).status()).name).toBe(id)
  })
})
