/**
 * The JSON messages, as schemas: from them come both the checks and the published description.
 *
 * A message says its version first of all; one of another version is told apart before anything else
 * in it is looked at. Members that are not named here are refused.
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import {
  frontierFromJson,
  isHash,
  isIdentifier,
  LamplogError,
  protocolVersion,
} from "../../src/remote.ts"
import type { RefusedRun } from "../../src/remote.ts"
import type { Json } from "../../src/index.ts"
import { newer, nonsense, shown } from "./failure.ts"
import { bytesFromJson, jsonFromBytes } from "./json.ts"
import { askedHashesMax } from "./limits.ts"

const textLengthMax = 4096
const Text = Schema.String.check(Schema.isMaxLength(textLengthMax))
const Version = Schema.Literal(protocolVersion)
const Seq = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Identifier = Schema.String.check(Schema.makeFilter((text) => isIdentifier(text))).annotate({
  identifier: "Identifier",
  description: "26 characters of base32, lower case.",
})

const Hash = Schema.String.check(Schema.makeFilter((text) => isHash(text))).annotate({
  identifier: "Hash",
  description: "SHA-256 as 64 lower-case hexadecimal characters.",
})

const someHash = "0".repeat(64)
const isLogName = (text: string): boolean =>
  frontierFromJson({ [text]: { seq: 1, hash: someHash } }) !== undefined

const LogName = Schema.String.check(Schema.makeFilter(isLogName)).annotate({
  identifier: "LogName",
  description: "A node's id; for a branch of its log with a part of a hash behind it.",
})

const Head = Schema.Struct({ seq: Seq, hash: Hash }).annotate({
  identifier: "Head",
  description: "A place in a log: the seq of an event and its chain hash.",
})

const FrontierSchema = Schema.Record(Schema.String, Head)
  .check(Schema.makeFilter((frontier) => Object.keys(frontier).every(isLogName)))
  .annotate({
    identifier: "Frontier",
    description: "What somebody holds: for each log its last seq and chain hash.",
  })

export const DescriptionSchema = Schema.Struct({
  project: Identifier,
  name: Text,
  schema: Schema.Struct({ name: Text, version: Seq }),
}).annotate({ identifier: "ProjectDescription" })

export const ProjectsSchema = Schema.Struct({
  version: Version,
  projects: Schema.Array(DescriptionSchema),
}).annotate({ identifier: "Projects" })

export const HelloSchema = Schema.Struct({
  version: Version,
  project: Identifier,
  node: Identifier,
}).annotate({ identifier: "Hello", description: "Who asks, and about which project." })

export const PullSchema = Schema.Struct({
  ...HelloSchema.fields,
  since: FrontierSchema,
  points: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Array(Head))
      .check(Schema.makeFilter((points) => Object.keys(points).every(isLogName)))
      .annotate({ description: "Places of logs that may have parted, highest first." }),
  ),
}).annotate({ identifier: "Pull", description: "What the asker holds: it need not be sent." })

const holdingsFields = {
  version: Version,
  frontier: FrontierSchema,
  unsure: Schema.Array(LogName).annotate({
    description: "Logs of the asker whose heads are not held here.",
  }),
}

export const HoldingsSchema = Schema.Struct(holdingsFields).annotate({ identifier: "Holdings" })

export const FailureSchema = Schema.Struct({
  code: Text,
  message: Text,
  remedy: Text,
  stage: Schema.optionalKey(
    Schema.Literals(["archive", "manifest", "schema", "structure", "referential"]),
  ),
  where: Schema.optionalKey(Text),
}).annotate({ identifier: "Failure", description: "What went wrong, and what to do about it." })

export const PushedSchema = Schema.Struct({
  ...holdingsFields,
  events: Count.annotate({ description: "Events that were not held before." }),
  refused: Schema.Array(
    Schema.Struct({ node: Identifier, from: Seq, to: Seq, error: FailureSchema }),
  ),
}).annotate({ identifier: "Pushed" })

export const AssetsSchema = Schema.Struct({
  version: Version,
  sha256: Schema.Array(Hash).check(Schema.isMaxLength(askedHashesMax)),
}).annotate({ identifier: "Assets", description: "Bytes of assets, each by its hash." })

const versionOf = (value: Json | undefined): number | undefined => {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined
  const { version } = value as { readonly [key: string]: Json }
  return typeof version === "number" && Number.isSafeInteger(version) ? version : undefined
}

/** A reader of one kind of message. It throws a `LamplogError`. */
const reader = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, what: string) => {
  const decode = Schema.decodeUnknownExit(schema, { onExcessProperty: "error" })
  return (bytes: Uint8Array, where: string): S["Type"] => {
    const value = jsonFromBytes(bytes)
    if (value === undefined) throw nonsense(`${what} is not canonical JSON`, where)
    const version = versionOf(value)
    if (version !== undefined && version > protocolVersion) {
      throw newer(version, protocolVersion, where)
    }
    const exit = decode(value)
    if (Exit.isSuccess(exit)) return exit.value
    throw nonsense(`${what} does not have the form it must have`, where)
  }
}

export const projectsFromBytes = reader(ProjectsSchema, "the list of projects")
export const helloFromBytes = reader(HelloSchema, "the greeting")
export const pullFromBytes = reader(PullSchema, "the pull")
export const holdingsFromBytes = reader(HoldingsSchema, "what is held there")
export const pushedFromBytes = reader(PushedSchema, "the answer to the push")
export const assetsFromBytes = reader(AssetsSchema, "the list of assets")
const failureDocument = reader(FailureSchema, "the error document")

type FailureDocument = typeof FailureSchema.Type

const errorFrom = ({ code, message, remedy, stage, where }: FailureDocument): LamplogError =>
  new LamplogError({
    code: shown(code),
    message: shown(message),
    remedy: shown(remedy),
    ...(stage === undefined ? {} : { stage }),
    ...(where === undefined ? {} : { where: shown(where) }),
  })

/** The failure that the other side tells of. */
export const failureFromBytes = (bytes: Uint8Array, where: string): LamplogError => {
  try {
    return errorFrom(failureDocument(bytes, where))
  } catch (error) {
    return error as LamplogError
  }
}

const bounded = (text: string): string => text.slice(0, textLengthMax)

const documentFrom = (error: LamplogError): { readonly [key: string]: string } =>
  Object.fromEntries(Object.entries(error.toJSON()).map(([key, text]) => [key, bounded(text)]))

export const bytesFromFailure = (error: LamplogError): Buffer => bytesFromJson(documentFrom(error))

/** Refused runs that an answer lists. */
const refusedListedMax = 100

export const refusedToJson = (refused: ReadonlyArray<RefusedRun>): Json =>
  refused.slice(0, refusedListedMax).map(({ node, from, to, error }) => ({
    node,
    from,
    to,
    error: documentFrom(error),
  }))

export const refusedFrom = (
  refused: (typeof PushedSchema.Type)["refused"],
): ReadonlyArray<RefusedRun> =>
  refused.map(({ error, ...run }) => ({ ...run, error: errorFrom(error) }))
