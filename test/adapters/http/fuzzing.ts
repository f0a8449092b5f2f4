/**
 * Sends altered requests to a server and judges what it makes of them.
 */
import { serveHttp } from "../../../adapters/http/index.ts"
import { Notebook, project } from "./notebook.ts"
import { exchange, requestBytes } from "./raw.ts"
import { altered, statuses } from "./requests.ts"

const atOnce = 16
/** Requests until everything that grows once has grown. */
const warmUp = 500

export interface FuzzResult {
  /** Answers by their status; 0 is a line that was closed. */
  readonly answers: ReadonlyMap<number, number>
  /** What the server should not have done, with the seed where one is to blame. */
  readonly faults: ReadonlyArray<string>
  /** By which the heap has grown. */
  readonly grownBytes: number
}

const heapBytes = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external

/** Sends so many, from a seed on; the server has to serve on afterwards. */
export const fuzzServer = async (
  from: number,
  count: number,
  onDone: (done: number) => void = () => {},
): Promise<FuzzResult> => {
  const peer = new Notebook()
  const faults: Array<string> = []
  const serving = await serveHttp(peer, {
    limits: { lingerMillis: 20, stallMillisMax: 2000, heartbeatMillis: 20 },
    onFailure: (error) => faults.push(`a failure of the server's own: ${String(error)}`),
  })
  const answers = new Map<number, number>()
  let next = from
  let before = heapBytes()
  const work = async (): Promise<void> => {
    while (next < from + count) {
      const seed = next++
      if (seed === from + warmUp) before = heapBytes()
      const { status } = await exchange(serving.url, altered(seed), { half: true, headOnly: true })
      answers.set(status, (answers.get(status) ?? 0) + 1)
      if (!statuses.has(status)) faults.push(`seed ${seed}: status ${status}`)
      // What is written down is no concern here; it would only fill the memory.
      peer.batches.length = 0
      onDone(seed - from + 1)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const grownBytes = heapBytes() - before
  const after = await exchange(serving.url, requestBytes({ path: "/projects" }))
  if (!after.text.includes(project)) faults.push(`afterwards: status ${after.status}`)
  await serving.close()
  if (peer.running + peer.listeners > 0) faults.push("something is still running")
  return { answers, faults, grownBytes }
}
