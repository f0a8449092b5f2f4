/** `init --membership members` and `node`: who may write, on the command line. */
import { describe, expect, it } from "vitest"
import { stage } from "../cli/stage.ts"

const { folder, json, path, run } = stage()

interface Nodes {
  readonly membership: string
  readonly me: string
  readonly members: ReadonlyArray<{ readonly node: string; readonly standing: string }>
}

/** A project of members, and a clone of it that nobody has admitted. */
const two = async (name: string) => {
  folder(name)
  await json(["init", "--membership", "members", "--actor", "ana"], { in: name })
  await json(["set", "token/a", "value=1"], { in: name })
  await json(["export", path(`${name}.lamplog`)], { in: name })
  const cloned = await json<{ node: string }>(["clone", path(`${name}.lamplog`), path(name, "b")])
  return { one: { in: name }, other: { in: `${name}/b` }, node: cloned.node }
}

describe("node", () => {
  it("admits whom a refused write names, and lists them", async () => {
    const { node, one, other } = await two("admit")
    const refused = await run(["set", "token/a", "value=2", "--json"], other)
    expect(refused.status).toBe(1)
    const { error } = JSON.parse(refused.stdout) as { error: { code: string; remedy: string } }
    expect(error).toMatchObject({ code: "not-a-member", where: node })
    expect(error.remedy).toContain(`lamplog node admit ${node}`)

    expect(await json(["node", "admit", node, "--name", "Bo"], one)).toMatchObject({
      node,
      events: 1,
    })
    await json(["export", path("again.lamplog")], one)
    await json(["merge", path("again.lamplog")], other)
    await json(["set", "token/a", "value=2"], other)
    const { me, members, membership } = await json<Nodes>(["node", "list"], one)
    expect(membership).toBe("members")
    expect(members).toMatchObject([
      { node: me, level: 0, standing: "member", isMe: true },
      { node, name: "Bo", level: 1, admittedBy: me, standing: "member", isMe: false },
    ])
    const { stdout } = await run(["node", "list"], one)
    expect(stdout).toMatch(new RegExp(`${me} +tester|${me} +ana`))
    expect(stdout).toMatch(new RegExp(`${node} +Bo +member +admitted by ${me}`))
  })

  it("retires a member by the beginning of its id", async () => {
    const { node, one } = await two("retire")
    await json(["node", "admit", node], one)
    expect(await json(["node", "retire", node.slice(0, 10)], one)).toMatchObject({ node })
    const { members } = await json<Nodes>(["node", "list"], one)
    expect(members).toMatchObject([{}, { node, standing: "retired", cut: { seq: 0 } }])
    expect((await run(["node", "list"], one)).stdout).toContain("retired before its first event")
  })

  it("refuses what has no effect, with status 1, and what is no node, with 2", async () => {
    const { node, one } = await two("refuse")
    const statusOf = async (...words: ReadonlyArray<string>): Promise<number> =>
      (await run(["node", ...words], one)).status
    expect(await statusOf("retire", node)).toBe(1)
    expect(await statusOf("admit", "NOBODY")).toBe(2)
    expect(await statusOf("admit", node.slice(0, 10))).toBe(1)
    expect(await statusOf("admit", node)).toBe(0)
    expect(await statusOf("admit", node)).toBe(1)
  })

  it("tells that an open project has no members", async () => {
    folder("open")
    await json(["init"], { in: "open" })
    expect(await json<Nodes>(["node", "list"], { in: "open" })).toMatchObject({
      membership: "open",
      members: [],
    })
    const { status, stderr } = await run(["node", "admit", "a".repeat(26)], { in: "open" })
    expect(status).toBe(1)
    expect(stderr).toContain("init --membership members")
  })

  it("keeps to the two rules there are", async () => {
    folder("rule")
    expect((await run(["init", "--membership", "closed"], { in: "rule" })).status).toBe(2)
  })
})
