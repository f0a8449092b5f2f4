/**
 * What a node has to be allowed on a server, and nothing more; as lists, and as a block of a server's configuration.
 *
 * What it cannot hold: a node may read all of its stream (in shards: other projects too), and whoever may make a
 * consumer can have it deliver to any subject of the account. Walls between strangers are accounts.
 */
import { isIdentifier } from "../../src/remote.ts"
import { invalid } from "./refuse.ts"
import { nkeyUserOf } from "./nkey.ts"
import { namesOf } from "./subjects.ts"
import type { Layout, Names } from "./subjects.ts"

export interface PermissionWishes {
  readonly project: string
  readonly node: string
  readonly layout?: Layout
  /** JetStream's domain, if the URL names one. */
  readonly domain?: string
  /** The node's public key: then the user is that key, and no password is needed. */
  readonly publicKey?: string
}

export interface Permissions {
  readonly publish: ReadonlyArray<string>
  readonly subscribe: ReadonlyArray<string>
  /** One user, as it stands in `authorization { users: [ … ] }`. */
  readonly text: string
}

/** What reading a stream needs: looking at it, at single messages, and one consumer named like the node. */
const readingOf = (api: string, stream: string, node: string, filter: string) => [
  `${api}.STREAM.INFO.${stream}`,
  `${api}.STREAM.MSG.GET.${stream}`,
  `${api}.CONSUMER.CREATE.${stream}.${node}.${filter}`,
  `${api}.CONSUMER.DELETE.${stream}.${node}`,
  `${api}.CONSUMER.MSG.NEXT.${stream}.${node}`,
]

const publishOf = (names: Names, node: string, api: string): ReadonlyArray<string> => [
  names.log(node, ">"),
  names.about(node),
  names.presence(node),
  names.ask(">"),
  ...readingOf(api, names.stream, node, names.all),
  ...readingOf(api, names.bucketStream, node, `$O.${names.bucket}.M.*`),
  `${api}.DIRECT.GET.${names.bucketStream}`,
  `$O.${names.bucket}.C.>`,
  `$O.${names.bucket}.M.>`,
]

const subscribeOf = (names: Names, node: string): ReadonlyArray<string> => [
  names.allTail,
  names.allPresence,
  names.ask(node),
  names.askAny,
  names.askAll,
  `_INBOX.${node}.>`,
]

const listText = (subjects: ReadonlyArray<string>): string =>
  subjects.map((subject) => `        "${subject}"`).join("\n")

const userText = (
  who: string,
  publish: ReadonlyArray<string>,
  subscribe: ReadonlyArray<string>,
): string =>
  [
    "  {",
    `    ${who}`,
    "    permissions {",
    "      publish { allow: [",
    listText(publish),
    "      ] }",
    "      subscribe { allow: [",
    listText(subscribe),
    "      ] }",
    '      allow_responses { max: 100, expires: "30s" }',
    "    }",
    "  }",
  ].join("\n")

/** The permissions of one node in one project. */
export const permissionsFor = (wishes: PermissionWishes): Permissions => {
  const { project, node, layout = { kind: "project" }, domain, publicKey } = wishes
  if (!isIdentifier(project) || !isIdentifier(node)) {
    throw invalid("permissions", "project or node is no id", "Copy them from `lamplog status`.")
  }
  const names = namesOf(project, layout)
  const api = domain === undefined ? "$JS.API" : `$JS.${domain}.API`
  const publish = publishOf(names, node, api)
  const subscribe = subscribeOf(names, node)
  const who =
    publicKey === undefined
      ? `user: "${node}", password: "CHANGE-ME"`
      : `nkey: "${nkeyUserOf(publicKey)}"`
  return { publish, subscribe, text: userText(who, publish, subscribe) }
}

/** A working configuration for a server of one's own, with these users. */
export const serverConfiguration = (users: ReadonlyArray<Permissions>): string =>
  [
    "listen: 0.0.0.0:4222",
    "jetstream {",
    '  store_dir: "/var/lib/nats"',
    "  # An acknowledgement then means that the message is on the disk.",
    "  sync_interval: always",
    "}",
    '# tls { cert_file: "/etc/nats/server.pem", key_file: "/etc/nats/server.key" }',
    "authorization { users: [",
    "  # For `lamplog nats init`.",
    '  { user: "admin", password: "CHANGE-ME" }',
    ...users.map(({ text }) => text),
    "] }",
    "",
  ].join("\n")
