/**
 * A replica's content for tests of bytes, and its export as a program of its own, so that time zone
 * and locale can be those of another machine.
 */
import * as Effect from "effect/Effect"
import { writeArchive } from "../../src/archive/write.ts"
import type { WriteArchiveOptions } from "../../src/archive/write.ts"
import { builtInSchemas } from "../../src/domain/schemas.ts"
import { Author } from "../../src/store/author.ts"
import { Replica } from "../../src/store/replica.ts"

/** The path of this program: FOLDER ARCHIVE OPTIONS, the last as JSON. */
export const exportIn = import.meta.filename

/** Writes names and values that sort, print and fold differently from place to place. */
export const fill = (replica: Replica): void => {
  const names = ["I", "i", "ı", "İ", "ä", "z", "Z", "10", "9", "é", "e\u0301", "𝒳", "\uffee"]
  const changes = names.map((id, index) => ({
    op: "put" as const,
    type: index % 2 === 0 ? "token" : "component",
    id,
    fields: { value: index / 3, description: `${id} ${"lorem ipsum ".repeat(index * 100)}` },
  }))
  new Author(replica).write(changes, { actor: "ana", at: "2026-01-01T00:00:00Z" })
}

const exportFolder = async (
  directory: string,
  path: string,
  options: WriteArchiveOptions,
): Promise<void> => {
  const replica = Replica.open(directory, { schemas: builtInSchemas() })
  try {
    await Effect.runPromise(writeArchive(replica, path, options))
  } finally {
    replica.close()
  }
}

if (process.argv[1] === exportIn) {
  const [directory, path, options = "{}"] = process.argv.slice(2)
  await exportFolder(directory!, path!, JSON.parse(options) as WriteArchiveOptions)
}
