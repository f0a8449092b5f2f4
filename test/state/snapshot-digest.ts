/**
 * The digest of a snapshot, from the page that defines it and nothing else.
 */
import { createHash } from "node:crypto"

const hashOf = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

/** `schema` is the schema's name and version with a blank between. */
export const digestOfSnapshot = (schema: string, lines: Iterable<string>): string => {
  const buckets = Array.from({ length: 4096 }, (): Array<string> => [])
  for (const line of lines) {
    const { type, id } = JSON.parse(line) as { readonly type: string; readonly id: string }
    const name = hashOf(`lamplog:entity:1\n${type}/${id}`)
    const leaf = hashOf(`lamplog:leaf:1\n${line}`)
    buckets[Number.parseInt(name.slice(0, 3), 16)]!.push(`${name} ${leaf}`)
  }
  const hashes = buckets.map((bucket) =>
    bucket.length === 0 ? "" : hashOf(`lamplog:bucket:1\n${bucket.sort().join("\n")}`),
  )
  return hashOf(`lamplog:state:1\n${schema}\n${hashes.join("\n")}`)
}
