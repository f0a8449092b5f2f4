/**
 * Changing and reading through the service: all or nothing, one state at a time.
 */
import { describe, expect, it } from "vitest"
import { openProject } from "../../src/index.ts"
import { ana, bo, codeOf, collect, patch, put, remove, Workshop } from "./workshop.ts"

const many = (count: number, prefix = "t") =>
  Array.from({ length: count }, (_, index) => put(`token/${prefix}${index}`, { value: index }))

describe("an atomic change", () => {
  it("is one transaction under one lamport, with one event for each entity", async () => {
    const project = await new Workshop().project()
    const changes = [
      put("token/a", { value: 1 }),
      patch("token/a", { type: "number" }),
      put("token/b", { value: 2 }),
    ]
    expect(await project.change(changes, { ...ana, reason: "first" })).toEqual({
      events: 2,
      lamport: 1,
    })
    const log = await collect(project.log())
    expect(log.map(({ header, body }) => [header.id, header.transaction, body.reason])).toEqual([
      ["a", { index: 0, count: 2 }, "first"],
      ["b", { index: 1, count: 2 }, "first"],
    ])
  })

  it("writes nothing when one of its changes is refused", async () => {
    const project = await new Workshop().project()
    const changes = [put("token/a", { value: 1 }), put("planet/mars", { value: 1 })]
    expect(await codeOf(project.change(changes, ana))).toBe("type-unknown")
    expect(await project.status()).toMatchObject({ events: 0, lamport: 0, entities: {} })
  })

  it("is dated by the caller's clock, which nothing else depends on", async () => {
    const workshop = new Workshop()
    const project = await workshop.project("a", { clock: () => 86_400_000 })
    await project.change([put("token/a", { value: 1 })], ana)
    const [entry] = await collect(project.log())
    expect(entry?.body.at).toBe("1970-01-02T00:00:00.000Z")
  })

  it("is a write of nothing when the state is as asked", async () => {
    const project = await new Workshop().project()
    await project.change([put("token/a", { value: 1 })], ana)
    expect(await project.change([put("token/a", { value: 1 }), remove("token/b")], ana)).toEqual({
      events: 0,
      lamport: 1,
    })
  })
})

describe("changes each of its own", () => {
  it("are events in order, each under a lamport of its own", async () => {
    const project = await new Workshop().project()
    expect(await project.changeEach(many(2500), ana)).toEqual({ events: 2500, lamport: 2500 })
    const log = await collect(project.log())
    expect(log.map(({ lamport }) => lamport)).toEqual(many(2500).map((_, index) => index + 1))
    expect(log.every(({ header }) => header.transaction === undefined)).toBe(true)
  })

  it("stay in whole groups up to the one that failed", async () => {
    const project = await new Workshop().project()
    const changes = [...many(1500), put("planet/mars", { value: 1 }), ...many(10, "later")]
    expect(await codeOf(project.changeEach(changes, ana))).toBe("type-unknown")
    expect((await project.status()).events).toBe(1000)
  })

  it("may come from an asynchronous source, whose failure is the caller's own and comes last", async () => {
    const project = await new Workshop().project()
    const own = new Error("the source dried up")
    const source = async function* () {
      yield* many(3)
      await Promise.resolve()
      throw own
    }
    expect(await codeOf(project.changeEach(source(), ana))).toBe(own)
    expect(await project.changeEach([], ana)).toEqual({ events: 0, lamport: 3 })
  })
})

describe("reading", () => {
  it("counts what lives, by type, and tells where the replica stands", async () => {
    const project = await new Workshop().project()
    await project.change([...many(3), put("component/c", { name: "C" })], ana)
    await project.change([remove("token/t0")], ana)
    expect(await project.status()).toMatchObject({
      name: "a",
      schema: { name: "design-system", version: 1 },
      entities: { component: 1, token: 2 },
      events: 5,
      lamport: 2,
      conflicts: 0,
      setAside: 0,
      forks: [],
    })
    expect((await collect(project.list({ deleted: true }))).map(({ id }) => id)).toEqual(["t0"])
    expect(await project.get("token", "nothing")).toBeUndefined()
  })

  it("lists more than a page, by type and id, while others change the project in between", async () => {
    const project = await new Workshop().project()
    await project.change(many(1200), ana)
    const seen: Array<string> = []
    for await (const { id } of project.list({ type: "token" })) {
      if (seen.length === 10) await project.change([put("token/a-late-one", { value: 0 })], ana)
      seen.push(id)
    }
    expect(seen).toEqual(
      many(1200)
        .map(({ id }) => id)
        .sort(),
    )
  })

  it("sees what another handle on the same folder committed", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const other = await openProject({ ...workshop.options, directory: workshop.at("a") })
    await other.change([put("token/a", { value: 1 })], bo)
    await other.close()
    expect(await collect(project.log())).toHaveLength(1)
    expect(await project.status()).toMatchObject({ events: 1, lamport: 1 })
    expect(await project.change([patch("token/a", { value: 2 })], ana)).toMatchObject({
      lamport: 2,
    })
  })

  it("waits for a change under way, so nobody sees half of it", async () => {
    const workshop = new Workshop()
    const project = await workshop.project()
    const source = await workshop.project("source")
    await source.change(many(3000), ana)
    const path = workshop.at("values.lamplog")
    await source.exportProject(path)
    const order: Array<string> = []
    const importing = project.importProject([path], ana).then(() => order.push("import"))
    const reading = project.status().then(({ events }) => order.push(`status ${events}`))
    await Promise.all([importing, reading])
    expect(["import,status 3000", "status 0,import"]).toContain(order.join())
  })

  it("filters the log by actor, node and stamp", async () => {
    const project = await new Workshop().project()
    await project.change([put("token/a", { value: 1 })], ana)
    await project.change([patch("token/a", { value: 2 })], bo)
    const { node } = await project.status()
    const lamports = async (filter: Parameters<typeof project.log>[0]) =>
      (await collect(project.log(filter))).map(({ lamport }) => lamport)
    expect(await lamports({ actor: "bo" })).toEqual([2])
    expect(await lamports({ since: { lamport: 1, node } })).toEqual([2])
    expect(await lamports({ node: "elsewhere" })).toEqual([])
    expect(await lamports({ reverse: true })).toEqual([2, 1])
  })
})
