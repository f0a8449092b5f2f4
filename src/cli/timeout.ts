/**
 * How long a command tries to meet a remote.
 */
import type { Call, Flag } from "./command.ts"
import { UsageError } from "./usage.ts"

const secondsDefault = 20

export const timeoutFlag: Flag = {
  value: "SECONDS",
  does: `how long to go on while nothing comes or goes (default: ${secondsDefault})`,
}

/** The flag's value in milliseconds. */
export const timeoutMillisFrom = (call: Call): number => {
  const text = call.flag("timeout") ?? String(secondsDefault)
  const value = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (value > 0) return value * 1000
  throw new UsageError(
    "timeout-invalid",
    `--timeout cannot be "${text.slice(0, 100)}".`,
    "Give a number of seconds, such as 20.",
    "--timeout",
  )
}
