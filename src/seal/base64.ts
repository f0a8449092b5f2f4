/**
 * base64 as RFC 4648 section 4 has it, each content in one spelling only: what can be spelled in two
 * ways can be changed without anybody noticing.
 */

/** Bytes of standard base64 with its padding; undefined for any other spelling. */
export const bytesFromBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, "base64")
  return bytes.toString("base64") === text ? bytes : undefined
}
