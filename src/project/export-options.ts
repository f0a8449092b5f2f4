/**
 * What can be asked of an export: how much of the project, in which format, and who may read it.
 */
import type { FieldCondition } from "../archive/archive.ts"
import type { AssetChoice } from "../archive/asset-plan.ts"
import type { Frontier } from "../log/frontier.ts"
import type { SigningKey } from "../seal/keys.ts"
import type { KeyOptions } from "./opening.ts"

/** Which entities; parts that are given must all hold, and what a part lists are alternatives. */
export interface ExportSelection {
  readonly types?: ReadonlyArray<string> | undefined
  /** Names of entities, `type/id`. */
  readonly entities?: ReadonlyArray<string> | undefined
  /** Groups by their paths (`color.brand`): they, and the tokens and groups below them. */
  readonly groups?: ReadonlyArray<string> | undefined
  /** Elements of the field `tags`. */
  readonly tags?: ReadonlyArray<string> | undefined
  /** Values of fields: alternatives for the same field, while several fields must all hold. */
  readonly where?: ReadonlyArray<FieldCondition> | undefined
  /** Leave out what the chosen entities refer to, unless it is chosen, too. */
  readonly open?: boolean | undefined
}

export interface ExportOptions extends KeyOptions {
  /** "lamplog" (an archive) unless given, else the name of a foreign format. */
  readonly format?: string
  /** Replace a file of that name. */
  readonly force?: boolean
  /**
   * Only what came after: a frontier, or the path of a file that has one, be it an archive or what
   * `lamplog status --json` printed. `keys` open that archive.
   */
  readonly since?: Frontier | string | undefined
  /** Only some entities; an archive of them is an extract. */
  readonly select?: ExportSelection | undefined
  /** Bytes of assets that travel along: those that what is exported names unless given. */
  readonly assets?: AssetChoice | undefined
  /** Sign the archive with this key. */
  readonly sign?: SigningKey | undefined
  /** Encrypt the archive for whoever holds one of these keys (`age1…`). */
  readonly encryptTo?: ReadonlyArray<string> | undefined
  /** Encrypt the archive for whoever knows this; not beside `encryptTo`. */
  readonly passphrase?: string | undefined
}
