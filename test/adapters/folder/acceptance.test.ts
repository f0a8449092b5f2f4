/**
 * The folder does what every remote has to do.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "vitest"
import { folderStorage } from "../../../adapters/folder/index.ts"
import { shelfRemote } from "../../../src/remote.ts"
import { remoteChecks } from "../../../src/testing/remote-checks.ts"
import { ShelfTraffic } from "../../sync/shelf-traffic.ts"

/** Names for what does not belong there. */
let litter = 0

describe("the folder, as every remote", () => {
  const checks = remoteChecks(async () => {
    const folder = mkdtempSync(join(tmpdir(), "lamplog-folder-"))
    const traffic = new ShelfTraffic()
    return {
      connect: async () =>
        shelfRemote(traffic.counted(await folderStorage(folder, { pollMillis: 50 }))),
      traffic: () => ({ requests: traffic.requests, bytes: traffic.bytes }),
      litter: async (bytes) => {
        litter += 1
        mkdirSync(join(folder, "lamplog"), { recursive: true })
        writeFileSync(join(folder, "lamplog", `litter ${litter}`), bytes)
      },
      lose: async () => {
        rmSync(join(folder, "lamplog"), { recursive: true, force: true })
      },
      remove: async () => {
        rmSync(folder, { recursive: true, force: true })
      },
    }
  })
  for (const { name, run } of checks) it(name, { timeout: 30_000 }, run)
})
