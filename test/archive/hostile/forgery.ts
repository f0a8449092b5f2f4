/**
 * Logs of a stranger's own key, true in every hash, for the project that is attacked.
 */
import { canonicalFromJson } from "../../../src/event/canonical.ts"
import type { Json } from "../../../src/event/canonical.ts"
import {
  bodyHash,
  chainHash,
  genesisHash,
  keyPairFromSeed,
  nodeFromPublicKey,
  sha256,
} from "../../../src/event/hash.ts"
import { withContents } from "./attack.ts"
import type { Base, ManifestLogText } from "./attack.ts"

/** Parts of one event; texts take the place of what would be encoded. */
export interface Forged {
  readonly header?: { readonly [key: string]: Json }
  readonly body?: { readonly [key: string]: Json }
  readonly headerText?: (honest: string) => string
  readonly bodyText?: (honest: string) => string
  /** The finished line, without its line feed. */
  readonly line?: (honest: string) => string
}

const publicKey = (name: string): string => keyPairFromSeed(sha256(name)).publicKey

export interface ForgedSegment {
  readonly log: ManifestLogText
  readonly content: Buffer
  readonly path: string
}

/** One log of these events, with a true chain over whatever their headers say. */
export const forgedSegment = (
  project: string,
  events: ReadonlyArray<Forged>,
  name = "mallory",
): ForgedSegment => {
  const key = publicKey(name)
  const node = nodeFromPublicKey(key)
  const previous = genesisHash(project, key)
  let head = previous
  const lines = events.map((event, index) => {
    const salt = sha256(`${name} ${index}`).slice(0, 32)
    const honestBody = canonicalFromJson({
      actor: name,
      fields: { value: "#666" },
      kind: 1,
      ...event.body,
    })
    const body = event.bodyText?.(honestBody) ?? honestBody
    const honest = canonicalFromJson({
      node,
      seq: index + 1,
      lamport: index + 1,
      type: "token",
      id: `forged/${index}`,
      op: "put",
      parents: [],
      body: bodyHash(salt, body),
      ...event.header,
    })
    const header = event.headerText?.(honest) ?? honest
    head = chainHash(head, header)
    const line = `${header}\t${salt}\t${body}`
    return event.line?.(line) ?? line
  })
  const path = `logs/${node}/0000000001.events`
  const content = Buffer.from(lines.map((line) => `${line}\n`).join(""))
  const to = events.length
  return {
    log: { log: node, node, publicKey: key, from: 1, to, previous, head, members: [path] },
    content,
    path,
  }
}

/** The archive with a stranger's log in it, listed and counted as if it belonged there. */
export const withForged = (
  base: Base,
  { log, content, path }: ForgedSegment,
  change: { readonly [key: string]: unknown } = {},
): Buffer => {
  const { logs, frontier } = base.manifest
  return withContents(
    base,
    { [path]: content },
    {
      logs: [...logs, log],
      frontier: { ...frontier, [log.log]: { seq: log.to, hash: log.head } },
      events: (base.manifest["events"] as number) + log.to,
      ...change,
    },
  )
}
