/**
 * The remote that is a folder: synced, mounted or carried about.
 */
export { openFolder } from "./folder.ts"
export type { FolderOptions } from "./folder.ts"
