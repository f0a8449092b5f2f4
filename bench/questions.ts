/** Every question that `npm run bench` asks, in the order of its table. */
import { assets } from "./assets.ts"
import { gating } from "./gate.ts"
import { meetings } from "./meetings.ts"
import { memory } from "./memory.ts"
import type { Question } from "./measure.ts"
import { seals } from "./seal.ts"
import { sealedTransfers } from "./sealed.ts"
import { state } from "./state.ts"
import { transfers } from "./transfer.ts"
import { writing } from "./write.ts"

export const questions: ReadonlyArray<Question> = [
  ...writing,
  ...state,
  ...transfers,
  ...sealedTransfers,
  ...seals,
  ...gating,
  ...assets,
  ...meetings,
  ...memory,
]
