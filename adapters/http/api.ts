/**
 * What a server answers: paths, methods, messages and statuses. The server takes its routes from
 * this definition, and the published description (`/openapi.json`) is made from it.
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { protocolVersion } from "../../src/remote.ts"
import { assetBytesType, streamType } from "./frames.ts"
import {
  AssetsSchema,
  FailureSchema,
  HelloSchema,
  ProjectsSchema,
  PullSchema,
  PushedSchema,
} from "./messages.ts"

const words: { readonly [status: number]: string } = {
  400: "Nonsense: not the form that is described here.",
  401: "No token, or a wrong one.",
  403: "From a web page, or under a name that is not this machine's.",
  404: "Nobody here holds this.",
  408: "Too slow.",
  409: "Another project, another version of the protocol, or bytes that do not belong here.",
  413: "Larger than this server takes.",
  415: "Another media type or content coding.",
  500: "A failure of the server's own.",
  503: "Busy; `retry-after` tells how many seconds to wait.",
  507: "The disk of the server is full.",
}

const fails = (...statuses: ReadonlyArray<number>) =>
  statuses.map((status) =>
    FailureSchema.annotate({ description: words[status]! }).pipe(HttpApiSchema.status(status)),
  )

/** A token in every request; without one where the server asks for none. */
class Bearer extends HttpApiMiddleware.Service<Bearer>()("lamplog/http/Bearer", {
  security: { bearer: HttpApiSecurity.bearer },
  error: fails(401, 403),
}) {}

const about = (summary: string, description: string) =>
  OpenApi.annotations({ summary, description })

const bytesOf = (contentType: string) =>
  Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType }))

const Sha256 = Schema.String.annotate({
  description: "SHA-256 of the asset: 64 lower-case hexadecimal characters.",
})

const projects = HttpApiEndpoint.get("projects", "/projects", {
  success: ProjectsSchema,
}).annotateMerge(about("Which projects are here", "Nothing vouches for names."))

const pull = HttpApiEndpoint.post("pull", "/pull", {
  payload: PullSchema,
  success: HttpApiSchema.StreamUint8Array({ contentType: streamType }),
  error: fails(400, 408, 409, 413, 415, 500, 503),
}).annotateMerge(
  about(
    "Get what is lacking",
    "Answers with a stream: a message `Holdings`, then batches of segments. A failure on the way ends it with an error document.",
  ),
)

const push = HttpApiEndpoint.post("push", "/push", {
  payload: bytesOf(streamType),
  success: PushedSchema,
  error: fails(400, 408, 409, 413, 415, 500, 503, 507),
}).annotateMerge(
  about(
    "Hand over what is lacking here",
    "The body is a stream: a message `Hello`, then batches of segments. Each batch is kept as a whole before the next one is read; after a failure those before it stay.",
  ),
)

const watch = HttpApiEndpoint.post("watch", "/watch", {
  payload: HelloSchema,
  success: bytesOf("text/event-stream"),
  error: fails(400, 408, 409, 413, 415, 503),
}).annotateMerge(
  about(
    "Hear of news",
    "Server-sent events: `event: news` whenever something was written here, and comments in between as signs of life.",
  ),
)

const getAsset = HttpApiEndpoint.get("getAsset", "/assets/:sha256", {
  params: { sha256: Sha256 },
  success: HttpApiSchema.StreamUint8Array({ contentType: assetBytesType }),
  error: fails(404, 500, 503),
}).annotateMerge(about("The bytes of an asset", "To be checked by whoever asked."))

const putAsset = HttpApiEndpoint.put("putAsset", "/assets/:sha256", {
  params: { sha256: Sha256 },
  payload: bytesOf(assetBytesType),
  success: HttpApiSchema.Empty(200),
  error: fails(400, 408, 409, 413, 415, 500, 503, 507),
}).annotateMerge(
  about(
    "Hand over the bytes of an asset",
    "With a `content-length`. Only what some event held here names is kept, and only if it has this hash.",
  ),
)

const hasAssets = HttpApiEndpoint.post("hasAssets", "/assets", {
  payload: AssetsSchema,
  success: AssetsSchema,
  error: fails(400, 408, 409, 413, 415, 500, 503),
}).annotateMerge(about("Which of these assets are held here", "Answers with those that are."))

const description = HttpApiEndpoint.get("description", "/openapi.json", {
  success: Schema.Json,
}).annotateMerge(about("This description", "OpenAPI 3.1; it says nothing of any project."))

const page = HttpApiEndpoint.get("page", "/", {
  success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/html" })),
}).annotateMerge(about("This description, for people", "One page that loads nothing."))

const limits = `Any request may also be answered with 405 (the path has other methods), 417 (an expectation that
is not known), 431 (headers too large) or 408 (headers too slow); any other path with 404. Connections beyond
the limits are closed.`

export const api = HttpApi.make("lamplog")
  .add(
    HttpApiGroup.make("replica")
      .add(projects, pull, push, watch, getAsset, putAsset, hasAssets)
      .middleware(Bearer)
      .annotateMerge(OpenApi.annotations({ description: "What a replica gives and takes." })),
  )
  .add(
    HttpApiGroup.make("pages")
      .add(description, page)
      .annotateMerge(OpenApi.annotations({ description: "Open to everybody." })),
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Lamplog over HTTP",
      version: String(protocolVersion),
      description: `Two replicas of a project meet: one request each to pull and to push. JSON has sorted keys and no
blanks. The bytes of streams and segments are described in docs/FORMAT.md. ${limits}`,
    }),
  )

const endpoints = [
  ...Object.values(api.groups.replica.endpoints),
  ...Object.values(api.groups.pages.endpoints),
]

export type Operation = (typeof endpoints)[number]["identifier"]

export interface Route {
  readonly operation: Operation
  readonly method: string
  /** Up to the parameter, where there is one. */
  readonly path: string
  readonly hasParameter: boolean
  /** Whether one needs a token for it. */
  readonly open: boolean
}

const parameterStart = "/:"

export const routes: ReadonlyArray<Route> = endpoints.map(
  ({ identifier, method, path, ...rest }) => {
    const at = path.indexOf(parameterStart)
    return {
      operation: identifier,
      method,
      path: at < 0 ? path : path.slice(0, at + 1),
      hasParameter: at >= 0,
      open: rest.middlewares.size === 0,
    }
  },
)

export const openApi = OpenApi.fromApi(api)
