/**
 * Replicas of one project that meet through NATS, and what has to hold of them in the end.
 *
 * Every write is an entity of its own, so what the replicas hold can be counted: as many entities and
 * events as were written, the same ones everywhere.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import { openNats } from "../../adapters/nats/index.ts"
import type { NatsOptions } from "../../adapters/nats/index.ts"
import { cloneProject, initProject, openProject } from "../../src/index.ts"
import type { Change, FollowState, OpenProject, SyncSummary } from "../../src/index.ts"
import type { Remote } from "../../src/remote.ts"

const meetingMillisMax = 30_000
const roundsMax = 8
const remoteName = "server"

/** How many members may be told the address: by what they are called, and by their node. */
export type AddressOf = (label: string, node: string) => string

export class Member {
  readonly label: string
  readonly #team: Team
  project: OpenProject
  #remote: Remote | undefined
  #following: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined
  /** How the remote stands, as far as this member was told. */
  state: FollowState | undefined
  readonly warnings: Array<string> = []
  #written = 0

  constructor(label: string, team: Team, project: OpenProject) {
    this.label = label
    this.#team = team
    this.project = project
  }

  async node(): Promise<string> {
    return (await this.project.status()).node
  }

  /** The remote, opened when it is first needed. */
  async remote(): Promise<Remote> {
    this.#remote ??= await this.open()
    return this.#remote
  }

  /** A remote of its own, besides the one that meetings use. */
  async open(url?: string): Promise<Remote> {
    const { project, node } = await this.project.status()
    const options: NatsOptions = {
      node,
      project,
      name: this.label,
      peer: await this.project.peer(),
      onWarning: (message) => this.warnings.push(message),
    }
    return openNats(url ?? this.#team.address(this.label, node), options)
  }

  /** Writes so many entities that nobody else writes, each an event of its own. */
  write(count: number, size = 20): Promise<void> {
    return this.put(Array.from({ length: count }, () => "".padEnd(size, ".")))
  }

  /** Writes entities with these values, each an event of its own. */
  async put(values: ReadonlyArray<string>): Promise<void> {
    const changes = values.map((value): Change => {
      this.#written += 1
      return { op: "put", type: "token", id: `${this.label}-${this.#written}`, fields: { value } }
    })
    await this.project.changeEach(changes, { actor: this.label })
    this.#team.written += values.length
  }

  /** Meets the server until both hold the same. */
  async meet(timeoutMillis = meetingMillisMax): Promise<SyncSummary> {
    const remote = await this.remote()
    return this.project.sync(remote, { name: remoteName, timeoutMillis, assets: "none" })
  }

  /** Meets the server whenever there is news, until `rest` is called. */
  async follow(): Promise<void> {
    const stop = new AbortController()
    const remote = await this.remote()
    const ended = this.project
      .follow(remote, {
        name: remoteName,
        assets: "none",
        signal: stop.signal,
        onState: (state) => (this.state = state),
      })
      .catch((error: unknown) => error)
    this.#following = { stop, ended }
  }

  /** What the following ends with, when it does by itself. */
  async ended(): Promise<unknown> {
    return this.#following?.ended
  }

  /** Stops following. */
  async rest(): Promise<void> {
    this.#following?.stop.abort()
    await this.#following?.ended
    this.#following = undefined
  }

  /** Lets go of the connection; the next meeting makes a new one. */
  async leave(): Promise<void> {
    await this.rest()
    await this.#remote?.close()
    this.#remote = undefined
  }

  /** Opens the project anew, as another run of the program would. */
  async reopen(): Promise<void> {
    await this.leave()
    await this.project.close()
    this.project = await openProject(this.#team.optionsOf(this.label))
  }

  async close(): Promise<void> {
    await this.leave()
    await this.project.close()
  }
}

export class Team {
  readonly folder: string
  readonly address: AddressOf
  readonly members: Array<Member> = []
  /** Entities that were written, all in all, each by an event of its own. */
  written = 0
  /** Events besides: a new name begins with one that says what it goes on from. */
  renamed = 0

  private constructor(folder: string, address: AddressOf) {
    this.folder = folder
    this.address = address
  }

  /** A new project, and so many replicas of it, which have never met the server. */
  static async make(labels: ReadonlyArray<string>, address: string | AddressOf): Promise<Team> {
    const folder = mkdtempSync(join(tmpdir(), "lamplog-team-"))
    const team = new Team(folder, typeof address === "string" ? () => address : address)
    const [first, ...others] = labels
    const project = await initProject({ ...team.optionsOf(first!), name: "team" })
    team.members.push(new Member(first!, team, project))
    await project.exportProject(team.at("seed.lamplog"))
    for (const label of others) await team.join(label)
    return team
  }

  at(name: string): string {
    return join(this.folder, name)
  }

  optionsOf(label: string): { readonly directory: string; readonly stateDirectory: string } {
    return { directory: this.at(label), stateDirectory: this.at(`${label}-state`) }
  }

  /** One more replica, with nothing but what the project began with. */
  async join(label: string): Promise<Member> {
    const project = await cloneProject(this.at("seed.lamplog"), this.optionsOf(label))
    const member = new Member(label, this, project)
    this.members.push(member)
    return member
  }

  get first(): Member {
    return this.members[0]!
  }

  /** The project's id. */
  async project(): Promise<string> {
    return (await this.first.project.status()).project
  }

  async #digests(): Promise<ReadonlySet<string>> {
    const states = await Promise.all(this.members.map(({ project }) => project.status()))
    return new Set(states.map(({ digest, frontier }) => JSON.stringify([digest, frontier])))
  }

  /** Lets all meet the server until all hold the same; gives the meetings that it took. */
  async settle(): Promise<number> {
    for (let round = 1; round <= roundsMax; round++) {
      for (const member of this.members) await member.meet()
      if ((await this.#digests()).size === 1) return round
    }
    const states = await Promise.all(this.members.map(({ project }) => project.status()))
    throw new Error(`replicas hold different things after ${roundsMax} rounds:
${JSON.stringify(
  states.map(({ events, frontier }) => ({ events, frontier })),
  undefined,
  1,
)}`)
  }

  /** Waits until all hold the same by following alone. */
  async equal(millisMax = 20_000): Promise<void> {
    const start = performance.now()
    for (;;) {
      const states = await Promise.all(this.members.map(({ project }) => project.status()))
      if (states.every(({ events }) => events === this.written + this.renamed)) return
      if (performance.now() - start > millisMax) {
        const seen = this.members.map(({ label, state }, index) => ({
          label,
          events: states[index]!.events,
          phase: state?.phase,
          error: state?.error?.message,
        }))
        throw new Error(`not equal after ${millisMax} ms: ${JSON.stringify(seen, undefined, 1)}`)
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    }
  }

  /** All replicas are equal, nothing that was written is missing, and nothing is there twice. */
  async expectWhole(): Promise<void> {
    const states = await Promise.all(this.members.map(({ project }) => project.status()))
    for (const state of states) {
      expect(state).toMatchObject({
        digest: states[0]!.digest,
        frontier: states[0]!.frontier,
        events: this.written + this.renamed,
        entities: { token: this.written },
        conflicts: 0,
        setAside: 0,
        forks: [],
      })
    }
    for (const { project } of this.members) {
      expect(await project.verify()).toMatchObject({ ok: true, findings: [] })
    }
  }

  async remove(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()))
    rmSync(this.folder, { recursive: true, force: true })
  }
}
