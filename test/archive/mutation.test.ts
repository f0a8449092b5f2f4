/**
 * Valid archives altered at random: each is refused at a stage, or is the very archive it was.
 *
 * `npm run fuzz -- --from SEED --count 1` runs one again.
 */
import { afterAll, describe, expect, it } from "vitest"
import { controlsOf } from "./hostile/controls.ts"
import { gateListing, pythonListings, yauzlListing } from "./hostile/listings.ts"
import { Range } from "./hostile/sources.ts"
import { tally } from "./hostile/verdicts.ts"

const perTest = 250
const tests = 8

const range = await Range.open()
const plain = range.sources[0]!
const controls = await controlsOf(plain.members!)
const taken: Array<Buffer> = Object.values(controls)
afterAll(() => range.close())

describe("what honest tools make of an archive", () => {
  it.each(Object.entries(controls))("is taken: %s", async (_, bytes) => {
    const { exportHash, effect } = plain
    expect(await range.judge(bytes)).toEqual({ kind: "accepted", exportHash, effect })
  })

  it("comes in at least 15 ways", () => {
    expect(Object.keys(controls).length).toBeGreaterThanOrEqual(15)
  })
})

describe("archives altered at random", () => {
  it.each(Array.from({ length: tests }, (_, index) => index * perTest))(
    "are refused or unchanged, from seed %i on",
    async (from) => {
      const { accepted, refused, faults } = await tally(range, from, perTest)
      expect(faults).toEqual([])
      expect(accepted.length).toBeGreaterThan(0)
      taken.push(...accepted)
      expect(Object.keys(refused).length).toBeGreaterThan(10)
    },
  )

  it("come in every kind of archive", () => {
    const names = range.sources.map(({ name }) => name)
    expect(names).toEqual(["plain", "incremental", "signed", "sealed", "extract", "stored"])
  })
})

describe("every file that was taken", () => {
  it("has the same members to the gate, to yauzl and to Python", async () => {
    const zips = taken.filter((bytes) => bytes.toString("latin1", 0, 2) === "PK")
    expect(zips.length).toBeGreaterThan(50)
    const python = pythonListings(zips)
    for (const [index, bytes] of zips.entries()) {
      const gate = await gateListing(bytes)
      expect(await yauzlListing(bytes)).toEqual(gate)
      expect(python[index]).toEqual(gate)
    }
  })
})
