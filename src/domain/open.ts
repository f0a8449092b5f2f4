/**
 * The schema that asks nothing: any entity type, every field a register. For projects whose shape
 * Lamplog does not know.
 */
import type { ProjectSchema } from "../state/schema.ts"

export const openSchema: ProjectSchema = { name: "open", version: 1, open: true, types: {} }
