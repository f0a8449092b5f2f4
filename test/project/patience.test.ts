/**
 * Patience with what gets on, however slowly, and with nothing else.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Patience } from "../../src/project/patience.ts"

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => void vi.useRealTimers())

describe("patience", () => {
  it("ends when nothing has come or gone for so long", () => {
    const patience = new Patience(1000)
    vi.advanceTimersByTime(999)
    expect(patience.signal.aborted).toBe(false)
    // The same count again is no news.
    patience.see(0)
    vi.advanceTimersByTime(1)
    expect(patience.signal.aborted).toBe(true)
  })

  it("begins anew with every event, for as long as they come", () => {
    const patience = new Patience(1000)
    for (let moved = 1; moved <= 50; moved++) {
      vi.advanceTimersByTime(900)
      patience.see(moved)
    }
    expect(patience.signal.aborted).toBe(false)
    vi.advanceTimersByTime(1000)
    expect(patience.signal.aborted).toBe(true)
  })

  it("keeps no process alive once it is over", () => {
    const patience = new Patience(1000)
    patience.see(1)
    patience.end()
    expect(vi.getTimerCount()).toBe(0)
  })
})
