/**
 * A courtesy to other processes: a file that says who has the project open and does what, so that
 * whoever has to wait can name it.
 */
import { rmSync, writeFileSync } from "node:fs"
import { holders, presenceFile } from "./database.ts"

/** Says that this process has the project open; what dead ones left goes. */
export const announce = (directory: string): void => {
  try {
    holders(directory)
    writeFileSync(presenceFile(directory, process.pid), process.argv.slice(2, 4).join(" "))
  } catch {
    // Nobody depends on it.
  }
}

export const depart = (directory: string): void =>
  rmSync(presenceFile(directory, process.pid), { force: true })
