/** Colour, swatches, alignment, and the progress bar: only where they belong. */
import { describe, expect, it } from "vitest"
import { aligned, counted, cut, paintFor, printable, shown, widthOf } from "../../src/cli/paint.ts"
import { progressBar, progressLine } from "../../src/cli/progress-bar.ts"
import { rgbFromValue } from "../../src/cli/swatch.ts"
import type { Terminal } from "../../src/cli/terminal.ts"

describe("colour", () => {
  const coloured = (isTerminal: boolean, environment: Record<string, string>) =>
    paintFor(isTerminal, environment).red("x") !== "x"

  it("is for terminals that want it", () => {
    expect(coloured(true, {})).toBe(true)
    expect(coloured(false, {})).toBe(false)
    expect(coloured(true, { NO_COLOR: "1" })).toBe(false)
    expect(coloured(true, { NO_COLOR: "" })).toBe(true)
    expect(coloured(true, { TERM: "dumb" })).toBe(false)
  })

  it("shows values that are colours as swatches, exactly where the terminal can", () => {
    const exact = paintFor(true, { COLORTERM: "truecolor" })
    expect(exact.swatch("#0a141e")).toBe("\u001b[48;2;10;20;30m  \u001b[49m ")
    expect(paintFor(true, {}).swatch("#ff0000")).toContain("48;5;196m")
    expect(paintFor(false, {}).swatch("#ff0000")).toBe("")
    expect(exact.swatch("red herring")).toBe("")
  })
})

describe("a value's colour", () => {
  const colours: ReadonlyArray<readonly [value: Parameters<typeof rgbFromValue>[0], rgb: unknown]> =
    [
      ["#1af", [17, 170, 255]],
      ["#11AAFF", [17, 170, 255]],
      ["#11aaff80", [17, 170, 255]],
      ["rgb(17, 170, 255)", [17, 170, 255]],
      ["rgba(17 170 255 / 50%)", [17, 170, 255]],
      ["rgb(100%, 0%, 0%)", [255, 0, 0]],
      [{ colorSpace: "srgb", components: [1, 0, 0.5], alpha: 1 }, [255, 0, 128]],
      [{ colorSpace: "oklch", components: [0.5, 0.1, 20], hex: "#11aaff" }, [17, 170, 255]],
      [{ value: "rgb(17, 170, 255)", uuid: "x" }, [17, 170, 255]],
      ["{blue-900}", undefined],
      ["#12345", undefined],
      ["#xyz", undefined],
      ["rgb(1, 2)", undefined],
      [7, undefined],
      [null, undefined],
      [["#fff"], undefined],
      [{ colorSpace: "oklch", components: [0.5, 0.1, 20] }, undefined],
    ]
  for (const [value, rgb] of colours) {
    it(`of ${JSON.stringify(value)} is ${JSON.stringify(rgb)}`, () => {
      expect(rgbFromValue(value)).toEqual(rgb)
    })
  }
})

describe("text from others", () => {
  it("loses its power over the terminal", () => {
    expect(printable("a\u001b[31m\r\n\u0007\u009b\u202eb")).toBe(
      "a\\u{1b}[31m\\u{d}\\u{a}\\u{7}\\u{9b}\\u{202e}b",
    )
    expect(shown("é🙂")).toBe("é🙂")
    expect(shown("")).toBe('""')
    expect(shown({ a: 1 })).toBe('{"a":1}')
    expect(shown(undefined)).toBe("–")
  })

  it("is aligned and cut by what it takes on the screen", () => {
    const { red } = paintFor(true, {})
    expect(widthOf(red("abc"))).toBe(3)
    expect(
      aligned([
        [red("a"), "1"],
        ["bbb", "2"],
      ]),
    ).toBe(`  ${red("a")}    1\n  bbb  2`)
    expect(cut("abcdef", 4)).toBe("abc…")
    expect(counted(1, "event")).toBe("1 event")
    expect(counted(1234567, "event")).toBe("1,234,567 events")
  })
})

describe("the progress bar", () => {
  const plain = paintFor(false, {})
  const report = (done: number, total: number | undefined) =>
    ({ stage: "importing", done, total, unit: "events" }) as const

  it("tells share, rate and time left", () => {
    expect(progressLine(report(500, 2000), 2, plain)).toBe(
      "importing  █████░░░░░░░░░░░░░░░  25%  500 events  250/s  about 6 s left",
    )
    expect(progressLine(report(1, 1), 0, plain)).toContain("100%")
    expect(progressLine(report(500, undefined), 2, plain)).toBe("importing  500 events  250/s")
  })

  const drawnOn = (errorIsTerminal: boolean, times: ReadonlyArray<number>) => {
    let written = ""
    const terminal = {
      errorIsTerminal,
      environment: {},
      writeError: (text: string) => void (written += text),
    } as unknown as Terminal
    let clock = 0
    const bar = progressBar(terminal, () => clock)
    for (const time of times) {
      clock = time
      bar.listen(report(time, 10_000))
    }
    bar.clear()
    return written
  }

  it("appears after half a second, not more than ten times a second, and goes away", () => {
    expect(drawnOn(true, [10, 400, 499])).toBe("")
    const written = drawnOn(true, [400, 600, 650, 699, 701])
    expect(written.match(/importing/g)).toHaveLength(2)
    expect(written.endsWith("\r\u001b[2K")).toBe(true)
  })

  it("stays away from files and pipes", () => {
    expect(drawnOn(false, [400, 600, 5000])).toBe("")
  })
})
