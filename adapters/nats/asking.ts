/**
 * Asks somebody who is there for what is lacking: pages over request and reply, one at a time, nothing stored.
 *
 * This is how a stream heals that has lost or forgotten something, and how replicas go on while the stream has no
 * leader.
 */
import type { Msg, MsgHdrs } from "@nats-io/transport-node"
import { frontierFromJson, isIdentifier } from "../../src/remote.ts"
import type { Frontier, PullRequest, Take } from "../../src/remote.ts"
import type { Connection, Link } from "./connection.ts"
import { batchesFrom } from "./pages.ts"
import { busy, nonsense } from "./refuse.ts"
import { errors } from "@nats-io/transport-node"
import type { Names } from "./subjects.ts"

/** What kind of answer a message is: `open`, `page N more`, `page N end`, `busy`, `refused`. */
export const answerHeader = "Lamplog-Answer"

export interface Asking {
  readonly connection: Connection
  readonly names: Names
}

interface Opened {
  readonly session: string
  readonly node: string
  readonly frontier: Frontier
}

const openedFrom = (message: Msg, where: string): Opened => {
  try {
    const { session, node, frontier } = message.json<{ readonly [key: string]: never }>()
    const held = frontierFromJson(frontier)
    if (typeof session === "string" && isIdentifier(node) && held !== undefined) {
      return { session, node, frontier: held }
    }
  } catch {
    // Said below.
  }
  throw nonsense(where, "somebody answered what is no answer")
}

const kindOf = (headers: MsgHdrs | undefined): string => headers?.get(answerHeader) ?? ""

const isNobodyThere = (error: unknown): boolean =>
  error instanceof errors.NoRespondersError ||
  (error instanceof Error && error.cause instanceof errors.NoRespondersError)

/** A question and its first answer; undefined when nobody is there to answer. */
const ask = async (
  { connection }: Asking,
  subject: string,
  question: object,
  signal: AbortSignal,
): Promise<Msg | undefined> => {
  const timeout = connection.settings.timeoutMillis
  try {
    return await connection.attempt(signal, ({ client }) =>
      client.request(subject, JSON.stringify(question), { timeout }),
    )
  } catch (error) {
    signal.throwIfAborted()
    if (isNobodyThere(error)) return undefined
    return connection.call("asking those who are there", signal, () => Promise.reject(error))
  }
}

/**
 * Pulls from `whom`, or from anybody who is there. Gives back what they hold; undefined when nobody is there.
 */
export const askPeers = async (
  asking: Asking,
  request: PullRequest,
  take: Take,
  signal: AbortSignal,
  whom?: string,
): Promise<Frontier | undefined> => {
  const { connection, names } = asking
  const { where } = connection
  const { cursor: _, ...asked } = request
  const question = { kind: "pull", ...asked }
  let first = whom === undefined ? undefined : await ask(asking, names.ask(whom), question, signal)
  if (first === undefined || kindOf(first.headers) === "busy") {
    first = await ask(asking, names.askAny, question, signal)
  }
  if (first === undefined) return undefined
  const kind = kindOf(first.headers)
  if (kind === "busy") throw busy(where, "those who are there are busy with others")
  if (kind !== "open") throw nonsense(where, "somebody there refused to answer")
  const { session, node, frontier } = openedFrom(first, where)
  const subject = names.ask(node)
  const pages = async function* (): AsyncGenerator<Uint8Array> {
    for (let page = 0; ; page += 1) {
      const answer = await ask(asking, subject, { kind: "next", session, page }, signal)
      const told = kindOf(answer?.headers)
      if (answer === undefined || !told.startsWith(`page ${page} `)) {
        throw busy(where, "whoever answered has gone")
      }
      if (answer.data.length > 0) yield answer.data
      if (told.endsWith(" end")) return
    }
  }
  for await (const batch of batchesFrom(pages(), where)) await take(batch)
  return frontier
}

/** From the last answer on, so long is waited for another; and at most so long in all. */
const silenceMillis = 150
const whoMillisMax = 1500
const answersMax = 1000

/** Asks who is there: the beacons of all who answer within moments. */
export const whoIsThere = (
  { connection, names }: Asking,
  link: Link,
  signal: AbortSignal,
): Promise<ReadonlyArray<string>> =>
  connection.call("asking who is there", signal, async () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const answers: Array<string> = []
    const inbox = link.inbox()
    let quiet: NodeJS.Timeout | undefined
    const subscription = link.client.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return reject(error)
        if (message.headers?.code === 503) return resolve()
        if (answers.length >= answersMax) return resolve()
        answers.push(message.string())
        clearTimeout(quiet)
        quiet = setTimeout(resolve, silenceMillis)
      },
    })
    Object.assign(subscription, { requestSubject: names.askAll })
    const most = setTimeout(resolve, whoMillisMax)
    try {
      link.client.publish(names.askAll, JSON.stringify({ kind: "who" }), { reply: inbox })
      await promise
      return answers
    } finally {
      clearTimeout(most)
      clearTimeout(quiet)
      subscription.unsubscribe()
    }
  })
