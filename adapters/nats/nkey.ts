/**
 * A node's own Ed25519 key as a user of a NATS server: the same key, in the server's spelling.
 *
 * A prefix that says what it is, the bytes, a CRC-16 (XMODEM, low byte first), in base32.
 */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
const userPrefix = 20 << 3
const seedPrefix = 18 << 3

const base32 = (bytes: Uint8Array): string => {
  let text = ""
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(value >> bits) & 31]
    }
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text
}

const checksum = (bytes: Uint8Array): number => {
  let sum = 0
  for (const byte of bytes) {
    sum ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) {
      sum = (sum & 0x8000) === 0 ? (sum << 1) & 0xffff : ((sum << 1) ^ 0x1021) & 0xffff
    }
  }
  return sum
}

const spelled = (prefix: ReadonlyArray<number>, hexadecimal: string): string => {
  const bytes = Buffer.concat([Buffer.from(prefix), Buffer.from(hexadecimal, "hex")])
  const sum = checksum(bytes)
  return base32(Buffer.concat([bytes, Buffer.from([sum & 0xff, sum >> 8])]))
}

/** The user (U…) that has this public key (64 hexadecimal characters). */
export const nkeyUserOf = (publicKey: string): string => spelled([userPrefix], publicKey)

/** The seed (SU…) for `?nkey=FILE`, of a secret half (64 hexadecimal characters). */
export const nkeySeedOf = (seed: string): string =>
  spelled([seedPrefix | (userPrefix >> 5), (userPrefix & 31) << 3], seed)
