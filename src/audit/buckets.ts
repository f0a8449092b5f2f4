/**
 * What the digest was computed from: every bucket is computed again from the entities as they stand.
 *
 * A bucket lists entities up to the row `listed`; one whose entities changed since is computed anew
 * by whoever asks for the digest, and its hash says nothing until then. Memory holds one bucket.
 */
import { bucketCount, bucketHash, bucketOf, nameHash } from "../state/digest.ts"
import type { Sqlite } from "../store/database.ts"
import { leafOfRow } from "../store/digest.ts"
import type { EntityRow } from "../store/projection.ts"
import type { Findings } from "./finding.ts"

interface Row {
  readonly bucket: number
  /** The row's number as text, exact whatever it is. */
  readonly number: string
  readonly hash: unknown
  readonly members: unknown
}

/** Members as stored: entity rows, ascending; undefined for anything else. */
const membersFromText = (text: unknown): ReadonlyArray<number> | undefined => {
  let value: unknown
  try {
    value = JSON.parse(String(text))
  } catch {
    return undefined
  }
  if (!Array.isArray(value) || value.length === 0 || JSON.stringify(value) !== text) {
    return undefined
  }
  const ascending = value.every(
    (row, index) => Number.isSafeInteger(row) && (index === 0 || value[index - 1] < row),
  )
  return ascending ? (value as ReadonlyArray<number>) : undefined
}

class BucketCheck {
  readonly #findings: Findings
  readonly #sqlite: Sqlite
  readonly #listed: number
  readonly #entity
  readonly #isStale
  /** Entities listed so far. */
  members = 0

  constructor(sqlite: Sqlite, listed: number, findings: Findings) {
    this.#findings = findings
    this.#sqlite = sqlite
    this.#listed = listed
    this.#entity = sqlite.prepare<[number], EntityRow>("SELECT * FROM entities WHERE entity = ?")
    this.#isStale = sqlite.prepare("SELECT 1 FROM stale WHERE entity = ?").pluck()
  }

  #report(code: string, where: string, message: string): void {
    this.#findings.error("structure", code, where, message, "buckets")
  }

  check({ bucket, number, hash, members: text }: Row): void {
    const where = `bucket ${number} (buckets row ${number})`
    if (!Number.isSafeInteger(bucket) || bucket < 0 || bucket >= bucketCount) {
      this.#report("bucket-stray", where, "There is no such bucket.")
      return
    }
    const members = membersFromText(text)
    if (members === undefined) {
      this.#report("bucket-members", `${where} members`, "Its members are no list of entity rows.")
      return
    }
    this.members += members.length
    const leaves: Array<ReturnType<typeof leafOfRow>> = []
    let stale = false
    for (const member of members) {
      const row = this.#entity.get(member)
      const belongs = row !== undefined && bucketOf(nameHash(row.type, row.id)) === bucket
      if (!belongs || member > this.#listed) {
        const message = `It lists row ${member} of entities, which does not belong there.`
        this.#report("bucket-members", `${where} members`, message)
        return
      }
      if (this.#isStale.get(member) !== undefined) stale = true
      if (row.heads !== null) leaves.push(leafOfRow(row))
    }
    if (stale || hash === bucketHash(leaves)) return
    const message = "Its hash is not the one that its entities give."
    this.#report("bucket-hash", `${where} hash`, message)
  }

  /** Every entity up to `listed` is a member of one bucket; every stale row is an entity. */
  end(): void {
    const unlisted = this.#sqlite.prepare<[number], { entity: number; type: string; id: string }>(
      `SELECT entity, type, id FROM entities WHERE entity <= ? AND entity NOT IN
         (SELECT value FROM buckets, json_each(members) WHERE json_valid(members))`,
    )
    const held = this.#sqlite.prepare("SELECT count(*) FROM entities WHERE entity <= ?").pluck()
    if (held.get(this.#listed) !== this.members) {
      for (const { entity, type, id } of unlisted.iterate(this.#listed)) {
        const where = `${type}/${id} (entities row ${entity})`
        this.#report("bucket-unlisted", where, "No bucket of the digest lists it.")
      }
    }
    const strays = this.#sqlite.prepare<[], string>(
      "SELECT CAST(entity AS TEXT) FROM stale WHERE entity NOT IN (SELECT entity FROM entities)",
    )
    for (const entity of strays.pluck().iterate()) {
      this.#report("stale-stray", `stale row ${entity}`, "There is no such entity.")
    }
  }
}

/** Checks all buckets; yields the number of entities done now and then. */
export function* checkBuckets(
  sqlite: Sqlite,
  listed: number,
  findings: Findings,
  counts: { buckets: number },
): Generator<number> {
  const check = new BucketCheck(sqlite, listed, findings)
  const rows = sqlite.prepare<[], Row>(
    "SELECT bucket, CAST(bucket AS TEXT) AS number, hash, members FROM buckets",
  )
  for (const row of rows.iterate()) {
    check.check(row)
    counts.buckets += 1
    if (counts.buckets % stepBuckets === 0) yield check.members
  }
  check.end()
}

/** Buckets between two reports of progress. */
const stepBuckets = 256
