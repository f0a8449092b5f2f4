/**
 * The foreign formats this command line knows: the one place where adapters are wired in.
 */
import type { ForeignFormat } from "../project/format.ts"

/** Loaded only by commands that read or write such files. */
export const foreignFormats = async (): Promise<ReadonlyArray<ForeignFormat>> => {
  const [{ dss }, { dtcg }] = await Promise.all([
    import("../../adapters/dss/index.ts"),
    import("../../adapters/tokens/index.ts"),
  ])
  return [dss, dtcg]
}
