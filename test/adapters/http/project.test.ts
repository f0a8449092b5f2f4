/**
 * Projects that meet over HTTP, through the public names alone.
 */
import { describe, expect, it, onTestFinished } from "vitest"
import { openHttp, serveHttp } from "../../../adapters/http/index.ts"
import { assetsFromRemote } from "../../../src/index.ts"
import type { FollowState, OpenProject } from "../../../src/index.ts"
import type { Remote } from "../../../src/remote.ts"
import { ana, bo, put, Workshop } from "../../project/workshop.ts"

const token = "a-token-of-sixteen"

const remoteFor = async (project: OpenProject): Promise<Remote> => {
  const serving = await serveHttp(await project.peer(), { token })
  onTestFinished(() => serving.close())
  const remote = await openHttp(serving.url, { token })
  onTestFinished(() => remote.close())
  return remote
}

const patch = (id: string, fields: { readonly [name: string]: string }) => ({
  op: "patch" as const,
  type: "token",
  id,
  fields,
})

describe("two projects over HTTP", () => {
  it("end with the same state and the same conflicts, whoever asks", async () => {
    const workshop = new Workshop()
    const one = await workshop.project()
    await one.change([put("token/red", { value: "#f00" })], ana)
    const other = await workshop.replicaOf(one)
    await one.change([patch("red", { value: "#e00" })], ana)
    await other.change([patch("red", { value: "#d00" }), put("token/blue", { value: "#00f" })], bo)
    const remote = await remoteFor(one)
    const met = await other.sync(remote, { name: "one" })
    expect(met).toMatchObject({ inSync: true, pulled: 1, pushed: 2, conflicts: 1, rounds: 2 })
    const [here, there] = [await one.status(), await other.status()]
    expect(there.digest).toBe(here.digest)
    expect(met.digest).toBe(here.digest)
    expect(await other.sync(remote, { name: "one" })).toMatchObject({ rounds: 1, inSync: true })
  })

  it("hear of what the other one writes while they follow", async () => {
    const workshop = new Workshop()
    const one = await workshop.project()
    const other = await workshop.replicaOf(one)
    const remote = await remoteFor(one)
    const stop = new AbortController()
    let state: FollowState | undefined
    const following = other.follow(remote, {
      name: "one",
      signal: stop.signal,
      onState: (next) => (state = next),
    })
    await expect.poll(() => state?.phase, { timeout: 20_000 }).toBe("in sync")
    await one.change([put("token/red", { value: "#f00" })], ana)
    await other.change([put("token/blue", { value: "#00f" })], bo)
    const digests = async () => [(await one.status()).digest, (await other.status()).digest]
    const equal = async () => {
      const [here, there] = await digests()
      return here === there && state?.pulled === 1 && state.pushed === 1
    }
    await expect.poll(equal, { timeout: 20_000 }).toBe(true)
    stop.abort(new Error("enough"))
    await expect(following).rejects.toThrow("enough")
  })

  it("give each other the bytes of assets when somebody asks for them", async () => {
    const workshop = new Workshop()
    const one = await workshop.project()
    const text = "a picture ".repeat(50_000)
    const other = await workshop.replicaOf(one)
    const { id } = await one.addAsset({ content: workshop.file("lamp.txt", text) }, ana)
    const remote = await remoteFor(one)
    await other.sync(remote, { name: "one" })
    const { stream, fetchedFrom } = await other.getAsset(id, {
      sources: [assetsFromRemote("one", remote)],
    })
    expect(Buffer.concat(await Array.fromAsync(stream)).toString()).toBe(text)
    expect(fetchedFrom).toBe("one")
  })
})
