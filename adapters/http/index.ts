/**
 * Meeting over HTTP, without a broker: `serveHttp` offers a replica, `openHttp` is a remote for it.
 * docs/HTTP.md is the guide, docs/FORMAT.md has the bytes.
 */
export { openHttp } from "./client.ts"
export type { OpenHttpOptions } from "./client.ts"
export type { HttpLimits } from "./limits.ts"
export type { ClientTimes } from "./request.ts"
export { serveHttp } from "./server.ts"
export type { HttpServing, ServeOptions } from "./server.ts"
