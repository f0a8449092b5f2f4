/**
 * Token files as one of the foreign formats that a project can be imported from and exported to.
 */
import { detectTokenFormat } from "./detect.ts"
import { dtcgFromEntities } from "./export.ts"
import { entitiesFromTokenFiles } from "./import.ts"
import type { ForeignFormat } from "../../src/index.ts"
import type { TokenFile } from "./model.ts"
import { parsedFile } from "./parse.ts"

const isReadable = (file: TokenFile): boolean => {
  try {
    parsedFile(file)
    return true
  } catch {
    return false
  }
}

/** All token formats are read; DTCG is written. */
export const dtcg: ForeignFormat = {
  name: "dtcg",
  /** Also for broken JSON, so that reading it says where the mistake is. */
  detect: (file) =>
    detectTokenFormat(file.text, file.path) !== undefined ||
    (/\.(json|json5|jsonc|tokens)$/i.test(file.path) && !isReadable(file)),
  read: entitiesFromTokenFiles,
  write: (entities) => dtcgFromEntities(entities),
}
