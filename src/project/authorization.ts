/**
 * Asking whether a call may happen: once for each call, reads too, before anything of it begins.
 *
 * Whoever refuses throws or fails. Secrets (keys, passphrases) are never among the parameters that
 * are shown to whoever is asked.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { LamplogError } from "../event/failure.ts"
import type { Project } from "./project.ts"

type Service = Context.Service.Shape<typeof Project>

/** Every call of the service: `status`, `get`, `change`, `importProject` and so on. */
export type OperationName = keyof Service

/** A call that is about to begin. */
export interface AuthorizedOperation {
  readonly name: OperationName
  /** The project's id. */
  readonly project: string
  /** Who is named as the author, where something is written. */
  readonly actor?: string | undefined
  /** What was asked for, without secrets. */
  readonly parameters: { readonly [name: string]: unknown }
}

/** Refuses by throwing, rejecting or failing; anything else allows. */
export type Authorize = (
  operation: AuthorizedOperation,
) => void | Promise<void> | Effect.Effect<unknown, unknown>

type Described = Pick<AuthorizedOperation, "actor" | "parameters">
type Describe = {
  readonly [K in OperationName]: Service[K] extends (...given: infer Given) => unknown
    ? (...given: Given) => Described
    : () => Described
}

const secrets: ReadonlySet<string> = new Set(["keys", "sign", "passphrase"])

const shownOptions = (options: object = {}): { readonly [name: string]: unknown } =>
  Object.fromEntries(
    Object.entries(options).filter(([name]) => name !== "actor" && !secrets.has(name)),
  )

const described = (
  parameters: { readonly [name: string]: unknown } = {},
  options: { readonly actor?: string } = {},
): Described => ({
  ...(options.actor === undefined ? {} : { actor: options.actor }),
  parameters: { ...parameters, ...shownOptions(options) },
})

/** What each call tells of itself. A call without a row here does not compile. */
const describe: Describe = {
  status: () => described(),
  get: (type, id) => described({ type, id }),
  list: (filter) => described({ filter }),
  log: (filter) => described({ filter }),
  conflicts: () => described(),
  conflict: (id) => described({ id }),
  change: (changes, options) => described({ changes }, options),
  // A stream can be read once only, and that is the call's to do.
  changeEach: (_changes, options) => described({}, options),
  resolve: (conflict, resolution, options) => described({ conflict, resolution }, options),
  exportProject: (path, options) => described({ path, ...shownOptions(options) }),
  importProject: (paths, options) => described({ paths }, options),
  analyzeImport: (paths, options) => described({ paths }, options),
  mergeProject: (path, options) => described({ path }, options),
  analyzeMerge: (path, options) => described({ path }, options),
  diff: (path, options) => described({ path, ...shownOptions(options) }),
  addAssets: (assets, options) => described({ assets }, options),
  getAsset: (id, options) => described({ id, ...shownOptions(options) }),
  listAssets: () => described(),
  sweepAssets: (options) => described({ ...options }),
  backupProject: (options) => described({ ...options }),
  restoreBackup: (path) => described({ path }),
  sync: ({ where }, options) => described({ where, ...options }),
  follow: ({ where }, { assets, name }) => described({ where, name, assets }),
  meetings: () => described(),
  peer: () => described(),
  members: () => described(),
  admitNode: (node, options) => described({ node }, options),
  retireNode: (node, options) => described({ node }, options),
  verify: () => described(),
}

const refusedFrom = (operation: AuthorizedOperation, error: unknown): LamplogError => {
  if (error instanceof LamplogError) return error
  const why = error instanceof Error ? error.message : String(error)
  const who = operation.actor === undefined ? "This call" : `A call of ${operation.actor}`
  return new LamplogError({
    code: "not-authorized",
    message: `${who} of ${operation.name} is not allowed here: ${why}`,
    remedy: "Ask whoever decides what may be done with this project.",
    where: operation.name,
    cause: error,
  })
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { readonly then?: unknown } | undefined)?.then === "function"

const ask = (
  authorize: Authorize,
  operation: AuthorizedOperation,
): Effect.Effect<void, LamplogError> => {
  const refused = (error: unknown): LamplogError => refusedFrom(operation, error)
  return Effect.flatMap(
    Effect.try({ try: () => authorize(operation) as unknown, catch: refused }),
    (answer) => {
      if (Effect.isEffect(answer)) {
        const decision = answer as Effect.Effect<unknown, unknown>
        return Effect.asVoid(Effect.mapError(decision, refused))
      }
      if (!isThenable(answer)) return Effect.void
      return Effect.asVoid(
        Effect.tryPromise({ try: () => Promise.resolve(answer), catch: refused }),
      )
    },
  )
}

/** The same service, whose calls begin only when they may. */
export const authorized = (
  service: Service,
  project: string,
  authorize: Authorize | undefined,
): Service => {
  if (authorize === undefined) return service
  const guard = (name: OperationName, what: Described, begin: () => unknown): unknown => {
    const asked = Effect.suspend(() => ask(authorize, { name, project, ...what }))
    const call = begin()
    return Effect.isEffect(call)
      ? Effect.andThen(asked, call)
      : Stream.unwrap(Effect.as(asked, call as Stream.Stream<unknown, LamplogError>))
  }
  const entries = Object.entries(service).map(([key, call]: readonly [string, unknown]) => {
    const name = key as OperationName
    const tell = describe[name] as (...given: ReadonlyArray<unknown>) => Described
    if (typeof call !== "function") return [name, guard(name, tell(), () => call)] as const
    const guarded = (...given: ReadonlyArray<unknown>): unknown =>
      guard(name, tell(...given), () => (call as (...all: typeof given) => unknown)(...given))
    return [name, guarded] as const
  })
  return Object.fromEntries(entries) as unknown as Service
}
