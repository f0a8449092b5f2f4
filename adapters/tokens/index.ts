/**
 * Design-token files, in and out: DTCG 2025.10 and older, Style Dictionary, Spectrum, and DTCG
 * resolver documents; JSON and JSON5. Pure functions: the caller reads and writes the files.
 */
export { detectTokenFormat } from "./detect.ts"
export { dtcgFromEntities } from "./export.ts"
export { dtcg } from "./format.ts"
export { entitiesFromTokenFiles } from "./import.ts"
export { TokenFileError } from "./model.ts"
export type {
  ForeignEntity,
  Json,
  Problem,
  Stage,
  TokenDocument,
  TokenFile,
  TokenFormat,
} from "./model.ts"
export { isKnownType, valueProblem } from "./values.ts"
