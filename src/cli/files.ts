/**
 * Files that the user names, from where the user stands.
 */
import { resolve } from "node:path"
import type { Terminal } from "./terminal.ts"

export const pathFrom = (terminal: Terminal, path: string): string =>
  resolve(terminal.directory, path)
