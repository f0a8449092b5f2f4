/**
 * Meets replicas through NATS: `openNats` gives a remote for a URL like `nats://host:4222`. `initNats` prepares a server
 * as its administrator, `permissionsFor` says what a node has to be allowed.
 */
export { openNats } from "./remote.ts"
export type { NatsOptions } from "./settings.ts"
