/**
 * What those who join need to know of a project, as a small message beside its logs, and which projects a server has.
 */
import { hash } from "node:crypto"
import { isIdentifier } from "../../src/remote.ts"
import type { ProjectDescription, PushRequest } from "../../src/remote.ts"
import type { Connection } from "./connection.ts"
import { headers } from "@nats-io/transport-node"
import type { Publisher } from "./publisher.ts"
import type { StreamState } from "./probe.ts"
import { namesOf, projectOfAbout } from "./subjects.ts"
import type { Names } from "./subjects.ts"
import type { Memory } from "./memory.ts"

const descriptionBytesMax = 4096
const streamsMax = 1000
const projectsMax = 10_000

const descriptionText = ({ project, name, schema }: ProjectDescription): string =>
  JSON.stringify({ v: 1, project, name, schema: { name: schema.name, version: schema.version } })

const descriptionFrom = (data: Uint8Array, project: string): ProjectDescription | undefined => {
  if (data.length > descriptionBytesMax) return undefined
  try {
    const value = JSON.parse(Buffer.from(data).toString("utf8")) as { [key: string]: unknown }
    const schema = value["schema"] as { readonly [key: string]: unknown } | undefined
    const { name } = value
    if (value["v"] !== 1 || value["project"] !== project || typeof name !== "string") {
      return undefined
    }
    if (typeof schema?.["name"] !== "string" || !Number.isSafeInteger(schema["version"])) {
      return undefined
    }
    return {
      project,
      name,
      schema: { name: schema["name"], version: schema["version"] as number },
    }
  } catch {
    return undefined
  }
}

interface AboutSources {
  readonly connection: Connection
  readonly names: Names
  readonly memory: Memory
  readonly publisher: Publisher
}

/** Sees to it that the stream tells what its project is; once for each stream. */
export const publishAbout = async (
  { connection, names, memory, publisher }: AboutSources,
  { description, node }: PushRequest,
  state: StreamState,
  signal: AbortSignal,
): Promise<void> => {
  if (memory.described === state.created) return
  const text = descriptionText(description)
  const last = await connection.call("looking for the description", signal, ({ manager }) =>
    manager.streams.getMessage(names.stream, { last_by_subj: names.allAbout }),
  )
  if (last === null || Buffer.from(last.data).toString("utf8") !== text) {
    const id = `about:${hash("sha256", text).slice(0, 32)}`
    const message = { headers: headers(), data: Buffer.from(text), id }
    const stored = await publisher.publish(names.about(node), message, signal)
    if (!names.shared) memory.advance(stored.sequence, stored.id, message.data.length)
  }
  memory.described = state.created
}

const aboutIn = async (
  connection: Connection,
  stream: string,
  subject: string,
  project: string,
  signal: AbortSignal,
): Promise<ProjectDescription | undefined> => {
  const message = await connection.call("reading a description", signal, ({ manager }) =>
    manager.streams.getMessage(stream, { last_by_subj: subject }),
  )
  return message === null ? undefined : descriptionFrom(message.data, project)
}

const streamNames = (connection: Connection, signal: AbortSignal) =>
  connection.call("listing streams", signal, async ({ manager }) => {
    const names: Array<string> = []
    for await (const name of manager.streams.names("lamp.>")) {
      if (name.startsWith("LAMP_") && names.length < streamsMax) names.push(name)
    }
    return names
  })

/** The projects that a server tells of: that of the URL, or all that one may list. */
export const describeProjects = async (
  connection: Connection,
  signal: AbortSignal,
): Promise<ReadonlyArray<ProjectDescription>> => {
  const { project, layout } = connection.settings
  if (project !== undefined && isIdentifier(project)) {
    const names = namesOf(project, layout)
    const found = await aboutIn(connection, names.stream, names.allAbout, project, signal)
    return found === undefined ? [] : [found]
  }
  const found = new Map<string, ProjectDescription>()
  for (const stream of await streamNames(connection, signal)) {
    const info = await connection.call("listing projects", signal, ({ manager }) =>
      manager.streams.info(stream, { subjects_filter: "lamp.*.>" }),
    )
    const subjects = Object.keys(info.state.subjects ?? {})
    const projects = new Map(
      subjects.flatMap((subject) => {
        const id = projectOfAbout(subject)
        return id === undefined ? [] : [[id, subject.replace(/[^.]+$/, "*")] as const]
      }),
    )
    for (const [id, subject] of projects) {
      if (found.size >= projectsMax) break
      const description = await aboutIn(connection, stream, subject, id, signal)
      if (description !== undefined) found.set(id, description)
    }
  }
  return [...found.values()].sort((left, right) => (left.project < right.project ? -1 : 1))
}
