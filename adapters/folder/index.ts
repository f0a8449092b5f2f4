/**
 * The remote that is a folder: synced, mounted or carried about.
 */
export { folderStorage, openFolder } from "./folder.ts"
export type { FolderOptions } from "./folder.ts"
