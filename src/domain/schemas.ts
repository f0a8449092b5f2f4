/**
 * The schemas that come with Lamplog. An application registers its own beside them.
 */
import { SchemaRegistry } from "../state/schema.ts"
import { designSystem } from "./design-system.ts"
import { openSchema } from "./open.ts"

export const builtInSchemas = (): SchemaRegistry =>
  new SchemaRegistry().register(designSystem).register(openSchema)
