/**
 * Segments that an enemy hands over: some made of honest ones, some written from nothing.
 */
import { canonicalFromJson } from "../../../src/event/canonical.ts"
import type { Json, JsonObject } from "../../../src/event/canonical.ts"
import {
  bodyHash,
  chainHash,
  genesisHash,
  keyPairFromSeed,
  nodeFromPublicKey,
  sha256,
} from "../../../src/event/hash.ts"
import { linesBytesMax, linesOfSegment, segmentFrom } from "../../../src/sync/segment.ts"
import type { Segment } from "../../../src/sync/segment.ts"
import type { Random } from "../../simulation/random.ts"
import type { ForgeryKind } from "./attack-kinds.ts"

interface Claim {
  readonly lamport: number
  readonly parents?: ReadonlyArray<readonly [node: string, seq: number, hash: string]>
  readonly transaction?: readonly [index: number, count: number]
}

interface Start {
  readonly project: string
  readonly publicKey: string
  readonly from: number
  readonly previous: string
}

/** A run of events with a true chain, whatever they claim. */
const written = (start: Start, claims: ReadonlyArray<Claim>): Segment => {
  const node = nodeFromPublicKey(start.publicKey)
  let head = start.previous
  const lines = claims.map(({ lamport, parents = [], transaction }, index) => {
    const body = canonicalFromJson({ actor: "enemy", fields: { x: index }, kind: 1 })
    const salt = sha256(`${start.previous} ${index}`).slice(0, 32)
    const header = canonicalFromJson({
      node,
      seq: start.from + index,
      lamport,
      type: "thing",
      id: "forged",
      op: "patch",
      parents: parents as unknown as Json,
      ...(transaction === undefined ? {} : { transaction: [...transaction] }),
      body: bodyHash(salt, body),
    } as JsonObject)
    head = chainHash(head, header)
    return `${header}\t${salt}\t${body}\n`
  })
  const to = start.from + claims.length - 1
  return segmentFrom({ ...start, node, to, head }, Buffer.from(lines.join("")))
}

const enemyKey = (random: Random): string =>
  keyPairFromSeed(sha256(`enemy ${random.below(2 ** 31)}`)).publicKey

const newLog = (project: string, random: Random): Start => {
  const publicKey = enemyKey(random)
  return { project, publicKey, from: 1, previous: genesisHash(project, publicKey) }
}

const linesOf = (segment: Segment): Array<string> =>
  linesOfSegment(segment, "").toString("utf8").split("\n").slice(0, -1)

/** The same run with other lines; what is said of it stays. */
const withLines = (segment: Segment, lines: ReadonlyArray<string>): Segment => {
  const { codec: _, payload: __, size: ___, ...run } = segment
  return segmentFrom(run, Buffer.from(lines.map((line) => `${line}\n`).join("")))
}

const altered = (segment: Segment, random: Random, part: 0 | 2): Segment => {
  const lines = linesOf(segment)
  const index = random.below(lines.length)
  const parts = lines[index]!.split("\t")
  parts[part] =
    part === 0
      ? parts[0]!.replace(/"lamport":(\d+)/, (_, lamport) => `"lamport":${Number(lamport) + 1}`)
      : parts[2]!.replace(/"actor":"/, '"actor":"x')
  return withLines(segment, lines.with(index, parts.join("\t")))
}

/** Goes on after some event of an honest log, as its writer might have. */
const forked = (segment: Segment, random: Random): Segment => {
  const { from, previous, project, publicKey } = segment
  const lines = linesOf(segment)
  const after = random.below(lines.length)
  let hash = previous
  const headers = lines.slice(0, after + 1).map((line) => line.split("\t")[0]!)
  for (const header of headers) hash = chainHash(hash, header)
  const { lamport, transaction } = JSON.parse(headers.at(-1)!) as {
    readonly lamport: number
    readonly transaction?: readonly [number, number]
  }
  if (transaction !== undefined && transaction[0] + 1 < transaction[1]) {
    return written(newLog(project, random), [{ lamport: 1 }])
  }
  return written({ project, publicKey, from: from + after + 1, previous: hash }, [
    { lamport: lamport + 1 },
  ])
}

const otherProject = "bbbqeayeaudaocajbifqydiob4"

/** One forged segment, made of an honest one where its kind needs one. */
export const forge = (kind: ForgeryKind, honest: Segment, random: Random): Segment => {
  const { project } = honest
  const nowhere = sha256(`nowhere ${random.below(2 ** 31)}`)
  switch (kind) {
    case "bad body":
      return altered(honest, random, 2)
    case "bad header":
      return altered(honest, random, 0)
    case "bad clock":
      return written(newLog(project, random), [{ lamport: 1 }, { lamport: 3 + random.below(9) }])
    case "wrong head":
      return { ...honest, head: nowhere }
    case "wrong key":
      return { ...honest, publicKey: enemyKey(random) }
    case "bad signature":
      return { ...honest, signature: nowhere + nowhere }
    case "garbage": {
      const bytes = Buffer.from(Array.from({ length: 300 }, () => random.below(256)))
      const { codec: _, payload: __, size: ___, ...run } = honest
      return segmentFrom(run, bytes)
    }
    case "oversized":
      return { ...honest, size: linesBytesMax + 1 }
    case "bomb":
      return { ...withLines(honest, ["0".repeat(5_000_000)]), size: 1000 }
    case "other project":
      return written(newLog(otherProject, random), [{ lamport: 1 }])
    case "relabelled":
      return { ...written(newLog(otherProject, random), [{ lamport: 1 }]), project }
    case "broken transaction":
      return written(newLog(project, random), [
        { lamport: 1, transaction: [0, 2] },
        { lamport: 1, transaction: [0, 2] },
      ])
    case "cut transaction":
      return written(newLog(project, random), [{ lamport: 1, transaction: [0, 2] }])
    case "gap":
      return written({ ...newLog(project, random), from: 3, previous: nowhere }, [{ lamport: 3 }])
    case "orphan": {
      const parent = [honest.node, 1_000_000, nowhere] as const
      return written(newLog(project, random), [{ lamport: 7, parents: [parent] }])
    }
    case "unsigned": {
      const { signature: _, ...unsigned } = honest
      return unsigned
    }
    case "fork":
      return forked(honest, random)
  }
}
