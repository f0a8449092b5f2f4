/**
 * What honest tools make of an archive's members: every one of these files must be taken.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ZipFile } from "yazl"
import type { Members } from "./sources.ts"
import { modeVariants } from "./types.ts"
import { deflated, extraField, stored, streamed, zipBytes } from "./zip-bytes.ts"
import type { Entry } from "./zip-bytes.ts"

const yazlBytes = async (fill: (zip: ZipFile) => void): Promise<Buffer> => {
  const zip = new ZipFile()
  fill(zip)
  zip.end()
  const chunks: Array<Buffer> = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const pythonProgram = `
import sys, json, zipfile
target, method, source = sys.argv[1], int(sys.argv[2]), sys.argv[3]
members = json.load(open(source))
with zipfile.ZipFile(target, "w", method) as archive:
    for name, text in members:
        archive.writestr(name, text.encode("utf-8"))
`

/** Zipped by Python's own library, with the time of the day and modes of its own. */
export const pythonBytes = (members: Members, method: 0 | 8): Buffer => {
  const folder = mkdtempSync(join(tmpdir(), "lamplog-python-"))
  try {
    const [target, source] = [join(folder, "made.zip"), join(folder, "members.json")]
    const texts = members.map(([name, content]) => [name, content.toString("utf8")])
    writeFileSync(source, JSON.stringify(texts))
    execFileSync("python3", ["-c", pythonProgram, target, String(method), source])
    return readFileSync(target)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const unixTimes = (times: number): Buffer =>
  extraField(
    0x5455,
    Buffer.concat([Buffer.from([(1 << times) - 1]), Buffer.alloc(4 * times, 0x5f)]),
  )

export const controlsOf = async (
  members: Members,
): Promise<{ readonly [name: string]: Buffer }> => {
  const each = (make: (name: string, content: Buffer) => Entry): Buffer =>
    zipBytes(members.map(([name, content]) => make(name, content)))
  const levels = [0, 1, 2, 5, 6, 9].map(
    (level) =>
      [
        `deflated at level ${level}`,
        each((name, content) => deflated(name, content, {}, level)),
      ] as const,
  )
  const modes = Object.entries(modeVariants(members)).map(
    ([name, build]) => [name, build()] as const,
  )
  const fields = (change: Partial<Entry>) =>
    each((name, content) => ({ ...deflated(name, content), ...change }))
  return {
    ...Object.fromEntries([...levels, ...modes]),
    stored: each(stored),
    "some stored, some deflated": each((name, content) =>
      name.endsWith(".json") ? stored(name, content) : deflated(name, content),
    ),
    "as a stream writes it": each((name, content) => streamed(deflated(name, content))),
    "with Unix times": fields({ extra: unixTimes(1) }),
    "with three Unix times in front and one behind": fields({
      local: { extra: unixTimes(3) },
      central: {
        extra: extraField(0x5455, Buffer.from([7, 0x5f, 0x5f, 0x5f, 0x5f])),
      },
    }),
    "with the flag of UTF-8": fields({ flags: 0x800 }),
    "with another date": fields({ date: 0x5d21, time: 0x6000 }),
    "stored, of the first version": each((name, content) =>
      stored(name, content, { versionNeeded: 10 }),
    ),
    "made by another system": fields({ versionMadeBy: (10 << 8) | 63 }),
    "called a text inside": fields({ internal: 1 }),
    "by Python, stored": pythonBytes(members, 0),
    "by Python, deflated": pythonBytes(members, 8),
    "by yazl": await yazlBytes((zip) => {
      for (const [name, content] of members) zip.addBuffer(content, name)
    }),
    "by yazl, stored": await yazlBytes((zip) => {
      for (const [name, content] of members) zip.addBuffer(content, name, { compress: false })
    }),
    "by yazl, without Unix times": await yazlBytes((zip) => {
      for (const [name, content] of members)
        zip.addBuffer(content, name, { forceDosTimestamp: true })
    }),
  }
}
