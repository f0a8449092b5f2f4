/**
 * Archives changed by somebody who knows the format and has no key.
 */
import type { Manifest } from "../../src/archive/archive.ts"
import { manifestText } from "../../src/archive/manifest.ts"
import type { WrittenArchive } from "../../src/archive/write.ts"
import { sha256 } from "../../src/event/hash.ts"
import { storedMembers } from "./stage.ts"
import type { Stage } from "./stage.ts"

/** Changes members and makes the manifest say so, as a forger without a key would. */
export const forged = async (
  stage: Stage,
  written: WrittenArchive,
  change: (members: Map<string, string>) => void,
  manifest: (manifest: Manifest) => Manifest = (same) => same,
): Promise<string> => {
  const members = new Map(storedMembers(written).map(([name, bytes]) => [name, String(bytes)]))
  change(members)
  const listed = written.manifest.members.map(({ path }) => {
    const bytes = Buffer.from(members.get(path)!)
    return { path, sha256: sha256(bytes), size: bytes.length }
  })
  members.set("manifest.json", manifestText(manifest({ ...written.manifest, members: listed })))
  return await stage.zipped([...members].map(([name, text]) => [name, Buffer.from(text)] as const))
}
