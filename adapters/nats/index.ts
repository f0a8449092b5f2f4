/**
 * Meets replicas through NATS: `openNats` gives a remote for a URL like `nats://host:4222`. `initNats` prepares a server
 * as its administrator, `permissionsFor` says what a node has to be allowed.
 */
export { initNats } from "./init.ts"
export type { NatsInitOptions, NatsPrepared } from "./init.ts"
export { nkeySeedOf, nkeyUserOf } from "./nkey.ts"
export { permissionsFor, serverConfiguration } from "./permissions.ts"
export type { Permissions, PermissionWishes } from "./permissions.ts"
export { openNats } from "./remote.ts"
export type { NatsOptions } from "./settings.ts"
export type { Layout } from "./subjects.ts"
