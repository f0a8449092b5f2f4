/**
 * `inspect`: what an archive says of itself, read without a project. Nothing is proven by it.
 */
import * as Effect from "effect/Effect"
import type { Inspection } from "../archive/inspect.ts"
import { inspectArchive } from "../project/archives.ts"
import type { Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { keysOf, policyOf, signatureText } from "./opening.ts"
import { aligned, counted, grouped, printable } from "./paint.ts"
import type { Paint } from "./paint.ts"

const inspectionText = (inspection: Inspection, paint: Paint): string => {
  const { encrypted, exportHash, fileSize, manifest, signature } = inspection
  const items = Object.entries(manifest.itemCounts).map(
    ([type, count]) => `${printable(type)} ${grouped(count)}`,
  )
  const rows = [
    ["project", manifest.project],
    ["schema", `${printable(manifest.schema.name)} ${manifest.schema.version}`],
    ["entities", items.length === 0 ? "none" : items.join(", ")],
    ["events", grouped(manifest.events)],
    ["conflicts", grouped(manifest.conflicts)],
    ["digest", manifest.digest],
    ["hash", exportHash],
    ["size", `${counted(fileSize, "byte")}${encrypted ? ", encrypted" : ""}`],
    ...manifest.logs.map(({ log, from, to, signature }, index) => [
      index === 0 ? "logs" : "",
      `${log}  ${paint.dim(`${from} to ${to}${signature === undefined ? "" : ", signed"}`)}`,
    ]),
    ...manifest.members.map(({ path, size }, index) => [
      index === 0 ? "members" : "",
      `${printable(path)}  ${paint.dim(counted(size, "byte"))}`,
    ]),
  ]
  const name = paint.bold(printable(manifest.name))
  return `${name}\n${aligned(rows)}\n${signatureText(signature)}${paint.dim("`lamplog verify FILE` checks that all of this holds.")}\n`
}

export const inspect: Run = (call) =>
  Effect.suspend(() => {
    const path = pathFrom(call.terminal, call.argument("FILE"))
    const options = { ...policyOf(call, {}), ...keysOf(call, [path]) }
    return Effect.map(inspectArchive(path, options), (inspection) => {
      const { encrypted, exportHash, fileSize, manifest, signature, warnings } = inspection
      return {
        document: { ...manifest, exportHash, fileSize, encrypted, signature, warnings },
        text: () => inspectionText(inspection, call.paint),
      }
    })
  })
