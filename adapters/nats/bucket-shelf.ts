/**
 * The bucket as a place for a shelf: history that a stream has forgotten, and assets.
 *
 * Assets lie below `<project>/assets/`, named by their hash; the rest is the shelf's own.
 */
import type { ShelfStorage } from "../../src/remote.ts"
import type { Bucket, StoredObject } from "./bucket.ts"

const assetName = (project: string, sha256: string): string => `${project}/assets/${sha256}`
/** More of them are looked up by one list instead of one request each. */
const lookupsMax = 32

const whole = async (bytes: AsyncIterable<Uint8Array>, size: number) => {
  const parts: Array<Uint8Array> = []
  let count = 0
  for await (const part of bytes) {
    count += part.length
    if (count > size) return undefined
    parts.push(part)
  }
  return count === size ? Buffer.concat(parts) : undefined
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes
}

export const bucketStorage = (bucket: Bucket, project: string, where: string): ShelfStorage => ({
  where,
  async list(prefix, signal) {
    const objects = await bucket.list(prefix, signal)
    return objects.map(({ name, size, id }) => ({ name, size, stamp: id }))
  },
  async listTop(signal) {
    const objects = await bucket.list("", signal)
    return [...new Set(objects.map(({ name }) => name.split("/")[0]!))]
  },
  async read(name, bytesMax, signal) {
    const object = await bucket.find(name, signal)
    if (object === undefined || object.size > bytesMax) return undefined
    return whole(bucket.read(object, signal), object.size)
  },
  write: (name, bytes, signal) => bucket.write(name, once(bytes), signal),
  remove: (name, signal) => bucket.remove(name, signal),
  setAside: (name, signal) => bucket.remove(name, signal),
  assets: {
    async has(sha256, signal) {
      const wanted = new Set(sha256)
      let found: ReadonlyArray<StoredObject | undefined>
      if (wanted.size > lookupsMax) found = await bucket.list(`${project}/assets/`, signal)
      else {
        found = await Promise.all(
          [...wanted].map((id) => bucket.find(assetName(project, id), signal)),
        )
      }
      const ids = found.flatMap((object) => object?.name.split("/").at(-1) ?? [])
      return new Set(ids.filter((id) => wanted.has(id)))
    },
    async read(sha256, signal) {
      const object = await bucket.find(assetName(project, sha256), signal)
      return object === undefined ? undefined : bucket.read(object, signal)
    },
    async write(sha256, _size, bytes, signal) {
      await bucket.ensure(signal)
      await bucket.write(assetName(project, sha256), bytes, signal)
    },
    setAside: (sha256, signal) => bucket.remove(assetName(project, sha256), signal),
  },
  close: () => Promise.resolve(),
})
