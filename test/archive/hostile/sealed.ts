/**
 * Encrypted files whose header asks for much, or whose payload is not whole.
 */
import { attacksOf } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"

const line = "age-encryption.org/v1\n"
const mac = `--- ${"A".repeat(43)}\n`
const body = Buffer.alloc(100, "p").toString("latin1")
const stanza = `-> X25519 ${"A".repeat(43)}\n${"B".repeat(43)}\n`
const scrypt = (work: string) => `-> scrypt ${"A".repeat(22)} ${work}\n${"B".repeat(43)}\n`

const headers: { readonly [name: string]: string } = {
  "1,000 stanzas": `${line}${stanza.repeat(1_000)}${mac}${body}`,
  "33 stanzas": `${line}${stanza.repeat(33)}${mac}${body}`,
  "a header of 1 MiB": `${line}-> X25519 ${"A".repeat(1024 * 1024)}\n${mac}${body}`,
  "a header of 1 MiB in one stanza": `${line}-> hello\n${`${"A".repeat(64)}\n`.repeat(16_000)}\n${mac}${body}`,
  "a header without an end": `${line}${"-> hello\n\n".repeat(20_000)}`,
  "a header without a line feed": `age-encryption.org/v1${"x".repeat(200_000)}`,
  "scrypt work of 2^30": `${line}${scrypt("30")}${mac}${body}`,
  "scrypt work of 2^19": `${line}${scrypt("19")}${mac}${body}`,
  "scrypt work of 2^1000": `${line}${scrypt("1000")}${mac}${body}`,
  "scrypt work below zero": `${line}${scrypt("-1")}${mac}${body}`,
  "scrypt work that is no number": `${line}${scrypt("1e9")}${mac}${body}`,
  "scrypt work with zeros before": `${line}${scrypt("030")}${mac}${body}`,
  "scrypt twice": `${line}${scrypt("10")}${scrypt("10")}${mac}${body}`,
  "scrypt beside a key": `${line}${scrypt("10")}${stanza}${mac}${body}`,
  "no stanza": `${line}${mac}${body}`,
  "no MAC": `${line}${stanza}${body}`,
  "a MAC that is wrong": `${line}${stanza}${mac}${body}`,
  "a later version": `age-encryption.org/v2\n${stanza}${mac}${body}`,
  "a stanza that nobody knows": `${line}-> hello world\n${"B".repeat(43)}\n${mac}${body}`,
  "line ends of Windows": `${line}${stanza}${mac}${body}`.replaceAll("\n", "\r\n"),
  "NULs in the header": `${line}-> X25519 \0\0\n\n${mac}${body}`,
  "nothing but the first line": line,
  "half of the first line": "age-encryption.org/",
  "armour around nothing": "-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n",
  "armour without an end": `-----BEGIN AGE ENCRYPTED FILE-----\n${"QUFB".repeat(16)}\n`,
}

export const sealedAttacks = ({ sealed }: Base): ReadonlyArray<Attack> => {
  const headerEnd = sealed.indexOf("\n", sealed.indexOf("\n---") + 1) + 1
  const flipped = (at: number) => () => {
    const bytes = Buffer.from(sealed)
    bytes[at < 0 ? bytes.length + at : at]! ^= 1
    return bytes
  }
  const made = Object.entries(headers).map(
    ([name, text]) => [name, () => Buffer.from(text, "latin1")] as const,
  )
  return attacksOf("sealed", ["archive"], {
    ...Object.fromEntries(made),
    "the payload missing": () => sealed.subarray(0, headerEnd),
    "the payload cut to its nonce": () => sealed.subarray(0, headerEnd + 16),
    "the payload cut in the middle": () => sealed.subarray(0, (headerEnd + sealed.length) >> 1),
    "the payload without its last byte": () => sealed.subarray(0, -1),
    "a byte behind the payload": () => Buffer.concat([sealed, Buffer.from([0])]),
    "64 KiB behind the payload": () => Buffer.concat([sealed, Buffer.alloc(65_536)]),
    "twice in one file": () => Buffer.concat([sealed, sealed]),
    "a flipped bit in the nonce": flipped(headerEnd + 3),
    "a flipped bit in the payload": flipped(headerEnd + 100),
    "a flipped bit at the end": flipped(-1),
    "a flipped bit in the wrapped key": flipped(headerEnd - 80),
    "a flipped bit in the MAC": flipped(headerEnd - 10),
    "the payload of zeros": () =>
      Buffer.concat([sealed.subarray(0, headerEnd), Buffer.alloc(sealed.length - headerEnd)]),
  })
}
