/**
 * The foreign formats this command line knows: the one place where adapters are wired in.
 */
import type { ForeignFormat } from "../project/format.ts"

/** Loaded only by commands that read or write such files. */
export const foreignFormats = async (): Promise<ReadonlyArray<ForeignFormat>> => {
  const { dtcg } = await import("../../adapters/tokens/index.ts")
  return [dtcg]
}
