/**
 * Replicas that meet at a real nats-server, with an administrator who can do harm to what lies there.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import type { JetStreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { openNats } from "../../../adapters/nats/index.ts"
import type { NatsOptions } from "../../../adapters/nats/index.ts"
import { peerOf } from "../../../src/sync/peer.ts"
import type { Peer } from "../../../src/sync/remote.ts"
import type { Guest, RemotePlace } from "../../../src/testing/remote-stage.ts"
import type { TestServer } from "../../nats/server.ts"

export interface Administrator {
  readonly client: NatsConnection
  readonly manager: JetStreamManager
}

/** Does something as the server's administrator, over a connection of its own. */
export const administer = async <A>(
  url: string,
  act: (administrator: Administrator) => Promise<A>,
  user: { readonly user?: string; readonly pass?: string } = {},
): Promise<A> => {
  const client = await connect({ servers: url, ...user })
  try {
    return await act({ client, manager: await jetstreamManager(client) })
  } finally {
    await client.close()
  }
}

/** A place for guests to meet at, on a server that the test has. */
export const placeAt = (url: string, options: NatsOptions = {}): RemotePlace => ({
  connect: () => openNats(url, options),
  remove: async () => {},
})

export const streamOf = (guest: Guest): string => `LAMP_${guest.replica.project}`

export const peerFor = ({ local, news }: Guest): Peer => peerOf(local, { changed: news.changed })

/** Removes all streams, so that the next test finds an empty server. */
export const emptyServer = (server: TestServer): Promise<void> =>
  administer(server.url, async ({ manager }) => {
    for await (const { config } of manager.streams.list()) {
      await manager.streams.delete(config.name)
    }
  })
