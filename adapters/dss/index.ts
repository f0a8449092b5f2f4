/**
 * Export archives of the design system server that came before Lamplog, read only. The accepted shape
 * is described in `format.ts`.
 */
export { dss } from "./format.ts"
