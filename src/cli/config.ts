/**
 * `lamplog config`: what holds here, where it comes from, and keeping it with the project.
 */
import * as Effect from "effect/Effect"
import type { Answer, Call, Run } from "./command.ts"
import { findProject } from "./folder.ts"
import { aligned, shown } from "./paint.ts"
import {
  readSettings,
  settingFromText,
  settingKey,
  settingKeys,
  settings,
  settingValue,
  writeSettings,
} from "./settings.ts"
import type { SettingValue } from "./settings.ts"

/** Runs plain code when the program runs, not when it is built. */
const answer = (make: () => Answer): ReturnType<Run> => Effect.suspend(() => Effect.succeed(make()))

const answerOne = (value: SettingValue): Answer => ({
  document: value,
  text: () => `${shown(value.value)}\n`,
})

const held = (call: Call, key: string): SettingValue =>
  settingValue(settingKey(key), call, readSettings(findProject(call)))

export const get: Run = (call) => answer(() => answerOne(held(call, call.argument("KEY"))))

export const list: Run = (call) =>
  answer(() => {
    const file = readSettings(findProject(call))
    const values = settingKeys.map((key) => settingValue(key, call, file))
    return {
      document: values.map((value) => ({ ...value, does: settings[value.key].does })),
      text: () =>
        `${aligned(
          values.map(({ key, value, from }) => [
            key,
            shown(value),
            call.paint.dim(`${from}; ${settings[key].does}`),
          ]),
          0,
        )}\n`,
    }
  })

export const set: Run = (call) =>
  answer(() => {
    const key = settingKey(call.argument("KEY"))
    const value = settingFromText(key, call.argument("VALUE"), key)
    writeSettings(findProject(call), { [key]: value })
    return answerOne({ key, value, from: "file" })
  })
