/**
 * How long a command tries to meet a remote.
 */
import type { Call, Flag } from "./command.ts"
import { UsageError } from "./usage.ts"

export const syncTimeoutSeconds = 20
/** A whole project comes, not only what is new. */
export const cloneTimeoutSeconds = 600

export const timeoutFlag = (seconds: number): Flag => ({
  value: "SECONDS",
  does: `how long to try with a remote (default: ${seconds})`,
})

/** The flag's value in milliseconds. */
export const timeoutMillisFrom = (call: Call, seconds: number): number => {
  const text = call.flag("timeout") ?? String(seconds)
  const value = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (value > 0) return value * 1000
  throw new UsageError(
    "timeout-invalid",
    `--timeout cannot be "${text.slice(0, 100)}".`,
    "Give a number of seconds, such as 20.",
    "--timeout",
  )
}
