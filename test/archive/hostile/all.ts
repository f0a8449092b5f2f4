/**
 * Every attack, over every class.
 */
import type { Attack, Base } from "./attack.ts"
import { bombAttacks } from "./bombs.ts"
import { dataAttacks, truncationAttacks } from "./data.ts"
import { layoutAttacks } from "./layout.ts"
import { descriptorAttacks, mismatchAttacks } from "./mismatch.ts"
import {
  belongingAttacks,
  foreignAttacks,
  lineAttacks,
  logAttacks,
  snapshotAttacks,
} from "./histories.ts"
import { manifestAttacks, memberAttacks } from "./manifests.ts"
import { sealedAttacks } from "./sealed.ts"
import { incrementalAttacks, signatureAttacks } from "./signatures.ts"
import { nameAttacks } from "./names.ts"
import { typeAttacks } from "./types.ts"
import { extraAttacks, zip64Attacks } from "./wide.ts"

export const allAttacks = (base: Base): ReadonlyArray<Attack> =>
  [
    nameAttacks,
    typeAttacks,
    bombAttacks,
    mismatchAttacks,
    descriptorAttacks,
    layoutAttacks,
    zip64Attacks,
    extraAttacks,
    dataAttacks,
    truncationAttacks,
    manifestAttacks,
    memberAttacks,
    lineAttacks,
    logAttacks,
    snapshotAttacks,
    foreignAttacks,
    belongingAttacks,
    sealedAttacks,
    signatureAttacks,
    incrementalAttacks,
  ].flatMap((attacks) => attacks(base))
