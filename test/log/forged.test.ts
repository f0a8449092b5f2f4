/** Logs of authors who know the format and no manners; more of them: `npm run soak -- --kind forgeries`. */
import { describe, it } from "vitest"
import { runForgery } from "./forgery.ts"

const seeds = 400

describe("logs by key holders who do as they like", () => {
  for (let from = 0; from < seeds; from += 50) {
    it(`mean the same to everyone, for seeds ${from} to ${from + 49}`, () => {
      for (let seed = from; seed < from + 50; seed++) {
        try {
          runForgery(seed)
        } catch (error) {
          const replay = `npm run soak -- --kind forgeries --seed ${seed}`
          throw new Error(`${replay}\n${String(error)}`, { cause: error })
        }
      }
    })
  }
})
