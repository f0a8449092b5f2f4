/**
 * Opening archives: with keys, within limits, by people who are trusted or not, and what every call
 * that opens one tells about it.
 */
import { describe, expect, it, onTestFinished } from "vitest"
import {
  analyzeClone,
  cloneProject,
  inspectArchive,
  limitsByProfile,
  makeIdentity,
  makeSigningKey,
  openProject,
  recipientOfIdentity,
  verifyArchive,
} from "../../src/index.ts"
import type { KeyOptions, OpeningPolicy, OpenProject, ProjectOptions } from "../../src/index.ts"
import { ana, bo, patch, put, Workshop } from "./workshop.ts"

interface Sealed {
  readonly workshop: Workshop
  readonly path: string
  readonly keys: KeyOptions
  readonly verifier: string
}

/** An archive that another replica has signed and encrypted. */
const sealed = async (): Promise<Sealed> => {
  const workshop = new Workshop()
  const first = await workshop.project("first")
  await first.change([put("token/a", { value: 1 })], ana)
  const theirs = await workshop.replicaOf(first, "theirs")
  await first.close()
  await theirs.change([patch("token/a", { value: 2 }), put("token/b", { value: 2 })], bo)
  const identity = await makeIdentity()
  const key = makeSigningKey("theirs")
  const path = workshop.at("sealed.lamplog")
  const recipient = await recipientOfIdentity(identity, "the identity")
  await theirs.exportProject(path, { sign: key, encryptTo: [recipient] })
  return { workshop, path, keys: { keys: { identities: [identity] } }, verifier: key.verifier }
}

const opened = async (workshop: Workshop, options: Partial<ProjectOptions> = {}) => {
  const directory = workshop.at("first")
  const project = await openProject({ ...workshop.options, ...options, directory })
  onTestFinished(() => project.close())
  return project
}

/** Every call that opens an archive, as what it tells. */
const calls: ReadonlyArray<
  readonly [
    name: string,
    run: (
      of: { readonly project: OpenProject; readonly workshop: Workshop; readonly path: string },
      options: OpeningPolicy & KeyOptions,
    ) => Promise<unknown>,
  ]
> = [
  [
    "analyzeImport",
    ({ path, project }, { keys }) => project.analyzeImport([path], { ...ana, keys }),
  ],
  ["analyzeMerge", ({ path, project }, { keys }) => project.analyzeMerge(path, { keys })],
  ["diff", ({ path, project }, { keys }) => project.diff(path, { keys })],
  ["inspectArchive", ({ path }, options) => inspectArchive(path, options)],
  ["verifyArchive", ({ path }, options) => verifyArchive(path, options)],
  [
    "analyzeClone",
    ({ path, workshop }, options) =>
      analyzeClone(path, { ...workshop.options, ...options, directory: workshop.at("new") }),
  ],
  [
    "cloneProject",
    async ({ path, workshop }, options) => {
      const directory = workshop.at("cloned")
      const clone = await cloneProject(path, { ...workshop.options, ...options, directory })
      await clone.close()
      return {}
    },
  ],
  ["mergeProject", ({ path, project }, { keys }) => project.mergeProject(path, { keys })],
  [
    "importProject",
    ({ path, project }, { keys }) => project.importProject([path], { ...ana, keys }),
  ],
]

/** What a call says is wrong, wherever it says so. */
const refusalOf = async (call: Promise<unknown>): Promise<unknown> => {
  const answer = (await call.catch((error: unknown) => error)) as {
    readonly code?: unknown
    readonly errors?: ReadonlyArray<{ readonly code: string }>
    readonly findings?: ReadonlyArray<{ readonly code: string; readonly severity: string }>
  }
  const found = answer.findings?.find(({ severity }) => severity === "error")
  return answer.errors?.[0]?.code ?? found?.code ?? answer.code ?? "none"
}

const untold = new Set(["diff", "cloneProject"])

describe.each(calls)("%s", (name, run) => {
  it("opens what is encrypted with the right key only, and tells who signed it", async () => {
    const { keys, path, verifier, workshop } = await sealed()
    const strangers = await opened(workshop)
    const other = await makeIdentity()
    const whose = { project: strangers, workshop, path }
    expect(await refusalOf(run(whose, {}))).toBe("archive-encrypted")
    const wrong = { keys: { identities: [other] } }
    expect(await refusalOf(run(whose, wrong))).toBe("key-wrong")
    await strangers.close()
    const trusted = [verifier]
    const project = await opened(workshop, { trusted })
    const answer = await run({ project, workshop, path }, { ...keys, trusted })
    expect(await refusalOf(Promise.resolve(answer))).toBe("none")
    if (!untold.has(name)) {
      expect(answer).toMatchObject({ signature: { status: "trusted", name: "theirs", verifier } })
    }
  })

  it("refuses what nobody trusted has signed, where that is wanted", async () => {
    const { keys, path, verifier, workshop } = await sealed()
    const policy = { requireSignature: true, trusted: [makeSigningKey("another").verifier] }
    const strict = await opened(workshop, policy)
    const all = { ...keys, ...policy }
    expect(await refusalOf(run({ project: strict, workshop, path }, all))).toBe(
      "signature-untrusted",
    )
    await strict.close()
    const agreed = { requireSignature: true, trusted: [verifier] }
    const project = await opened(workshop, agreed)
    const answer = run({ project, workshop, path }, { ...keys, ...agreed })
    expect(await refusalOf(answer)).toBe("none")
  })

  it("refuses what is larger than its limits, and warns of what nearly is", async () => {
    const { keys, path, workshop } = await sealed()
    const limits = { ...limitsByProfile.balanced, itemsByType: { token: 1 } }
    const small = await opened(workshop, { limits })
    expect(await refusalOf(run({ project: small, workshop, path }, { ...keys, limits }))).toBe(
      "limit-exceeded",
    )
    await small.close()
    const near = { limits: { ...limitsByProfile.balanced, itemsByType: { token: 2 } } }
    const project = await opened(workshop, near)
    const answer = await run({ project, workshop, path }, { ...keys, ...near })
    if (!untold.has(name)) expect(JSON.stringify(answer)).toMatch(/items\.token/)
  })
})

describe("importing several archives", () => {
  it("is vouched for as much as the least of them", async () => {
    const { keys, path, verifier, workshop } = await sealed()
    const project = await opened(workshop, { trusted: [verifier] })
    const unsigned = workshop.at("for-theirs.lamplog")
    expect(await project.importProject([path], { ...ana, ...keys })).toMatchObject({
      signature: { status: "trusted" },
    })
    expect(await project.importProject([path, unsigned], { ...ana, ...keys })).toMatchObject({
      signature: { status: "unsigned" },
    })
    const list = workshop.file("list.json", '{"list":"of things","types":["token"],"things":{}}')
    expect((await project.importProject([list], ana)).signature).toBeUndefined()
  })
})
