/**
 * Whether the entities of an extract are what its manifest says of them: sorted, alive, counted, and
 * what was asked for. That they are true is proven elsewhere (`proof-check.ts`).
 */
import { shown } from "../event/failure.ts"
import { compareText } from "../event/canonical.ts"
import type { Manifest } from "./archive.ts"
import type { SnapshotEntity } from "./read.ts"
import { refuse } from "./refuse.ts"
import { selectorOf } from "./select.ts"
import { SnapshotTally } from "./snapshot-check.ts"

/** Takes the entities one by one, as the snapshot is read. */
export class EntityCheck {
  readonly #manifest: Manifest
  readonly #isSelected
  readonly #tally = new SnapshotTally()
  readonly #unfound: Set<string>
  readonly #from: Set<string>
  readonly #beyond: ReadonlySet<string>

  constructor(manifest: Manifest) {
    const { open, selection } = manifest.extract!
    this.#manifest = manifest
    this.#isSelected = selectorOf(selection)
    this.#unfound = new Set(selection.entities)
    this.#from = new Set(open.map(({ from }) => from))
    this.#beyond = new Set(open.map(({ to }) => to))
  }

  entity(entity: SnapshotEntity, where: string): void {
    const { type, id, fields, deleted } = entity
    const name = `${type}/${id}`
    this.#tally.entity(entity, where)
    if (deleted) {
      throw refuse("structure", "extract-deleted", `${where}: ${shown(name)} is deleted.`, where)
    }
    const { closed } = this.#manifest.extract!.selection
    if (!closed && !this.#isSelected({ type, id, fields: () => fields })) {
      const message = `${where}: ${shown(name)} is not what the extract was asked for.`
      throw refuse("structure", "selection-mismatch", message, where)
    }
    if (this.#beyond.has(name)) {
      const message = `${where}: ${shown(name)} is here, though the manifest lists it as left out.`
      throw refuse("structure", "selection-mismatch", message, where)
    }
    this.#unfound.delete(name)
    this.#from.delete(name)
  }

  end(): void {
    const [missing] = [...this.#unfound, ...this.#from].sort(compareText)
    if (missing !== undefined) {
      const message = `${shown(missing)} is named in the manifest, but is not in the extract.`
      throw refuse("structure", "selection-mismatch", message, "manifest.json extract")
    }
    this.#tally.compare(this.#manifest)
  }
}
