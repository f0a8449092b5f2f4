/** Somebody who may do everything on a server, without Lamplog: what operators and accidents do. */
import { jetstreamManager } from "@nats-io/jetstream"
import type { JetStreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { namesOf } from "../../adapters/nats/subjects.ts"
import type { Names } from "../../adapters/nats/subjects.ts"

export interface Administrator {
  readonly client: NatsConnection
  readonly manager: JetStreamManager
}

/** What belongs to a project in the plain layout. */
export const namesFor = (project: string): Names => namesOf(project, { kind: "project" })

/** Does something as administrator, over a connection that ends with it. */
export const asAdministrator = async <A>(
  url: string,
  run: (administrator: Administrator) => Promise<A>,
): Promise<A> => {
  const servers = url.replace(/^\w+:\/\//, "").split(",")
  const client = await connect({ servers })
  try {
    return await run({ client, manager: await jetstreamManager(client, { checkAPI: false }) })
  } finally {
    await client.close()
  }
}

/** Where runs of logs lie in a stream, and their ids without what each attempt adds to them. */
export const runsIn = (url: string, stream: string): Promise<ReadonlyArray<string>> =>
  asAdministrator(url, async ({ manager }) => {
    const { state } = await manager.streams.info(stream)
    const runs: Array<string> = []
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await manager.streams.getMessage(stream, { seq })
      if (message === null || !message.subject.includes(".log.")) continue
      const id = message.header.get("Nats-Msg-Id")
      runs.push(`${message.subject} ${id.slice(0, id.lastIndexOf(":"))}`)
    }
    return runs
  })
