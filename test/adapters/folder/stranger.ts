/**
 * Another user at a folder: pulls and prints how many events there are, or pushes one event of its own
 * and prints how that was refused.
 */
import { writeSync } from "node:fs"
import { openFolder } from "../../../adapters/folder/index.ts"
import { LamplogError } from "../../../src/remote.ts"
import { logOf, push, Reader, segmentOf } from "../../sync/shelf-reader.ts"

const [task, folder] = process.argv.slice(2) as [string, string]
const say = (line: string): void => void writeSync(1, `${line}\n`)

const remote = await openFolder(folder)
if (task === "pull") {
  const reader = new Reader()
  await reader.pull(remote)
  say(String(reader.events))
} else {
  try {
    await push(remote, segmentOf(logOf("stranger", 1), 1, 1))
    say("pushed")
  } catch (error) {
    if (!(error instanceof LamplogError)) throw error
    say(`${error.code}: ${error.message} ${error.remedy}`)
  }
}
