/**
 * Taking in an extract: its values, proven first, as events of one's own that say where they are from.
 *
 * An extract speaks for what it was asked for and for nothing else. A `replace`, or `--prune`, deletes
 * what lives here, is meant by its selection and is not in it, since then it does not live there
 * either. That is known only if the selection is by types, groups and names: where values decided
 * what is in it, an entity that is not may live there with other values, and nothing is deleted.
 */
import * as Effect from "effect/Effect"
import { isIncremental } from "../archive/archive.ts"
import { countState } from "../archive/counts.ts"
import { checkProofs } from "../archive/proof-check.ts"
import type { Archive } from "../archive/read.ts"
import { refuse } from "../archive/refuse.ts"
import { exhaustedBy } from "../archive/select.ts"
import { work } from "../archive/work.ts"
import { LamplogError, shown } from "../event/failure.ts"
import { equalFrontiers } from "../log/frontier.ts"
import type { Replica } from "../store/replica.ts"

/** Longest name of a project that a reason repeats, in characters. */
const nameLengthMax = 100

/** Which entities are deleted because an archive of values lacks them. */
export type Removal = (type: string, id: string) => boolean

const everything: Removal = () => true
const nothing: Removal = () => false

/** What the absence of an entity says, in an archive that gives its values only. */
export const removalBy = ({ manifest: { extract } }: Archive): Removal =>
  extract === undefined ? everything : (exhaustedBy(extract.selection) ?? nothing)

/** Where values come from, for the reason of the events that take them over. */
export const provenanceOf = ({ exportHash, manifest }: Archive): string => {
  const { digest, extract, name, project } = manifest
  if (extract === undefined) return `archive ${exportHash} of project ${project}`
  const called = shown(name.slice(0, nameLengthMax))
  return `extract ${exportHash} of project ${project} (${called}) at digest ${digest}`
}

/** Refuses an extract that says it is of the very state that is here, and is not. */
const checkOrigin = ({ manifest }: Archive, replica: Replica): void => {
  const { digest, frontier, project, schema, setAside } = manifest
  const isHere =
    project === replica.project &&
    schema.name === replica.schema.name &&
    schema.version === replica.schema.version &&
    equalFrontiers(frontier, replica.lines.frontier()) &&
    setAside === countState(replica.sqlite).setAside
  if (!isHere || digest === replica.digest()) return
  throw refuse(
    "referential",
    "proof-mismatch",
    "The extract is said to be of the state that is here, but its digest is another.",
    "manifest.json digest",
  )
}

/** Checks that the values of an extract are those of the state that it names. */
export const checkValues = (
  archive: Archive,
  replica: Replica,
): Effect.Effect<void, LamplogError> =>
  archive.manifest.extract === undefined
    ? Effect.void
    : work(archive.path, async (signal) => {
        await checkProofs(archive, signal)
        checkOrigin(archive, replica)
      })

/** Refuses an incremental archive where its events alone are not enough. */
export const checkPartial = (
  { manifest, path }: Archive,
  project: string,
  strategy: "merge" | "replace",
): Effect.Effect<void, LamplogError> => {
  if (!isIncremental(manifest)) return Effect.void
  const foreign = manifest.project !== project
  if (!foreign && strategy === "merge") return Effect.void
  const why = foreign
    ? `events of another project (${manifest.project}), and no values to take over`
    : "events, and no snapshot that the state could be made to equal"
  return Effect.fail(
    new LamplogError({
      stage: "manifest",
      code: "archive-incremental",
      message: `${path} is incremental: it holds later ${why}.`,
      remedy: foreign
        ? "Ask for a complete archive, or an extract."
        : "Merge it, or ask for a complete archive.",
      where: "manifest.json prerequisites",
    }),
  )
}
