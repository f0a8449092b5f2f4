/**
 * `demo`: the whole story on real design tokens, in a temporary folder that is gone afterwards.
 *
 * Ana begins, Bo joins, both work apart and take different versions of the same tokens, and each has
 * an opinion about one colour. They exchange archives, find the same conflicts, settle one; Cy joins.
 * It ends with three equal digests, or with exit status 1.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import type { ExportSummary, ImportSummary, MergeSummary } from "../project/project.ts"
import { runningMillis } from "../project/clock.ts"
import type { Call, Run } from "./command.ts"
import type { conflictDocument } from "./conflict.ts"
import { Cast, primerTokens, spectrumTokens } from "./demo-cast.ts"
import type { Person, Tokens } from "./demo-cast.ts"
import { attempt } from "./input.ts"
import { aligned, counted, grouped, shown } from "./paint.ts"

type ConflictDocument = ReturnType<typeof conflictDocument>

interface Standing {
  readonly node: string
  readonly digest: string
  readonly events: number
  readonly conflicts: number
  readonly entities: { readonly [type: string]: number }
}

export interface DemoSummary {
  readonly success: boolean
  readonly tokens: number
  readonly events: number
  readonly conflictsFound: number
  readonly conflictsOpen: number
  readonly digest: string
  readonly digests: { readonly [person in Person]: string }
}

const people: ReadonlyArray<Person> = ["ana", "bo", "cy"]
const contested = { entity: "token/blue-900", field: "modes/light" }
const opinions = {
  ana: `${contested.field}={"value":"rgb(41, 86, 230)"}`,
  bo: `${contested.field}={"value":"rgb(20, 115, 230)"}`,
}

class Story {
  readonly #call: Call
  readonly #cast: Cast

  constructor(call: Call, directory: string) {
    this.#call = call
    this.#cast = new Cast(call, directory)
  }

  async #print(text: string): Promise<void> {
    if (!this.#call.json) await this.#call.terminal.write(`${text}\n`)
  }

  #chapter(text: string): Promise<void> {
    return this.#print(`\n${this.#call.paint.bold(text)}`)
  }

  /** Shows a command, runs it, and tells its outcome in a few words. */
  async #types<A>(
    person: Person,
    words: ReadonlyArray<string | Tokens>,
    outcome: (document: A) => string,
  ): Promise<A> {
    const { paint } = this.#call
    const { command } = this.#cast.shown(person, words)
    await this.#print(`  ${paint.cyan(person.padEnd(4))}${command}`)
    const document = await this.#cast.run<A>(person, words)
    await this.#print(`      ${paint.dim(outcome(document))}`)
    return document
  }

  #status(person: Person): Promise<Standing> {
    return this.#cast.run<Standing>(person, ["status"])
  }

  async #begins(): Promise<void> {
    await this.#chapter("Ana begins a design system, and Bo joins it from an archive.")
    await this.#types("ana", ["init", "--name", "Palette"], () => "a new project, a new node")
    await this.#imports("ana", spectrumTokens("12.22.1"))
    await this.#imports("ana", primerTokens())
    await this.#exports("ana", "../usb/start.lamplog")
    const joined = (standing: Standing) =>
      `the same ${counted(standing.entities.token ?? 0, "token")} under a node of his own`
    await this.#types("bo", ["clone", "../usb/start.lamplog", "."], joined)
  }

  async #imports(person: Person, tokens: Tokens): Promise<void> {
    await this.#types<ImportSummary>(person, ["import", tokens], (summary) => {
      const time = `${summary.durationSeconds.toFixed(1)} s`
      return `${tokens.title}: ${counted(summary.events, "event")} in ${time}`
    })
  }

  async #exports(person: Person, file: string): Promise<void> {
    await this.#types<ExportSummary>(
      person,
      ["export", file],
      ({ fileSize, exportHash }) =>
        `${grouped(Math.ceil(fileSize / 1024))} KiB, hash ${exportHash?.slice(0, 16)}…`,
    )
  }

  async #merges(person: Person, file: string): Promise<MergeSummary> {
    return this.#types<MergeSummary>(
      person,
      ["merge", file],
      ({ newItemsCount, updatedItemsCount, conflictsCount }) => {
        const opened = conflictsCount === 0 ? "" : `, ${counted(conflictsCount, "conflict")}`
        return `${grouped(newItemsCount)} new, ${grouped(updatedItemsCount)} updated${opened}`
      },
    )
  }

  async #partWays(): Promise<void> {
    await this.#chapter("Apart and offline, both move on, and differ about one blue.")
    await this.#imports("ana", spectrumTokens("14.0.0"))
    await this.#types("ana", ["set", contested.entity, opinions.ana], () => "her blue")
    await this.#imports("bo", spectrumTokens("14.3.0"))
    await this.#types("bo", ["set", contested.entity, opinions.bo], () => "his blue")
  }

  async #meet(): Promise<number> {
    await this.#chapter("They meet by archive, in both directions. Nothing is lost or overwritten.")
    await this.#exports("ana", "../usb/ana.lamplog")
    await this.#merges("bo", "../usb/ana.lamplog")
    await this.#exports("bo", "../usb/bo.lamplog")
    const { conflictsCount } = await this.#merges("ana", "../usb/bo.lamplog")
    return conflictsCount
  }

  async #settle(): Promise<void> {
    await this.#chapter("Both see the same conflicts. Ana settles one; everybody will know.")
    const open = await this.#cast.run<ReadonlyArray<ConflictDocument>>("ana", ["conflicts"])
    const blue = open.find(
      ({ type, entity, field }) =>
        `${type}/${entity}` === contested.entity && field === contested.field,
    )
    const his = blue?.candidates.find(({ actor }) => actor === "bo")
    if (blue === undefined || his === undefined) {
      throw differs("Ana and Bo do not disagree about the blue, though each has set it.")
    }
    const { paint } = this.#call
    await this.#print(`  ${paint.cyan("ana ")}lamplog conflicts`)
    const rows = [
      ["before", paint.swatch(blue.base) + colourOf(blue.base)],
      ...blue.candidates.map(({ actor, value }) => [actor, paint.swatch(value) + colourOf(value)]),
    ]
    const name = `${contested.entity} ${contested.field}`
    await this.#print(`      ${paint.dim(`${counted(open.length, "conflict")}; one is ${name}:`)}`)
    await this.#print(aligned(rows, 8))
    const words = ["resolve", blue.id.slice(0, 8), "--take", his.node.slice(0, 8)]
    await this.#types("ana", [...words, "--reason", "Bo is right"], () => "settled, for everyone")
  }

  async #spread(): Promise<void> {
    await this.#chapter("Cy joins from Ana's archive; Bo catches up with it.")
    await this.#exports("ana", "../usb/settled.lamplog")
    await this.#merges("bo", "../usb/settled.lamplog")
    const joined = ({ events }: Standing) => `${counted(events, "event")}, checked one by one`
    await this.#types("cy", ["clone", "../usb/settled.lamplog", "."], joined)
    await this.#types<{ readonly ok: boolean }>("cy", ["verify"], ({ ok }) =>
      ok ? "everything holds" : "does not hold",
    )
  }

  async tell(): Promise<DemoSummary> {
    await this.#begins()
    await this.#partWays()
    const conflictsFound = await this.#meet()
    await this.#settle()
    await this.#spread()
    const standings = await Promise.all(people.map((person) => this.#status(person)))
    const [ana, bo, cy] = standings.map(({ digest }) => digest) as [string, string, string]
    await this.#chapter("Three replicas, no server, no clock to agree on: one state.")
    const { paint } = this.#call
    const rows = people.map((person, index) => [paint.cyan(person), standings[index]!.digest])
    await this.#print(aligned(rows))
    if (ana !== bo || bo !== cy) throw differs("The three replicas do not hold the same state.")
    return {
      success: true,
      tokens: standings[0]!.entities.token ?? 0,
      events: standings[0]!.events,
      conflictsFound,
      conflictsOpen: standings[0]!.conflicts,
      digest: ana,
      digests: { ana, bo, cy },
    }
  }
}

const differs = (message: string): LamplogError =>
  new LamplogError({
    code: "demo-differs",
    message,
    remedy: "This is a bug. Please report it, with what `--debug` prints.",
  })

/** The colour inside a mode of a token, for people. */
const colourOf = (value: unknown): string => {
  const inner = (value as { readonly value?: string } | undefined)?.value
  return shown(inner ?? JSON.stringify(value))
}

export const demo: Run = (call) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "lamplog-demo-"))),
    (directory) =>
      Effect.gen(function* () {
        const start = yield* runningMillis
        const summary = yield* attempt(() => new Story(call, directory).tell())
        const durationSeconds = ((yield* runningMillis) - start) / 1000
        return {
          document: { ...summary, durationSeconds },
          text: () =>
            `${counted(summary.tokens, "token")}, ${counted(summary.events, "event")}, ` +
            `${counted(summary.conflictsOpen, "conflict")} still to review, in ${durationSeconds.toFixed(1)} s.\n`,
        }
        // The commands of the story hear of an interrupt themselves; the folder goes when they are done.
      }).pipe(Effect.uninterruptible),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true })),
  )
