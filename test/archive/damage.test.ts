/**
 * Damaged archives are refused whole, with a stage, a code and a place, and change nothing.
 *
 * Damage is done to a stored archive, so that a byte of a member is a byte of the file. Where the
 * members are put together again, their hashes and sizes in the manifest are made to fit: what is
 * left for the reader to notice is the damage itself.
 */
import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { manifestPath, segmentPath, snapshotPath } from "../../src/archive/archive.ts"
import type { Manifest } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import { canonicalFromJson } from "../../src/event/canonical.ts"
import type { Json } from "../../src/event/canonical.ts"
import { LamplogError } from "../../src/event/failure.ts"
import { sha256, signHead } from "../../src/event/hash.ts"
import { openSchema } from "../../src/domain/open.ts"
import { SchemaRegistry } from "../../src/state/schema.ts"
import { Author } from "../../src/store/author.ts"
import type { Replica } from "../../src/store/replica.ts"
import {
  codesOf,
  contentOf,
  refusal,
  setToken,
  Stage,
  storedMembers,
  taken,
  verified,
} from "./stage.ts"
import type { Members } from "./stage.ts"

let stage: Stage
let ana: Replica
let bo: Replica
let path: string
let manifest: Manifest
let members: Members
/** Both replicas wrote; ana holds it all, bo lacks the last of ana's. */
beforeEach(async () => {
  stage = new Stage()
  ana = stage.replica("ana")
  bo = stage.replica("bo")
  const write = new Author(ana)
  write.write(
    ["a", "b", "c"].map((id) => ({ op: "put", type: "token", id, fields: { value: `#${id}` } })),
    { actor: "ana" },
  )
  await taken((await stage.exported(ana)).path, bo)
  setToken(bo, "a", "#b0")
  await taken((await stage.exported(bo)).path, ana)
  setToken(ana, "b", "#a0")
  setToken(ana, "d", "#d0")
  const exported = await stage.exported(ana, { store: true })
  path = exported.path
  manifest = exported.manifest
  members = storedMembers(exported)
})
afterEach(() => {
  stage.clear()
})

/** The archive is refused by a replica that lacks some of it and by a verifier; nothing changes. */
const readerLacks = ["archive-encrypted", "archive-newer"]

const expectRefused = async (
  file: string,
  expected: { [key: string]: unknown },
  reader: Replica = bo,
) => {
  const before = contentOf(reader)
  const error = await refusal(taken(file, reader))
  expect(error).toMatchObject(expected)
  expect(error.stage).toBeDefined()
  expect(error.where).toBeTruthy()
  expect(error.remedy).toBeTruthy()
  expect(contentOf(reader)).toBe(before)
  // What only the reader lacks is said of the reader, not found in the archive.
  if (readerLacks.includes(error.code)) {
    expect(await refusal(verified(file))).toMatchObject(expected)
    return
  }
  const { ok, findings } = await verified(file)
  expect(ok).toBe(false)
  expect(findings.every(({ where, message }) => where !== "" && message !== "")).toBe(true)
}

const memberNamed = (name: string): Buffer => members.find(([member]) => member === name)![1]

/** The archive with other contents in some members, and a manifest that fits them. */
const withMembers = async (
  changed: { readonly [name: string]: Buffer },
  manifestChanges: Partial<Manifest> = {},
): Promise<string> => {
  const contents = members.map(([name, bytes]) => [name, changed[name] ?? bytes] as const).slice(1)
  const listed = contents.map(([name, bytes]) => ({
    path: name,
    sha256: sha256(bytes),
    size: bytes.length,
  }))
  const text = manifestText({ ...manifest, members: listed, ...manifestChanges })
  return await stage.zipped([[manifestPath, Buffer.from(text)], ...contents])
}

const withManifest = async (changes: { readonly [key: string]: Json | undefined }) => {
  const entries = Object.entries({ ...manifest, ...changes }).filter(
    ([, value]) => value !== undefined,
  )
  const text = `${canonicalFromJson(Object.fromEntries(entries) as Json)}\n`
  return await stage.zipped([[manifestPath, Buffer.from(text)], ...members.slice(1)])
}

const anaSegment = () => segmentPath(ana.node, 1)
const logOf = (node: string) => manifest.logs.find((log) => log.node === node)!

describe("the archive that is damaged below", () => {
  it("is taken and verified as long as it is whole", async () => {
    expect((await verified(path)).findings).toEqual([])
    const rebuilt = await withMembers({})
    expect((await verified(rebuilt)).findings).toEqual([])
    expect((await taken(rebuilt, bo)).events).toBe(2)
    expect(bo.digest()).toBe(ana.digest())
  })
})

describe("a flipped bit", () => {
  it("anywhere in the file is refused, or leaves the very same archive", async () => {
    const whole = readFileSync(path)
    const file = stage.path()
    const cy = stage.replica("cy")
    let refused = 0
    for (let offset = 0; offset < whole.length; offset += 7) {
      const bytes = Buffer.from(whole)
      bytes[offset]! ^= 1 << (offset % 8)
      writeFileSync(file, bytes)
      try {
        await taken(file, cy)
        // Times and attributes in the zip say nothing; they may be damaged unnoticed.
        expect(cy.digest(), `byte ${offset}`).toBe(ana.digest())
      } catch (error) {
        expect(error, `byte ${offset}`).toBeInstanceOf(LamplogError)
        expect((error as LamplogError).stage, `byte ${offset}`).toBeDefined()
        refused += 1
      }
    }
    expect(refused / Math.ceil(whole.length / 7)).toBeGreaterThan(0.9)
  })

  it("in a member is refused with that member's name", async () => {
    const whole = readFileSync(path)
    for (const [name, content] of members.slice(1)) {
      const bytes = Buffer.from(whole)
      bytes[whole.indexOf(content) + 40]! ^= 4
      const file = stage.path()
      writeFileSync(file, bytes)
      await expectRefused(file, { where: expect.stringContaining(name) as string })
      expect(codesOf((await verified(file)).findings)).toEqual(["error member-damaged"])
    }
  })

  it("in a compressed member is refused with that member's name", async () => {
    const compressed = await stage.exported(ana)
    const bytes = readFileSync(compressed.path)
    bytes[bytes.indexOf(snapshotPath) + snapshotPath.length + 30]! ^= 16
    writeFileSync(compressed.path, bytes)
    await expectRefused(compressed.path, { stage: "archive", where: snapshotPath })
  })
})

describe("a truncated file", () => {
  it("is refused at every length", async () => {
    const { length } = readFileSync(path)
    for (let size = length - 1; size >= 0; size -= 97) {
      truncateSync(path, size)
      const error = await refusal(taken(path, bo))
      expect(error.stage, `${size} bytes`).toBe("archive")
      expect(error.code).toBe(size < 4 ? "not-an-archive" : "archive-truncated")
    }
  })
})

describe("what is no archive", () => {
  it.each([
    ["nothing", "", "not-an-archive"],
    ["text", "Dear reader, this is no archive.", "not-an-archive"],
    ["an encrypted file", "age-encryption.org/v1\n-> X25519 abc\n", "archive-encrypted"],
    ["an armored encrypted file", "-----BEGIN AGE ENCRYPTED FILE-----\n", "archive-encrypted"],
  ])("%s is told apart", async (_, content, code) => {
    const file = stage.path()
    writeFileSync(file, content)
    await expectRefused(file, { stage: "archive", code })
  })

  it("another zip is told apart, whatever its first member", async () => {
    await expectRefused(await stage.zipped([["word/document.xml", Buffer.from("<a/>")]]), {
      code: "not-an-archive",
    })
    const other = Buffer.from('{"format":"other"}\n')
    await expectRefused(await stage.zipped([[manifestPath, other]]), { code: "not-an-archive" })
  })

  it("a folder or a file that is not there fails without blaming an archive", async () => {
    expect(await refusal(taken(stage.folder, bo))).toMatchObject({ code: "not-an-archive" })
    const missing = await refusal(taken(stage.path(), bo))
    expect(missing).toMatchObject({ code: "file-missing" })
    expect(missing.stage).toBeUndefined()
    await expect(verified(stage.path())).rejects.toMatchObject({ code: "file-missing" })
  })
})

describe("the set of members", () => {
  it("refuses a missing, an added, a renamed and a duplicated member", async () => {
    const [head, ...rest] = members
    const without = await stage.zipped([head!, ...rest.slice(1)])
    await expectRefused(without, { stage: "manifest", code: "member-missing", where: rest[0]![0] })
    const added = await stage.zipped([...members, ["assets/x", Buffer.from("x")]])
    await expectRefused(added, { stage: "manifest", code: "member-unlisted", where: "assets/x" })
    const renamed = await stage.zipped([head!, ["logs/x", rest[0]![1]], ...rest.slice(1)])
    await expectRefused(renamed, { stage: "manifest", code: "member-unlisted" })
    const twice = await stage.zipped([...members, rest[0]!])
    await expectRefused(twice, { stage: "archive", code: "zip-name", where: rest[0]![0] })
    const manifestTwice = await stage.zipped([...members, head!])
    await expectRefused(manifestTwice, { stage: "archive", code: "zip-name" })
  })

  it("refuses members that changed places", async () => {
    const [head, one, two, ...rest] = members
    const swapped = await stage.zipped([head!, [one![0], two![1]], [two![0], one![1]], ...rest])
    await expectRefused(swapped, { stage: "manifest" })
  })

  it("refuses another content of the same length", async () => {
    const content = Buffer.from(memberNamed(snapshotPath))
    content.write("#zz", content.indexOf("#c"))
    const changed = members.map(([name, bytes]) =>
      name === snapshotPath ? ([name, content] as const) : ([name, bytes] as const),
    )
    await expectRefused(await stage.zipped(changed), {
      stage: "manifest",
      code: "member-hash",
      where: snapshotPath,
    })
  })
})

describe("an edited manifest", () => {
  it("is refused when it is not canonical text", async () => {
    const text = manifestText(manifest)
    const forms = [text.slice(0, -1), `${text}\n`, ` ${text}`, text.replace(":", ": ")]
    for (const form of [...forms, text.replace('"version"', '"version":1,"version"')]) {
      const file = await stage.zipped([[manifestPath, Buffer.from(form)], ...members.slice(1)])
      await expectRefused(file, { stage: "manifest", where: manifestPath })
    }
    const latin = Buffer.from(text.replace("stage", "st\u00e4ge"), "latin1")
    const file = await stage.zipped([[manifestPath, latin], ...members.slice(1)])
    await expectRefused(file, { stage: "manifest", code: "not-utf8" })
  })

  it("is refused when a part is missing, unknown or of another kind", async () => {
    for (const key of Object.keys(manifest)) {
      await expectRefused(await withManifest({ [key]: undefined }), { where: manifestPath })
      await expectRefused(await withManifest({ [key]: [[]] }), { where: manifestPath })
    }
    await expectRefused(await withManifest({ extra: 1 }), { code: "manifest-invalid" })
  })

  it("is refused when it is of a newer format, and says what to do", async () => {
    const newer = await withManifest({ version: 2, later: true })
    await expectRefused(newer, { stage: "manifest", code: "archive-newer" })
    expect((await refusal(taken(newer, bo))).remedy).toMatch(/upgrade/i)
  })

  it("is refused when it is of another project", async () => {
    const cy = stage.replica("cy", { project: "b".repeat(26) })
    const before = contentOf(cy)
    const error = await refusal(taken(path, cy))
    expect(error).toMatchObject({ stage: "manifest", code: "other-project" })
    expect(contentOf(cy)).toBe(before)
    await expectRefused(await withManifest({ project: "b".repeat(26) }), { code: "other-project" })
  })

  it("is refused when it follows another schema, but not for a newer version of it", async () => {
    const open = stage.replica("cy", {
      schema: "open",
      schemas: new SchemaRegistry().register(openSchema),
    })
    expect(await refusal(taken(path, open))).toMatchObject({ code: "schema-mismatch" })
    const newer = await withManifest({ schema: { name: "design-system", version: 99 } })
    await taken(newer, bo)
    expect(bo.lines.frontier()).toEqual(manifest.frontier)
  })

  it("is refused when a log's end, start or key is not the log's", async () => {
    const [log, other] = [logOf(ana.node), logOf(bo.node)]
    const edited = async (changes: object) =>
      await withManifest({
        logs: manifest.logs.map((one) =>
          one === log ? { ...one, ...changes } : one,
        ) as unknown as Json,
      })
    await expectRefused(await edited({ to: log.to - 1 }), { stage: "manifest" })
    await expectRefused(await edited({ head: "0".repeat(64) }), { stage: "manifest" })
    await expectRefused(await edited({ previous: "0".repeat(64) }), { code: "other-project" })
    await expectRefused(await edited({ publicKey: other.publicKey }), { stage: "manifest" })
    await expectRefused(await edited({ from: 2 }), { stage: "manifest" })
    await expectRefused(await edited({ log: other.log }), { stage: "manifest" })
    await expectRefused(await edited({ members: other.members }), { stage: "manifest" })
    await expectRefused(await edited({ signature: "0".repeat(128) }), { code: "signature-invalid" })
  })

  it("is refused when the log ends elsewhere than manifest and frontier agree", async () => {
    const log = { ...logOf(ana.node), to: 4, head: "1".repeat(64) }
    const file = await withManifest({
      logs: manifest.logs.map((one) => (one.log === log.log ? log : one)) as unknown as Json,
      frontier: {
        ...manifest.frontier,
        [log.log]: { seq: log.to, hash: log.head },
      } as unknown as Json,
    })
    await expectRefused(file, { stage: "structure", code: "log-end", where: anaSegment() })
  })

  it("is refused when it names a frontier that its logs do not reach", async () => {
    const node = "c".repeat(26)
    const frontier = { ...manifest.frontier, [node]: { seq: 1, hash: "1".repeat(64) } }
    const before = contentOf(bo)
    const error = await refusal(
      taken(await withManifest({ frontier: frontier as unknown as Json }), bo),
    )
    expect(error).toMatchObject({ stage: "structure", code: "history-missing" })
    expect(error.where).toContain(node)
    expect(contentOf(bo)).toBe(before)
  })

  it("is refused when a count or the digest is not that of the state", async () => {
    await expectRefused(await withManifest({ digest: "0".repeat(64) }), {
      stage: "referential",
      code: "snapshot-mismatch",
      where: "manifest.json digest",
    })
    for (const [key, value] of Object.entries({ entities: 9, conflicts: 9, itemCounts: {} })) {
      await expectRefused(await withManifest({ [key]: value }), {
        code: "snapshot-mismatch",
        where: `manifest.json ${key}`,
      })
    }
    await expectRefused(await withManifest({ events: 9 }), { code: "event-count" })
  })
})

describe("members that fit a forged manifest", () => {
  it("are refused when a snapshot line is not what the logs give, naming the line", async () => {
    const text = memberNamed(snapshotPath).toString().replace("#c", "#x")
    const file = await withMembers({ [snapshotPath]: Buffer.from(text) })
    await expectRefused(file, { code: "snapshot-mismatch", where: `${snapshotPath} line 3` })
  })

  it("are refused when an event was changed, and when one is missing", async () => {
    const text = memberNamed(anaSegment()).toString()
    const changed = Buffer.from(text.replace("#c", "#x"))
    const cy = stage.replica("cy")
    await expectRefused(
      await withMembers({ [anaSegment()]: changed }),
      { stage: "structure", code: "body-hash", where: `${anaSegment()} line 3` },
      cy,
    )
    // Whoever holds the events already would lose nothing, but was told something wrong.
    await expectRefused(await withMembers({ [anaSegment()]: changed }), { code: "body-hash" }, ana)
    const lines = text.split("\n")
    const fewer = Buffer.from([...lines.slice(0, 3), ...lines.slice(4)].join("\n"))
    await expectRefused(await withMembers({ [anaSegment()]: fewer }), {
      stage: "structure",
      where: `${anaSegment()} line 4`,
    })
  })

  it("are refused when a line is cut, blank, too long or no text", async () => {
    const whole = memberNamed(anaSegment())
    const lines = (bytes: Buffer) => withMembers({ [anaSegment()]: bytes })
    const last = `${anaSegment()} line 5`
    await expectRefused(await lines(whole.subarray(0, -1)), { code: "line-cut", where: last })
    const after = (extra: Buffer | string) => Buffer.concat([whole, Buffer.from(extra)])
    const next = `${anaSegment()} line 6`
    await expectRefused(await lines(after("\n")), { code: "line-parts", where: next })
    await expectRefused(await lines(after(Buffer.of(0xc3, 0x28, 0x0a))), {
      code: "not-utf8",
      where: next,
    })
    const long = after(Buffer.alloc(3 * 1024 * 1024, "x"))
    await expectRefused(await lines(long), { code: "line-too-long", where: next })
  })

  it("are refused when a parent's log is left out", async () => {
    const log = logOf(ana.node)
    const frontier = { [log.log]: manifest.frontier[log.log]! }
    const kept = members.filter(([name]) => !name.includes(bo.node))
    const text = manifestText({
      ...manifest,
      frontier,
      logs: [log],
      events: log.to,
      members: manifest.members.filter((member) => !member.path.includes(bo.node)),
    })
    const file = await stage.zipped([[manifestPath, Buffer.from(text)], ...kept.slice(1)])
    const cy = stage.replica("cy")
    const before = contentOf(cy)
    const error = await refusal(taken(file, cy))
    expect(error).toMatchObject({ stage: "structure", code: "history-missing" })
    expect(error.where).toContain(bo.node)
    expect(contentOf(cy)).toBe(before)
  })

  it("are refused when an earlier part of a log is missing, naming what is", async () => {
    const since = bo.lines.frontier()
    const { path: later } = await stage.exported(ana, { since })
    const cy = stage.replica("cy")
    const before = contentOf(cy)
    const error = await refusal(taken(later, cy))
    expect(error).toMatchObject({ stage: "structure", code: "history-missing" })
    expect(error.where).toContain(ana.node)
    expect(contentOf(cy)).toBe(before)
  })

  it("are refused when the signature is another key's", async () => {
    const { node, to, head } = logOf(ana.node)
    const signature = signHead(sha256("bo"), ana.project, node, to, head)
    const logs = manifest.logs.map((log) => (log.node === node ? { ...log, signature } : log))
    await expectRefused(await withManifest({ logs: logs as unknown as Json }), {
      stage: "structure",
      code: "signature-invalid",
    })
  })
})
