/**
 * What killed processes leave behind goes, and nothing else does.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { temporaryBeside } from "../../src/archive/place.ts"
import { sha256 } from "../../src/event/hash.ts"
import { makeStagingFolder, stagingName, sweepStaging } from "../../src/store/staging.ts"

const host = sha256(hostname()).slice(0, 8)
/** No process has this number: it is above what Linux gives out. */
const deadProcess = 2 ** 22 + 1
const abandoned = `${host}-${deadProcess}-0123456789ab`

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lamplog-test-staging-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe("staging", () => {
  it("removes what a dead process of this host left, file or folder", () => {
    writeFileSync(join(folder, `a-${abandoned}.part`), "half")
    mkdirSync(join(folder, `a-${abandoned.replace("ab", "cd")}.part`, "deep"), { recursive: true })
    sweepStaging(folder, "a-", ".part")
    expect(readdirSync(folder)).toEqual([])
  })

  it("leaves what lives, is of another host, or has not exactly such a name", () => {
    const names = [
      stagingName("a-", ".part"),
      `a-00000000-${deadProcess}-0123456789ab.part`,
      `a-${abandoned}`,
      `b-${abandoned}.part`,
      `a-${abandoned}.part.txt`,
      `a-x-${abandoned}.part`,
    ]
    for (const name of names) writeFileSync(join(folder, name), "kept")
    sweepStaging(folder, "a-", ".part")
    expect(readdirSync(folder).sort()).toEqual(names.sort())
  })

  it("removes a link, and nothing of what it points at", () => {
    const target = join(folder, "target")
    mkdirSync(target)
    writeFileSync(join(target, "kept"), "kept")
    symlinkSync(target, join(folder, `a-${abandoned}`))
    sweepStaging(folder, "a-")
    expect(readdirSync(folder)).toEqual(["target"])
    expect(existsSync(join(target, "kept"))).toBe(true)
  })

  it("clears the way for the next file, of that name and of others, databases with theirs", () => {
    const half = [
      `.out.lamplog.${abandoned}.part`,
      `.other.lamplog.${abandoned}.part`,
      `.b.lamplog-backup.${abandoned}.part`,
      `.b.lamplog-backup.${abandoned}.part-journal`,
    ]
    const kept = [`out.lamplog.${abandoned}.part`, `.${abandoned}.part`, `.a.${abandoned}.part-x`]
    for (const name of [...half, ...kept]) writeFileSync(join(folder, name), "half")
    const next = temporaryBeside(join(folder, "out.lamplog"))
    expect(readdirSync(folder).sort()).toEqual(kept.sort())
    expect(next.startsWith(join(folder, ".out.lamplog."))).toBe(true)
  })

  it("has room beside the longest name that a file may have", () => {
    writeFileSync(temporaryBeside(join(folder, "ä".repeat(127))), "begun")
    expect(readdirSync(folder)).toHaveLength(1)
  })

  it("makes folders that nobody else may open", () => {
    const made = makeStagingFolder("test")
    try {
      expect(statSync(made).mode & 0o777).toBe(0o700)
    } finally {
      rmSync(made, { recursive: true })
    }
  })

  it("does without a folder that is not there", () => {
    sweepStaging(join(folder, "none"), "")
    expect(readdirSync(folder)).toEqual([])
  })
})
