/**
 * Two processes on one project: the second waits, can be stopped while it waits, and says for whom.
 */
import { describe, expect, it } from "vitest"
import { openProject } from "../../src/index.ts"
import { holdLock } from "./holder.ts"
import { ana, patch, put, Workshop } from "./workshop.ts"

const heldProject = async (workshop: Workshop, busyTimeoutMillis: number) => {
  const maker = await workshop.project()
  await maker.change([put("token/a", { value: 1 })], ana)
  await maker.close()
  const project = await openProject({
    ...workshop.options,
    directory: workshop.at("a"),
    busyTimeoutMillis,
  })
  const holder = await holdLock(workshop.at("a/.lamplog"), workshop.at("state"))
  return { project, holder }
}

describe("a project that another process writes", () => {
  it("is refused after the busy timeout with the other's process id", async () => {
    const { holder, project } = await heldProject(new Workshop(), 100)
    const failure = await project
      .change([put("token/b", { value: 1 })], ana)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: "project-busy" })
    expect((failure as Error).message).toContain(`process ${holder.pid}`)
    await holder.release()
    expect(await project.change([put("token/b", { value: 1 })], ana)).toMatchObject({ events: 1 })
    await project.close()
  })

  it("is waited for, while the rest of this program goes on and reads", async () => {
    const { holder, project } = await heldProject(new Workshop(), 60_000)
    const order: Array<string> = []
    const changing = project
      .change([patch("token/a", { value: 2 })], ana)
      .then(() => order.push("changed"))
    await new Promise((resolve) => setImmediate(resolve))
    order.push("went on")
    await holder.release()
    await changing
    expect(order).toEqual(["went on", "changed"])
    expect((await project.get("token", "a"))?.fields.value).toBe(2)
    await project.close()
  })

  it("is not waited for any longer by a call that is aborted", async () => {
    const { holder, project } = await heldProject(new Workshop(), 60_000)
    const controller = new AbortController()
    const reason = new Error("no time")
    const changing = project.change([put("token/b", { value: 1 })], {
      ...ana,
      signal: controller.signal,
    })
    setImmediate(() => controller.abort(reason))
    await expect(changing).rejects.toBe(reason)
    await holder.release()
    expect((await project.status()).events).toBe(1)
    await project.close()
  })

  it("can be read all the time", async () => {
    const { holder, project } = await heldProject(new Workshop(), 100)
    expect(await project.status()).toMatchObject({ events: 1 })
    expect((await project.get("token", "a"))?.fields.value).toBe(1)
    await holder.release()
    await project.close()
  })
})
