/**
 * Hashes, ids and signatures: fixed answers that may never change, and the same computed from their
 * preimages by hand.
 */
import { createHash, createHmac } from "node:crypto"
import { describe, expect, it } from "vitest"
import {
  base32FromBytes,
  bodyHash,
  chainHash,
  genesisHash,
  isHash,
  isIdentifier,
  isSalt,
  keyPairFromSeed,
  nodeFromPublicKey,
  randomKeyPair,
  randomProjectId,
  saltsOf,
  sha256,
  signHead,
  verifyHead,
} from "../../src/event/hash.ts"

const seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
const publicKey = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
const project = "aaaqeayeaudaocajbifqydiob4"
const node = "c3mq5qo3spc7xmh47cnpdvfq4i"
const salt = "96a5e8ec0bd7ed548a4269c3caa91ce6"
const body = '{"actor":"ana","kind":1}'
const genesis = "3df2cef54d73227d499cfbb49b25cb274653f6cb1a2034a31be6de80efacf41e"
const chained = "09ac72b576e693d7e22e11f324bc13faea649e4c011fd8007219a93035c44753"
const signature =
  "4818fae6f1611a9f34282a7829fd474b79b769de2fc98a6dbc9f3ffac332317d" +
  "13c6ffb5aa6b0f9660983002458ba90d6665f4b3ff9089d5491e386135b6be08"

const hashOf = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

describe("hashes", () => {
  it("give the answers they have always given", () => {
    expect(genesisHash(project, publicKey)).toBe(genesis)
    expect(chainHash(genesis, '{"a":1}')).toBe(chained)
    expect(bodyHash(salt, body)).toBe(
      "54a0972fc6129da061e8b422365e423354a103513d720e13b25a01cb20200cb0",
    )
    expect(saltsOf(seed, project, node)(1)).toBe(salt)
    expect(nodeFromPublicKey(publicKey)).toBe(node)
  })

  it("are SHA-256 of the texts that the format names", () => {
    expect(sha256("é\u{1f600}")).toBe(hashOf("é\u{1f600}"))
    expect(genesisHash(project, publicKey)).toBe(hashOf(`lamplog:log:1\n${project}\n${publicKey}`))
    expect(chainHash(genesis, '{"ü":1}')).toBe(hashOf(`lamplog:chain:1\n${genesis}\n{"ü":1}`))
    expect(bodyHash(salt, body)).toBe(hashOf(`lamplog:body:1\n${salt}\n${body}`))
  })

  it("take the salt of each event from the node's secret, whatever was asked before", () => {
    const salts = saltsOf(seed, project, node)
    for (const seq of [1, 10, 9, 4294967295, 1, 123456]) {
      const text = `lamplog:salt:1\n${project}\n${node}\n${seq}`
      const mac = createHmac("sha256", Buffer.from(seed, "hex")).update(text).digest("hex")
      expect(salts(seq)).toBe(mac.slice(0, 32))
    }
    expect(isSalt(salts(7))).toBe(true)
    expect(saltsOf(sha256("another"), project, node)(1)).not.toBe(salt)
  })
})

describe("keys", () => {
  it("come from their seed as RFC 8032 says", () => {
    expect(keyPairFromSeed(seed)).toEqual({ seed, publicKey })
    const first = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    expect(keyPairFromSeed(first).publicKey).toBe(
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    )
  })

  it("are new each time, and the seed alone brings one back", () => {
    const [one, two] = [randomKeyPair(), randomKeyPair()]
    expect(one.seed).not.toBe(two.seed)
    expect(keyPairFromSeed(one.seed)).toEqual(one)
  })
})

describe("identifiers", () => {
  it("are base32 of RFC 4648 in lower case, without padding", () => {
    const text = (content: string) => base32FromBytes(Buffer.from(content))
    expect(["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(text)).toEqual([
      "",
      "my",
      "mzxq",
      "mzxw6",
      "mzxw6yq",
      "mzxw6ytb",
      "mzxw6ytboi",
    ])
    expect(base32FromBytes(Buffer.alloc(16, 0xff))).toBe("7777777777777777777777777" + "4")
  })

  it("are 26 letters and digits, and nothing else is one", () => {
    expect(isIdentifier(randomProjectId())).toBe(true)
    expect(isIdentifier(node)).toBe(true)
    for (const wrong of [
      "",
      node.toUpperCase(),
      `${node}a`,
      node.slice(1),
      `${node.slice(1)}1`,
      `${node}\n`,
      1,
    ]) {
      expect(isIdentifier(wrong)).toBe(false)
    }
  })

  it("tell hashes and salts from other text", () => {
    expect(isHash(genesis)).toBe(true)
    for (const wrong of [
      genesis.toUpperCase(),
      genesis.slice(1),
      `${genesis}0`,
      `${genesis}\n`,
      undefined,
    ]) {
      expect(isHash(wrong)).toBe(false)
    }
    for (const wrong of ["", `${salt}\n`, salt.toUpperCase(), salt.slice(1)])
      expect(isSalt(wrong)).toBe(false)
  })
})

describe("the signature over a head", () => {
  it("is the same each time, and covers project, node, seq and chain hash", () => {
    expect(signHead(seed, project, node, 1, chained)).toBe(signature)
    expect(verifyHead(publicKey, signature, project, node, 1, chained)).toBe(true)
    const other = "b".repeat(26)
    expect(verifyHead(publicKey, signature, other, node, 1, chained)).toBe(false)
    expect(verifyHead(publicKey, signature, project, other, 1, chained)).toBe(false)
    expect(verifyHead(publicKey, signature, project, node, 2, chained)).toBe(false)
    expect(verifyHead(publicKey, signature, project, node, 1, genesis)).toBe(false)
  })

  it("does not fit when it is damaged, missing or another's", () => {
    const verify = (key: string, text: string) => verifyHead(key, text, project, node, 1, chained)
    expect(verify(keyPairFromSeed(sha256("x")).publicKey, signature)).toBe(false)
    for (const wrong of [
      "",
      "00",
      signature.replace(/^4/, "5"),
      `${signature}00`,
      "zz",
      signature.slice(2),
    ]) {
      expect(verify(publicKey, wrong), wrong).toBe(false)
    }
    expect(verify("00", signature)).toBe(false)
    expect(verify("zz", signature)).toBe(false)
  })

  it("has one spelling: lower-case hexadecimal", () => {
    expect(verifyHead(publicKey, signature.toUpperCase(), project, node, 1, chained)).toBe(false)
    expect(verifyHead(publicKey, `${signature}zz`, project, node, 1, chained)).toBe(false)
  })
})
