/**
 * Real replicas over HTTP: what every remote has to do, roads that are cut anywhere, and what a meeting
 * costs.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { openHttp, serveHttp } from "../../../adapters/http/index.ts"
import type { ServeOptions } from "../../../adapters/http/index.ts"
import { LamplogError } from "../../../src/remote.ts"
import type { Remote } from "../../../src/remote.ts"
import { remoteChecks } from "../../../src/testing/index.ts"
import type { OpenPlace } from "../../../src/testing/index.ts"
import { equalGuests, onStage } from "../../../src/testing/remote-stage.ts"
import { makeCertificates } from "../../nats/certificates.ts"
import { belowFrom } from "./requests.ts"
import { Road } from "./road.ts"

const token = "a-token-of-sixteen"

/** What is wrong with a server of tests would be hidden by a client that tries again. */
const onFailure = (error: unknown): void => {
  throw error
}

const placeOf =
  (options: ServeOptions, ca?: string): OpenPlace =>
  async (host) => {
    const serving = await serveHttp(host, { token, onFailure, ...options })
    const road = await Road.to(serving.url)
    const remotes: Array<Remote> = []
    return {
      connect: async () => {
        const remote = await openHttp(road.url, ca === undefined ? { token } : { token, ca })
        remotes.push(remote)
        return remote
      },
      traffic: () => ({
        requests: road.requests,
        bytes: road.sentBytes + road.receivedBytes,
      }),
      remove: async () => {
        await road.close()
        await serving.close()
      },
    }
  }

describe("a replica over HTTP", () => {
  for (const { name, run } of remoteChecks(placeOf({}))) it(name, run)
})

describe("a replica over HTTPS", () => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-http-"))
  const { ca, serverCert, serverKey } = makeCertificates(folder)
  const tls = { key: readFileSync(serverKey, "utf8"), cert: readFileSync(serverCert, "utf8") }
  const checks = remoteChecks(placeOf({ tls }, readFileSync(ca, "utf8")))
  afterAll(() => rmSync(folder, { recursive: true }))

  for (const { name, run } of checks.filter(({ name }) => /takes|whole|watches/.test(name))) {
    it(name, run)
  }

  it("is not trusted without its authority, and not spoken to in the clear", async () => {
    await onStage(async (stage) => {
      const ana = stage.guest()
      const place = await stage.place(placeOf({ tls }))
      const remote = await ana.connect(place)
      const describe = remote.describe(AbortSignal.timeout(5000))
      await expect(describe).rejects.toMatchObject({ code: "remote-denied" })
      const plain = await openHttp(remote.where.replace("https:", "http:"), { token })
      const denied = plain.describe(AbortSignal.timeout(5000))
      await expect(denied).rejects.toBeInstanceOf(LamplogError)
      await plain.close()
    })()
  })
})

describe("meetings over HTTP", () => {
  it(
    "take one request to see that nothing is new, and one more to hand over what is",
    onStage(async (stage) => {
      const [ana, ben] = [stage.guest(), stage.guest()]
      const place = await stage.place(placeOf({}))
      ana.writeMany("a", 1000)
      const requests = async (meet: () => Promise<unknown>): Promise<number> => {
        const before = place.traffic!().requests
        await meet()
        return place.traffic!().requests - before
      }
      expect(await requests(() => ana.meet(place))).toBe(2)
      expect(await requests(() => ben.meet(place))).toBe(1)
      expect(await requests(() => ben.meet(place))).toBe(1)
      ana.writeMany("late", 10)
      expect(await requests(() => ana.meet(place))).toBe(2)
      expect(await requests(() => ben.meet(place))).toBe(1)
      equalGuests(ana, ben)
    }),
  )

  it("end equal, wherever the road is cut, and take nothing twice", async () => {
    const below = belowFrom(20)
    const meetCut = async (cutAfterBytes: number): Promise<Road> => {
      let road: Road | undefined
      await onStage(async (stage) => {
        const [ana, ben] = [stage.guest(), stage.guest()]
        const place = await stage.place(async (host) => {
          const serving = await serveHttp(host, { onFailure })
          road = await Road.to(serving.url)
          const remove = async () => {
            await road!.close()
            await serving.close()
          }
          return { connect: () => openHttp(road!.url), remove }
        })
        road!.cutAfterBytes = cutAfterBytes
        for (let index = 0; index < 60; index++) {
          ana.writeMany(`a${index}-`, 1, `${below(2 ** 31)}`)
          ben.writeMany(`b${index}-`, 1, `${below(2 ** 31)}`)
        }
        for (const guest of [ana, ben, ana]) {
          const { inSync } = await guest.meet(place)
          expect(inSync, `cut after ${cutAfterBytes} bytes`).toBe(true)
        }
        equalGuests(ana, ben)
        expect(ana.count()).toBe(120)
      })()
      return road!
    }
    const { sentBytes, receivedBytes } = await meetCut(Number.POSITIVE_INFINITY)
    for (let round = 0; round < 12; round++) {
      const cut = 1 + below(sentBytes + receivedBytes - 1000)
      const road = await meetCut(cut)
      expect(road.cutAfterBytes, "the road was cut").not.toBe(cut)
    }
  })
})
