/**
 * `node list`, `node admit` and `node retire`: who may write to a project of members.
 */
import * as Effect from "effect/Effect"
import type { ProjectMember, ProjectMembers } from "../project/members.ts"
import { authorship } from "./authorship.ts"
import type { Call, Run } from "./command.ts"
import { aligned, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"
import { withProject } from "./session.ts"
import { nodeFromText } from "./words.ts"

const standingText = ({ cut, isMe, standing }: ProjectMember, paint: Paint): string => {
  const me = isMe ? paint.bold(" (this replica)") : ""
  if (standing === "member") return `member${me}`
  if (standing === "waiting") return `${paint.yellow("waits to be admitted")}${me}`
  if (standing === "outside") return `${paint.yellow("not admitted")}${me}`
  const end = cut!.seq === 0 ? "before its first event" : `after event ${cut!.seq}`
  return `${paint.yellow(`retired ${end}`)}${me}`
}

const originText = ({ admittedBy, level }: ProjectMember, paint: Paint): string => {
  if (level === 0) return "founder"
  return admittedBy === undefined ? "" : paint.dim(`admitted by ${admittedBy}`)
}

const listText = ({ me, members, membership }: ProjectMembers, paint: Paint): string => {
  if (membership === "open") {
    return `The project is open: whoever has it may write.\n${aligned([["this node", me]])}\n`
  }
  const rows = members.map((member) => [
    member.node,
    printable(member.name ?? "–"),
    standingText(member, paint),
    originText(member, paint),
  ])
  return `${aligned(rows)}\n`
}

export const list: Run = (call) =>
  withProject(call, (project) =>
    Effect.map(project.members, (found) => ({
      document: found,
      text: () => listText(found, call.paint),
    })),
  )

const nodeOf = (call: Call): string => nodeFromText(call.argument("NODE"), "NODE")

export const admit: Run = (call) =>
  Effect.suspend(() => {
    const node = nodeOf(call)
    const name = call.flag("name")
    const options = { ...authorship(call), ...(name === undefined ? {} : { name }) }
    return withProject(call, (project) =>
      Effect.map(project.admitNode(node, options), ({ events, lamport }) => ({
        document: { node, events, lamport },
        text: () => `${node} is a member now; what waited of it is applied.\n`,
      })),
    )
  })

/** The member whose id begins so; what is not clear is left to be refused. */
const memberFrom = (text: string, { members }: ProjectMembers): string => {
  const found = members.filter(({ node }) => node.startsWith(text))
  return found.length === 1 ? found[0]!.node : text
}

export const retire: Run = (call) =>
  Effect.suspend(() => {
    const text = nodeOf(call)
    const options = authorship(call)
    return withProject(call, (project) =>
      Effect.gen(function* () {
        const node = memberFrom(text, yield* project.members)
        const { events, lamport } = yield* project.retireNode(node, options)
        return {
          document: { node, events, lamport },
          text: () =>
            `${node} is retired: what it wrote up to now counts, nothing after it does, anywhere.\n`,
        }
      }),
    )
  })
