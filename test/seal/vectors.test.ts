/**
 * The test vectors that age's specification comes with (C2SP's CCTV): what every implementation
 * opens, and what none may. Those in armored form are refused as such here.
 */
import { inflateSync } from "node:zlib"
import * as vectors from "cctv-age"
import { describe, expect, it } from "vitest"
import { LamplogError } from "../../src/event/failure.ts"
import { sha256 } from "../../src/event/hash.ts"
import { folder, limits } from "./files.ts"

interface Vector {
  readonly name: string
  readonly expect: string
  /** SHA-256 of what is inside, as far as it comes out. */
  readonly payload: string | undefined
  readonly armored: boolean
  readonly identities: ReadonlyArray<string>
  readonly passphrase: string | undefined
  readonly file: Buffer
}

const vectorFrom = (name: string, bytes: Buffer): Vector => {
  const end = bytes.indexOf("\n\n")
  const lines = bytes.toString("latin1", 0, end).split("\n")
  const valuesOf = (key: string): ReadonlyArray<string> =>
    lines.flatMap((line) => (line.startsWith(`${key}: `) ? [line.slice(key.length + 2)] : []))
  const file = bytes.subarray(end + 2)
  return {
    name,
    expect: valuesOf("expect")[0]!,
    payload: valuesOf("payload")[0],
    armored: valuesOf("armored").length > 0,
    identities: valuesOf("identity"),
    passphrase: valuesOf("passphrase")[0],
    file: valuesOf("compressed").length > 0 ? inflateSync(file) : file,
  }
}

const all = Object.entries(vectors as { readonly [name: string]: Uint8Array })
  .filter(([, bytes]) => bytes instanceof Uint8Array)
  .map(([name, bytes]) => vectorFrom(name, Buffer.from(bytes)))

const { decrypted } = folder()

/** The hash of what comes out, or the refusal. */
const opened = async ({ file, identities, passphrase }: Vector): Promise<string | LamplogError> => {
  try {
    const keys = { identities, ...(passphrase === undefined ? {} : { passphrase }) }
    return sha256(await decrypted(file, keys, limits))
  } catch (error) {
    if (error instanceof LamplogError) return error
    throw error
  }
}

describe("age's test vectors", () => {
  it("are all here, of both kinds", () => {
    const succeed = all.filter((vector) => vector.expect === "success")
    expect(all.length).toBeGreaterThan(100)
    expect(succeed.length).toBeGreaterThan(15)
  })

  it.each(all)("$name: $expect", async (vector) => {
    const found = await opened(vector)
    if (vector.armored) expect(found).toBeInstanceOf(LamplogError)
    else if (vector.expect === "success") expect(found).toBe(vector.payload)
    else expect(found).toBeInstanceOf(LamplogError)
  })
})
