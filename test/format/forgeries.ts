/**
 * What forgers do to archives, and the code that the page knows each fault by.
 */
import { onComplete } from "./forged-complete.ts"
import { onExtract } from "./forged-extract.ts"
import { onSigned } from "./forged-note.ts"
import { onAssets, onBranches, onIncremental } from "./forged-part.ts"
import type { Forgeries } from "./forger.ts"

const byKind: { readonly [kind: string]: Forgeries } = {
  "a complete archive": onComplete,
  "one with assets": onAssets,
  "an incremental archive": onIncremental,
  "a signed archive": onSigned,
  "an extract of tokens": onExtract,
  "an archive of branches": onBranches,
}

/** What is forged, how, and the code that both verifiers refuse it with. */
export const forgeries = Object.entries(byKind).flatMap(([kind, list]) =>
  list.map(([what, code, forge]) => ({ kind, what, code, forge })),
)
