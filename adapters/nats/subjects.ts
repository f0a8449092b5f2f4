/**
 * Names on the server: of streams, buckets and subjects.
 *
 * A project's subjects lie below one prefix. Stored are `log.<publisher>.<node>` (runs of node's log, put there by
 * publisher) and `about.<publisher>` (the project's description); what was stored comes back live, with its place in
 * the stream, on `tail.<publisher>.<node>`. Never stored: `ae.<node>`, `ae.any`, `ae.all` (questions to those
 * who are there) and `pres.<node>` (who is there).
 *
 * The publisher's token stands first, so that a server can allow a node to publish `log.<itself>.>` only.
 */
import { hash } from "node:crypto"

/** A stream for each project, or a fixed number of streams that projects are spread over. */
export type Layout =
  | { readonly kind: "project" }
  | { readonly kind: "shards"; readonly count: number }

/** Shards of one account, at most. */
export const shardsMax = 1024

export interface Names {
  readonly stream: string
  readonly bucket: string
  /** The stream behind the bucket. */
  readonly bucketStream: string
  /** Whether other projects share the stream. */
  readonly shared: boolean
  readonly prefix: string
  /** The subjects that the stream stores, of all projects in it. */
  readonly stored: ReadonlyArray<string>
  /** What is told again on other subjects once it is stored. */
  readonly republish: { readonly src: string; readonly dest: string }
  /** All that the stream stores of this project. */
  readonly all: string
  readonly allAbout: string
  readonly allTail: string
  readonly allPresence: string
  readonly askAny: string
  readonly askAll: string
  readonly logsOf: (node: string) => string
  readonly log: (publisher: string, node: string) => string
  readonly about: (publisher: string) => string
  readonly ask: (node: string) => string
  readonly presence: (node: string) => string
}

/** Which of `count` shards a project lies in; fixed for ever. */
export const shardOf = (project: string, count: number): number =>
  Number.parseInt(hash("sha256", `lamplog:shard:1\n${project}`).slice(0, 12), 16) % count

const namesWith = (root: string, suffix: string, project: string, shared: boolean): Names => {
  const prefix = `${root}.${project}`
  const stored = shared ? `${root}.*` : prefix
  const tail = shared ? `${root}.{{wildcard(1)}}.tail` : `${prefix}.tail`
  const [publisher, node] = shared ? [2, 3] : [1, 2]
  return {
    stream: `LAMP_${suffix}`,
    bucket: `LAMPO_${suffix}`,
    bucketStream: `OBJ_LAMPO_${suffix}`,
    shared,
    prefix,
    stored: [`${stored}.log.*.*`, `${stored}.about.*`],
    republish: {
      src: `${stored}.log.*.*`,
      dest: `${tail}.{{wildcard(${publisher})}}.{{wildcard(${node})}}`,
    },
    all: `${prefix}.>`,
    allAbout: `${prefix}.about.*`,
    allTail: `${prefix}.tail.*.*`,
    allPresence: `${prefix}.pres.*`,
    askAny: `${prefix}.ae.any`,
    askAll: `${prefix}.ae.all`,
    logsOf: (node_) => `${prefix}.log.*.${node_}`,
    log: (publisher_, node_) => `${prefix}.log.${publisher_}.${node_}`,
    about: (publisher_) => `${prefix}.about.${publisher_}`,
    ask: (node_) => `${prefix}.ae.${node_}`,
    presence: (node_) => `${prefix}.pres.${node_}`,
  }
}

/** The names for a project. */
export const namesOf = (project: string, layout: Layout): Names => {
  if (layout.kind === "project") return namesWith("lamp.p", project, project, false)
  const shard = shardOf(project, layout.count)
  return shardNames(shard, project)
}

/** The names of one shard, for a project in it. */
export const shardNames = (shard: number, project: string): Names =>
  namesWith(`lamp.s${shard}.p`, `S${shard}`, project, true)

/** The subjects of a stream that tell of projects, whatever its layout. */
export const projectOfAbout = (subject: string): string | undefined =>
  /^lamp\.(?:p|s[0-9]+\.p)\.([a-z2-7]{26})\.about\.[a-z2-7]{26}$/.exec(subject)?.[1]

/** Publisher and node of a stored subject. */
export const logOfSubject = (
  subject: string,
): { readonly publisher: string; readonly node: string } | undefined => {
  const match = /\.(?:log|tail)\.([a-z2-7]{26})\.([a-z2-7]{26})$/.exec(subject)
  return match === null ? undefined : { publisher: match[1]!, node: match[2]! }
}
