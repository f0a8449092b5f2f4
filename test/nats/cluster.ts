/** Several servers as one: three that share every stream, and one at the edge that leads to another. */
import { randomInt } from "node:crypto"
import { freePorts, startServer, TestServer, makePlace } from "./server.ts"
import type { Place, ServerOptions } from "./server.ts"

const startsMax = 5
const pollMillis = 20
const electionPollsMax = 1000

export interface Cluster {
  readonly servers: ReadonlyArray<TestServer>
  /** All addresses, as one URL of the adapter. */
  readonly url: string
  /** Who leads a stream now; undefined while nobody does. */
  readonly leaderOf: (stream: string) => Promise<TestServer | undefined>
  /** Resolves when somebody leads all of them, and every server agrees on whom. */
  readonly elected: () => Promise<void>
  readonly remove: () => Promise<void>
}

interface JetStreamPage {
  readonly meta_cluster?: { readonly leader?: string }
  readonly account_details?: ReadonlyArray<{
    readonly stream_detail?: ReadonlyArray<{
      readonly name: string
      readonly cluster?: { readonly leader?: string }
    }>
  }>
}

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis)
  })

const pageOf = (server: TestServer): Promise<JetStreamPage | undefined> =>
  server.isRunning
    ? server.monitor<JetStreamPage>("jsz?streams=true").catch(() => undefined)
    : Promise.resolve(undefined)

const clusterOf = (servers: ReadonlyArray<TestServer>): Cluster => {
  const elected = async (): Promise<void> => {
    for (let poll = 0; poll < electionPollsMax; poll++) {
      const running = servers.filter(({ isRunning }) => isRunning)
      const pages = await Promise.all(running.map(pageOf))
      const leaders = new Set(pages.map((page) => page?.meta_cluster?.leader ?? ""))
      if (leaders.size === 1 && !leaders.has("")) return
      await pause(pollMillis)
    }
    throw new Error("the servers of the cluster elected no leader")
  }
  const leaderOf = async (stream: string): Promise<TestServer | undefined> => {
    for (const page of await Promise.all(servers.map(pageOf))) {
      const streams = page?.account_details?.flatMap((account) => account.stream_detail ?? []) ?? []
      const leader = streams.find(({ name }) => name === stream)?.cluster?.leader
      if (leader !== undefined && leader !== "") {
        return servers.find(({ place }) => place.name === leader)
      }
    }
    return undefined
  }
  const url = `nats://${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}`
  const remove = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.remove()))
  }
  return { servers, url, leaderOf, elected, remove }
}

/** Starts servers that form a cluster; resolves when they have elected a leader. */
export const startCluster = async (count = 3, options: ServerOptions = {}): Promise<Cluster> => {
  const label = `c${process.pid}x${randomInt(1_000_000)}`
  for (let start = 1; ; start++) {
    const ports = await freePorts(3 * count)
    const routePorts = ports.slice(0, count)
    const routes = routePorts.map((port) => `"nats://127.0.0.1:${port}"`).join(", ")
    const servers = await Promise.all(
      routePorts.map(async (routePort, index) => {
        const mine = { port: ports[count + index]!, monitorPort: ports[2 * count + index]! }
        const name = `${label}-${index + 1}`
        const settings = (place: Place): string =>
          [
            `cluster { name: "${label}", listen: "127.0.0.1:${routePort}", routes: [${routes}] }`,
            typeof options.settings === "function"
              ? options.settings(place)
              : (options.settings ?? ""),
          ].join("\n")
        return new TestServer(await makePlace(name, mine), { ...options, settings })
      }),
    )
    const cluster = clusterOf(servers)
    try {
      await Promise.all(servers.map((server) => server.start()))
      await cluster.elected()
      return cluster
    } catch (error) {
      await cluster.remove()
      if (start === startsMax) throw error
    }
  }
}

export interface LeafPair {
  readonly hub: TestServer
  readonly leaf: TestServer
  readonly remove: () => Promise<void>
}

/**
 * A server and one at the edge: whoever connects to the leaf reaches what the hub holds. The leaf
 * stores nothing itself, and says to which domain questions about streams go that name none.
 */
export const startLeaf = async (): Promise<LeafPair> => {
  const [leafPort] = await freePorts(1)
  const hub = await startServer({
    jetstream: "domain: hub",
    settings: `leafnodes { listen: "127.0.0.1:${leafPort}" }`,
  })
  try {
    const leaf = await startServer({
      jetstream: false,
      settings: [
        `leafnodes { remotes: [{ url: "nats-leaf://127.0.0.1:${leafPort}", }], reconnect: 1 }`,
        `default_js_domain: { "$G": "hub" }`,
      ].join("\n"),
    })
    return {
      hub,
      leaf,
      remove: async () => void (await Promise.all([leaf.remove(), hub.remove()])),
    }
  } catch (error) {
    await hub.remove()
    throw error
  }
}
