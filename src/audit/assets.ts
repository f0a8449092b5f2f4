/**
 * The bytes of assets: those held against their own names, and those that assets name against those
 * held.
 *
 * Bytes that are absent are no damage: they may not have come yet. Bytes that are not what their name
 * says are.
 */
import { createHash } from "node:crypto"
import { closeSync, openSync, readSync } from "node:fs"
import { assetPathOf } from "../store/assets.ts"
import type { Assets, HeldAsset } from "../store/assets.ts"
import { assetType, namedAssets } from "../store/assets-named.ts"
import type { NamedAsset } from "../store/assets-named.ts"
import type { Sqlite } from "../store/database.ts"
import type { Findings } from "./finding.ts"

/** Read between two reports of progress. */
const stepBytes = 1024 * 1024

/** Findings about assets are counted together. */
const among = "assets"

export interface AssetCounts {
  /** Contents held whose bytes were hashed. */
  assets: number
}

/** Hashes one content in steps; gives the bytes read so far after each. */
function* hashOf(path: string, done: number): Generator<number, string> {
  const hash = createHash("sha256")
  const buffer = Buffer.allocUnsafe(stepBytes)
  const file = openSync(path, "r")
  try {
    let read = 0
    for (;;) {
      const count = readSync(file, buffer, 0, stepBytes, null)
      if (count === 0) return hash.digest("hex")
      hash.update(buffer.subarray(0, count))
      read += count
      yield done + read
    }
  } finally {
    closeSync(file)
  }
}

/** Whether a file cannot be read, which is the same as damage to whoever needs it. */
const messageOf = (error: unknown): string | undefined => {
  const { code, message } = error as NodeJS.ErrnoException
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? message : undefined
}

function* checkHeld(
  assets: Assets,
  { sha256 }: HeldAsset,
  done: number,
  findings: Findings,
): Generator<number> {
  const where = assetPathOf(sha256)
  let fault: string | undefined
  try {
    const found = yield* hashOf(assets.pathOf(sha256), done)
    if (found !== sha256) fault = `its bytes have the SHA-256 ${found}`
  } catch (error) {
    fault = messageOf(error)
    if (fault === undefined) throw error
  }
  if (fault === undefined) return
  findings.error("structure", "asset-damaged", where, `${where} is damaged: ${fault}.`, among)
}

const checkNamed = (assets: Assets, named: NamedAsset, findings: Findings): void => {
  const { bytes, id, sha256 } = named
  const name = `${assetType}/${id}`
  const held = assets.sizeOf(sha256)
  const warn = (code: string, field: string, message: string): void =>
    findings.add(
      { severity: "warning", stage: "referential", code, where: `${name} ${field}`, message },
      among,
    )
  if (held === undefined) {
    const message = `The bytes of ${name} (${sha256.slice(0, 12)}…) are not held here.`
    warn("asset-absent", "sha256", message)
  } else if (bytes !== undefined && bytes !== held) {
    warn("asset-size", "bytes", `${name} says it has ${bytes} bytes; it has ${held}.`)
  }
}

/** Checks every content held, and every asset; gives the bytes read so far now and then. */
export function* checkAssets(
  sqlite: Sqlite,
  assets: Assets,
  findings: Findings,
  counts: AssetCounts,
): Generator<number> {
  let done = 0
  for (const held of assets.list()) {
    yield* checkHeld(assets, held, done, findings)
    counts.assets += 1
    done += held.bytes
    yield done
  }
  for (const named of namedAssets(sqlite)) checkNamed(assets, named, findings)
}
