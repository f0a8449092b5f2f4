/**
 * 5,000 requests that were altered at random, over raw sockets: the server answers each with a status
 * it has, or closes the line; it goes on serving, keeps nothing, and its memory does not grow.
 *
 * A failure prints its seed; LAMPLOG_HTTP_FUZZ=FROM:COUNT runs others.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { serveHttp } from "../../../adapters/http/index.ts"
import type { HttpServing } from "../../../adapters/http/index.ts"
import { Notebook, project } from "./notebook.ts"
import { altered, statuses } from "./requests.ts"
import { exchange, requestBytes } from "./raw.ts"

const [from = 0, count = 5000] = (process.env["LAMPLOG_HTTP_FUZZ"] ?? "0:5000")
  .split(":")
  .map(Number)
const atOnce = 16
const mebibyte = 1024 * 1024

const peer = new Notebook()
const failures: Array<unknown> = []
let serving: HttpServing

beforeAll(async () => {
  serving = await serveHttp(peer, {
    limits: { lingerMillis: 20, stallMillisMax: 2000, heartbeatMillis: 20 },
    onFailure: (error) => failures.push(error),
  })
})

afterAll(() => serving.close())

const heapBytes = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external

describe("a server and altered requests", () => {
  it(`refuses or serves ${count} of them`, { timeout: 120_000 }, async () => {
    const wrong: Array<string> = []
    const seen = new Set<number>()
    let next = from
    let before: number | undefined
    const work = async (): Promise<void> => {
      while (next < from + count) {
        const seed = next++
        if (seed === from + 500) before = heapBytes()
        const answer = await exchange(serving.url, altered(seed), { half: true, headOnly: true })
        seen.add(answer.status)
        if (!statuses.has(answer.status)) wrong.push(`seed ${seed}: status ${answer.status}`)
        // What is written down is no concern of this test; it would only fill the memory.
        peer.batches.length = 0
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    expect(wrong).toEqual([])
    expect(failures).toEqual([])
    // So that no change makes all of them nonsense at the first glance.
    for (const status of [200, 400, 404, 409, 413, 415]) expect(seen).toContain(status)
    expect(heapBytes() - (before ?? 0)).toBeLessThan(100 * mebibyte)
    await expect.poll(() => [peer.running, peer.listeners]).toEqual([0, 0])
    const after = await exchange(serving.url, requestBytes({ path: "/projects" }))
    expect(after.text).toContain(project)
  })
})
