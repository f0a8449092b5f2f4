/**
 * Another process that has a project's write lock, until it is told to let go.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"

export interface Holder {
  readonly pid: number
  /** Lets go of the lock; resolves when the process has ended. */
  readonly release: () => Promise<void>
}

const program = fileURLToPath(new URL("./holder-process.ts", import.meta.url))

export const holdLock = async (directory: string, stateDirectory: string): Promise<Holder> => {
  const child = spawn(process.execPath, [program, directory, stateDirectory], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  const ended = once(child, "exit")
  onTestFinished(() => void child.kill())
  await once(child.stdout, "data")
  return {
    pid: child.pid!,
    release: async () => {
      child.stdin.end("let go\n")
      await ended
    },
  }
}
