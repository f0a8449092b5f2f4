/**
 * Servers that lie about what they stored, as real ones have done after a change of leaders: "a
 * duplicate", "wrong sequence", silence. What counts as published was seen to be there.
 *
 * A nats-server without JetStream carries the requests; who answers them is played here.
 */
import { connect, headers } from "@nats-io/transport-node"
import type { Msg, NatsConnection } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Connection } from "../../adapters/nats/connection.ts"
import type { Outgoing } from "../../adapters/nats/message.ts"
import { Publisher } from "../../adapters/nats/publisher.ts"
import { settingsFrom } from "../../adapters/nats/settings.ts"
import { isTransient } from "../../src/remote.ts"
import type { LamplogError } from "../../src/remote.ts"
import { startServer } from "./server.ts"
import type { TestServer } from "./server.ts"

const subject = "lamp.test.log"
const stream = "LAMP_TEST"
const signal = new AbortController().signal

/** What the server does with a message, and what it says. */
type Turn =
  | { readonly stores: boolean; readonly says: "acknowledged" | "duplicate" | "nothing" }
  | { readonly stores: boolean; readonly says: "wrong sequence" }

let server: TestServer
let client: NatsConnection
let connection: Connection
/** Ids of what is stored, in order; the first has sequence 1. */
let stored: Array<string>
let turns: Array<Turn>

const answer = (message: Msg): void => {
  const turn = turns.shift() ?? { stores: true, says: "acknowledged" }
  if (turn.stores) stored.push(message.headers!.get("Nats-Msg-Id"))
  const seq = stored.length
  if (turn.says === "nothing") return
  if (turn.says === "wrong sequence") {
    const error = { code: 400, err_code: 10071, description: `wrong last sequence: ${seq}` }
    message.respond(JSON.stringify({ type: "", error }))
  } else if (turn.says === "duplicate") {
    message.respond(JSON.stringify({ stream, seq: 0, duplicate: true }))
  } else message.respond(JSON.stringify({ stream, seq }))
}

const answerLook = (message: Msg): void => {
  const id = stored.at(-1)
  if (id === undefined) {
    const error = { code: 404, err_code: 10037, description: "no message found" }
    message.respond(JSON.stringify({ error }))
    return
  }
  const found = Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`).toString("base64")
  const told = { subject, seq: stored.length, hdrs: found, data: "", time: "2020-01-01T00:00:00Z" }
  message.respond(JSON.stringify({ message: told }))
}

beforeAll(async () => {
  server = await startServer({ jetstream: false })
  client = await connect({ servers: server.url.slice("nats://".length) })
  client.subscribe(subject, { callback: (_, message) => answer(message) })
  client.subscribe(`$JS.API.STREAM.MSG.GET.${stream}`, {
    callback: (_, message) => answerLook(message),
  })
  await client.flush()
  connection = new Connection(settingsFrom(`${server.url}?timeout=0.3`))
  await connection.ready(undefined, signal)
})

afterAll(async () => {
  await connection.close()
  await client.close()
  await server.remove()
})

const message = (id: string): Outgoing => ({ headers: headers(), data: Buffer.from(id), id })

/** Publishes one message before whatever the server does now. */
const published = async (...then: ReadonlyArray<Turn>) => {
  stored = []
  turns = []
  const publisher = new Publisher(connection, stream)
  await publisher.publish(subject, message("first"), signal)
  turns = [...then]
  return publisher
}

const idsStored = (): ReadonlyArray<string> => stored.map((id) => id.slice(0, id.indexOf(":")))

describe("what a server says of a message", () => {
  it("is believed when it is a plain acknowledgement", async () => {
    const publisher = await published()
    expect(await publisher.publish(subject, message("second"), signal)).toMatchObject({
      sequence: 2,
    })
    expect(idsStored()).toEqual(["first", "second"])
  })

  it.each<Turn>([
    { stores: true, says: "duplicate" },
    { stores: true, says: "wrong sequence" },
    { stores: true, says: "nothing" },
  ])("is looked at when it says $says, and the message is there: $stores", async (turn) => {
    const publisher = await published(turn)
    expect(await publisher.publish(subject, message("second"), signal)).toMatchObject({
      sequence: 2,
    })
    expect(idsStored()).toEqual(["first", "second"])
  })

  it("that it was a duplicate is no reason to call it published when it is not there", async () => {
    const lie: Turn = { stores: false, says: "duplicate" }
    const publisher = await published(lie, lie, lie, lie, lie, lie, lie, lie)
    const failure = await publisher
      .publish(subject, message("second"), signal)
      .catch((error: unknown) => error)
    expect(isTransient(failure as LamplogError)).toBe(true)
    expect(idsStored()).toEqual(["first"])
    // The next meeting asks again; by then the server may have come to its senses.
    turns = []
    await publisher.publish(subject, message("second"), signal)
    expect(idsStored()).toEqual(["first", "second"])
  })

  it("nothing of, and it is not there: it is handed over once, later", async () => {
    const publisher = await published({ stores: false, says: "nothing" })
    const failure = await publisher
      .publish(subject, message("second"), signal)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: "remote-timeout" })
    await publisher.publish(subject, message("second"), signal)
    expect(idsStored()).toEqual(["first", "second"])
  })

  it("shows that somebody else writes as this node", async () => {
    const publisher = await published({ stores: false, says: "wrong sequence" })
    stored.push("somebody:else")
    const failure = await publisher
      .publish(subject, message("second"), signal)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: "remote-interrupted" })
    expect(idsStored()).toEqual(["first", "somebody"])
  })
})
