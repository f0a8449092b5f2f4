/**
 * New keys from the seed of a history instead of from the operating system.
 *
 * A replica that notices that it was copied goes on under a new random key, and node ids break ties.
 * Histories could not be replayed if those keys were not part of the seed.
 */
import crypto, { createPrivateKey, createPublicKey } from "node:crypto"
import { syncBuiltinESMExports } from "node:module"
import { keyPairFromSeed, sha256 } from "../../src/event/hash.ts"

const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex")

const original = crypto.generateKeyPairSync

const install = (generate: typeof crypto.generateKeyPairSync): void => {
  crypto.generateKeyPairSync = generate
  syncBuiltinESMExports()
}

/** From now on every new key pair is the next one of this name, until `release` is called. */
export const keysFrom = (name: string): { release(): void } => {
  let count = 0
  const generate = () => {
    const { seed } = keyPairFromSeed(sha256(`${name} key ${(count += 1)}`))
    const key = Buffer.concat([pkcs8Prefix, Buffer.from(seed, "hex")])
    const privateKey = createPrivateKey({ key, format: "der", type: "pkcs8" })
    return { privateKey, publicKey: createPublicKey(privateKey) }
  }
  install(generate as unknown as typeof crypto.generateKeyPairSync)
  return { release: () => install(original) }
}
