/**
 * Settling conflicts: what is written, what is refused, and that every replica agrees.
 */
import { describe, expect, it } from "vitest"
import type { Change, OpenProject } from "../../src/index.ts"
import { ana, bo, codeOf, collect, patch, put, remove, Workshop } from "./workshop.ts"

/** Two replicas that changed one token apart and have met: `mine` of ana, `theirs` of bo. */
const parted = async (
  workshop: Workshop,
  start: ReadonlyArray<Change>,
  mineDoes: ReadonlyArray<Change>,
  theirsDoes: ReadonlyArray<Change>,
) => {
  const mine = await workshop.project("mine")
  await mine.change(start, ana)
  const theirs = await workshop.replicaOf(mine, "theirs")
  for (const change of mineDoes) await mine.change([change], ana)
  for (const change of theirsDoes) await theirs.change([change], bo)
  await workshop.carry(theirs, mine)
  await workshop.carry(mine, theirs)
  return { mine, theirs }
}

const only = async (project: OpenProject) => {
  const conflicts = await project.conflicts()
  expect(conflicts).toHaveLength(1)
  return conflicts[0]!
}

const blue = [put("token/blue", { value: 1, modes: { dark: { value: 1 } } })]

const onValue = (workshop: Workshop) =>
  parted(workshop, blue, [patch("token/blue", { value: 2 })], [patch("token/blue", { value: 3 })])

describe("resolving a conflict of a field", () => {
  it("takes the candidate of a node, on every replica", async () => {
    const workshop = new Workshop()
    const { mine, theirs } = await onValue(workshop)
    const conflict = await only(mine)
    expect(conflict).toEqual(await only(theirs))
    const loser = conflict.candidates.find(({ node }) => node !== conflict.winner.node)!
    const written = await mine.resolve(conflict.id, { take: { node: loser.node } }, ana)
    expect(written.events).toBe(1)
    await workshop.carry(mine, theirs)
    for (const project of [mine, theirs]) {
      expect(await project.conflicts()).toEqual([])
      expect((await project.get("token", "blue"))?.fields.value).toBe(loser.value)
    }
    expect((await mine.status()).digest).toBe((await theirs.status()).digest)
    const [last] = await collect(mine.log({ reverse: true }))
    expect(last).toMatchObject({ header: { op: "resolve" }, body: { settles: conflict.id } })
  })

  it("takes the provisional winner, whose value stands already", async () => {
    const workshop = new Workshop()
    const { mine, theirs } = await onValue(workshop)
    const conflict = await only(mine)
    const before = await mine.get("token", "blue")
    await mine.resolve(conflict.id, { take: conflict.winner }, ana)
    expect(await mine.get("token", "blue")).toEqual({ ...before, conflicts: [] })
    await workshop.carry(mine, theirs)
    expect(await theirs.conflicts()).toEqual([])
  })

  it("takes a value of one's own, by the beginning of the id", async () => {
    const workshop = new Workshop()
    const { mine } = await onValue(workshop)
    const { id } = await only(mine)
    await mine.resolve(id.slice(0, 8), { value: null }, { ...ana, reason: "neither" })
    expect((await mine.get("token", "blue"))?.fields.value).toBeNull()
    expect(await mine.conflicts()).toEqual([])
  })

  it("takes a candidate that cleared the field by clearing it", async () => {
    const workshop = new Workshop()
    const { mine } = await parted(
      workshop,
      blue,
      [patch("token/blue", {}, ["value"])],
      [patch("token/blue", { value: 3 })],
    )
    const conflict = await only(mine)
    const clearing = conflict.candidates.find(({ absent }) => absent === true)!
    await mine.resolve(conflict.id, { take: { node: clearing.node } }, ana)
    expect((await mine.get("token", "blue"))?.fields).not.toHaveProperty("value")
    expect(await mine.conflicts()).toEqual([])
  })

  it("settles one key of a map and leaves the others alone", async () => {
    const workshop = new Workshop()
    const { mine } = await parted(
      workshop,
      blue,
      [patch("token/blue", { "modes/dark": 2, "modes/a~1b": 2 })],
      [patch("token/blue", { "modes/dark": 3, "modes/a~1b": 3, "modes/light": 3 })],
    )
    const conflicts = await mine.conflicts()
    expect(conflicts.map(({ field }) => field)).toEqual(["modes/a~1b", "modes/dark"])
    await mine.resolve(conflicts[0]!.id, { value: 7 }, ana)
    await mine.resolve(conflicts[1]!.id, { value: 8 }, ana)
    expect(await mine.conflicts()).toEqual([])
    expect((await mine.get("token", "blue"))?.fields.modes).toEqual({
      "a/b": 7,
      dark: 8,
      light: 3,
    })
  })

  it("removes a key of a map when the candidate that removed it is taken", async () => {
    const workshop = new Workshop()
    const { mine } = await parted(
      workshop,
      blue,
      [patch("token/blue", {}, ["modes/dark"])],
      [patch("token/blue", { "modes/dark": 3 })],
    )
    const conflict = await only(mine)
    const removing = conflict.candidates.find(({ absent }) => absent === true)!
    await mine.resolve(conflict.id, { take: removing }, ana)
    expect((await mine.get("token", "blue"))?.fields).toEqual({ value: 1 })
  })
})

describe("resolving a conflict of a delete beside an edit", () => {
  const onExistence = (workshop: Workshop) =>
    parted(workshop, blue, [remove("token/blue")], [patch("token/blue", { value: 3 })])

  it("deletes when the delete is taken", async () => {
    const workshop = new Workshop()
    const { mine, theirs } = await onExistence(workshop)
    const conflict = await only(mine)
    const { node } = conflict.candidates.find(({ op }) => op === "delete")!
    await theirs.resolve(conflict.id, { take: { node } }, bo)
    await workshop.carry(theirs, mine)
    expect(await mine.get("token", "blue")).toMatchObject({ deleted: true, conflicts: [] })
    expect((await mine.status()).digest).toBe((await theirs.status()).digest)
  })

  it("keeps the entity as it is when the edit is taken", async () => {
    const workshop = new Workshop()
    const { mine } = await onExistence(workshop)
    const conflict = await only(mine)
    const before = await mine.get("token", "blue")
    const { node } = conflict.candidates.find(({ op }) => op !== "delete")!
    await mine.resolve(conflict.id, { take: { node } }, ana)
    expect(await mine.get("token", "blue")).toEqual({ ...before, conflicts: [] })
  })

  it("refuses a value, which cannot settle whether something exists", async () => {
    const workshop = new Workshop()
    const { mine } = await onExistence(workshop)
    const { id } = await only(mine)
    expect(await codeOf(mine.resolve(id, { value: 1 }, ana))).toBe("value-not-applicable")
    expect(await mine.conflicts()).toHaveLength(1)
  })
})

describe("a resolution is refused", () => {
  it("when no candidate is of that node", async () => {
    const workshop = new Workshop()
    const { mine } = await onValue(workshop)
    const { candidates, id } = await only(mine)
    const taking = mine.resolve(id, { take: { node: "nobody" } }, ana)
    const failure = (await taking.catch((error: unknown) => error)) as { readonly remedy: string }
    expect(failure).toMatchObject({ code: "candidate-unknown" })
    for (const { node, seq } of candidates) expect(failure.remedy).toContain(`${node}:${seq}`)
    const [{ node, seq }] = candidates as [(typeof candidates)[0]]
    expect(await codeOf(mine.resolve(id, { take: { node, seq: seq + 1 } }, ana))).toBe(
      "candidate-unknown",
    )
  })

  it("when the conflict was settled since, or never was", async () => {
    const workshop = new Workshop()
    const { mine, theirs } = await onValue(workshop)
    const { id } = await only(mine)
    await theirs.resolve(id, { value: 4 }, bo)
    await workshop.carry(theirs, mine)
    expect(await codeOf(mine.resolve(id, { value: 5 }, ana))).toBe("conflict-changed")
    expect(await codeOf(mine.resolve(id.slice(0, 8), { value: 5 }, ana))).toBe("conflict-unknown")
    expect(await codeOf(mine.conflict(id))).toBe("conflict-unknown")
    expect((await mine.get("token", "blue"))?.fields.value).toBe(4)
  })

  it("when another candidate came in since", async () => {
    const workshop = new Workshop()
    const { mine, theirs } = await onValue(workshop)
    const third = await workshop.replicaOf(mine, "third")
    const { id } = await only(mine)
    await theirs.change([patch("token/blue", { value: 5 })], bo)
    await third.change([patch("token/blue", { value: 6 })], bo)
    await workshop.carry(theirs, mine)
    await workshop.carry(third, mine)
    expect(await codeOf(mine.resolve(id, { value: 7 }, ana))).toBe("conflict-changed")
    expect((await only(mine)).id).not.toBe(id)
  })

  it("when a node has several candidates and none of them is named", async () => {
    const workshop = new Workshop()
    const { mine } = await parted(
      workshop,
      blue,
      [remove("token/blue"), put("token/blue", { value: 2 })],
      [patch("token/blue", { value: 3 }), remove("token/blue")],
    )
    const conflict = (await mine.conflicts()).find(({ kind }) => kind === "delete-edit")!
    expect(conflict.candidates).toHaveLength(4)
    const { node } = await mine.status()
    const taking = mine.resolve(conflict.id, { take: { node } }, ana)
    expect(await codeOf(taking)).toBe("candidate-ambiguous")
    const kept = conflict.candidates.find((one) => one.node === node && one.op === "put")!
    await mine.resolve(conflict.id, { take: { node, seq: kept.seq } }, ana)
    expect((await mine.conflicts()).map(({ kind }) => kind)).not.toContain("delete-edit")
  })
})
