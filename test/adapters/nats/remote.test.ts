/**
 * The checks of every remote, over a real nats-server.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, it } from "vitest"
import { openNats } from "../../../adapters/nats/index.ts"
import { remoteChecks } from "../../../src/testing/index.ts"
import type { OpenPlace } from "../../../src/testing/index.ts"
import { startServer } from "../../nats/server.ts"
import type { TestServer } from "../../nats/server.ts"

let server: TestServer

beforeAll(async () => {
  server = await startServer()
})

afterAll(async () => {
  await server.remove()
})

const lose = async (): Promise<void> => {
  const client = await connect({ servers: server.url })
  const manager = await jetstreamManager(client)
  for await (const { config } of manager.streams.list()) await manager.streams.delete(config.name)
  await client.close()
}

const openPlace: OpenPlace = async ({ description: { project } }) => ({
  connect: () => openNats(server.url, { project }),
  lose,
  remove: lose,
})

describe("a NATS server", () => {
  for (const { name, run } of remoteChecks(openPlace)) it(name, run)
})
