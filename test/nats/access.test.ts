/**
 * Servers that do not let everybody in: what is refused is refused at once and for good, nothing is
 * lost by it, and it goes on as soon as the server allows it.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect, nkeys, usernamePasswordAuthenticator } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { initNats, permissionsFor } from "../../adapters/nats/index.ts"
import { namesFor } from "./administrator.ts"
import { makeCertificates } from "./certificates.ts"
import type { Certificates } from "./certificates.ts"
import { Operator } from "./credentials.ts"
import { startServer } from "./server.ts"
import type { TestServer } from "./server.ts"
import { Team } from "./team.ts"

const password = "correct horse"

let server: TestServer
let team: Team

beforeAll(async () => {
  server = await startServer()
})

afterAll(() => server.remove())

const file = (name: string, text: string): string => {
  const path = join(server.place.folder, name)
  writeFileSync(path, text)
  return path
}

const usersText = (...users: ReadonlyArray<string>): string =>
  `authorization { users: [\n${users.join("\n")}\n] }`

const administrator = `{ user: "admin", password: "${password}" }`

const userText = (name: string): string => `{ user: "${name}", password: "${password}" }`

const userQuery = (name: string): string =>
  `?user=${name}&password-file=${file("password", password)}&timeout=2`

/** A team of which each member comes in as a user of its own, named by its node or its label. */
const withTeam = async (
  queryOf: (label: string, node: string) => string,
  run: () => Promise<void>,
): Promise<void> => {
  team = await Team.make(["ana", "ben"], (label, node) => `${server.url}${queryOf(label, node)}`)
  try {
    await run()
    await team.settle()
    await team.expectWhole()
  } finally {
    await team.remove()
  }
}

const codeOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => "done",
    (error: unknown) => (error as { readonly code?: unknown }).code,
  )

describe("users and passwords", () => {
  it("that are wrong or missing are refused at once; local work goes on", async () => {
    await server.reload(usersText(userText("ana"), userText("ben")))
    await withTeam(userQuery, async () => {
      const ana = team.first
      await ana.write(20)
      for (const query of ["", `?user=ana&password-file=${file("wrong", "mule")}`]) {
        const remote = await ana.open(`${server.url}${query}`)
        expect(await codeOf(ana.project.sync(remote, { name: "other" }))).toBe("remote-denied")
        await remote.close()
      }
      await ana.write(5)
    })
  })

  it("that are taken away end the following, and once given back it goes on", async () => {
    const both = usersText(userText("ana"), userText("ben"))
    await server.reload(both)
    await withTeam(userQuery, async () => {
      const [ana, ben] = team.members
      await ana!.follow()
      await ben!.write(20)
      await ben!.meet()
      await team.equal()
      const ended = ana!.ended()
      await server.reload(usersText(userText("ben")))
      await ana!.write(20)
      expect(await ended).toMatchObject({ code: "remote-denied" })
      expect(await codeOf(ana!.meet())).toBe("remote-denied")
      await ben!.write(5)
      await ben!.meet()
      await server.reload(both)
    })
  })
})

describe("permissions of a node", () => {
  const prepared = async (): Promise<{ readonly users: ReadonlyArray<string> }> => {
    const project = await team.project()
    const query = `?user=admin&password-file=${file("password", password)}`
    await initNats(`${server.url}${query}`, { project })
    const users: Array<string> = []
    for (const member of team.members) {
      const { text } = permissionsFor({ project, node: await member.node() })
      users.push(text.replace("CHANGE-ME", password))
    }
    return { users }
  }

  it("are enough for all that a replica does, live too", async () => {
    await server.reload(usersText(administrator))
    await withTeam(
      (_, node) => userQuery(node),
      async () => {
        const { users } = await prepared()
        await server.reload(usersText(administrator, ...users))
        for (const member of team.members) {
          await member.write(30, 2000)
          await member.follow()
        }
        await team.equal()
        const [ana, ben] = team.members
        const remote = await ana!.remote()
        const hello = { version: 1, project: await team.project(), node: await ana!.node() }
        const there = await remote.peers!(hello, AbortSignal.timeout(10_000))
        expect(there.map(({ name }) => name)).toEqual(["ben"])
        await ben!.rest()
        await ana!.rest()
      },
    )
  })

  it("do not let a node speak for another, nor touch stream, bucket or other projects", async () => {
    await server.reload(usersText(administrator))
    await withTeam(
      (_, node) => userQuery(node),
      async () => {
        const { users } = await prepared()
        await server.reload(usersText(administrator, ...users))
        const [ana, ben] = await Promise.all(team.members.map((member) => member.node()))
        const names = namesFor(await team.project())
        const client = await connect({
          servers: server.url.slice("nats://".length),
          authenticator: usernamePasswordAuthenticator(ana!, password),
          inboxPrefix: `_INBOX.${ana}`,
        })
        const others = namesFor("a".repeat(26))
        for (const subject of [
          names.log(ben!, ana!),
          names.presence(ben!),
          others.log(ana!, ana!),
          others.askAny,
          `$JS.API.STREAM.DELETE.${names.stream}`,
          `$JS.API.STREAM.PURGE.${names.stream}`,
          `$JS.API.STREAM.PURGE.${names.bucketStream}`,
          `$JS.API.STREAM.MSG.DELETE.${names.stream}`,
          `$JS.API.STREAM.INFO.${others.stream}`,
          `$JS.API.STREAM.CREATE.${others.stream}`,
        ]) {
          const failure = await client.request(subject, "{}", { timeout: 2000 }).catch(String)
          expect(failure).toContain("Permissions Violation")
        }
        await client.close()
        await team.first.write(1)
      },
    )
  })

  it("that lack the right to hand over are named, and nothing is lost", async () => {
    await server.reload(usersText(administrator))
    await withTeam(
      (_, node) => userQuery(node),
      async () => {
        const { users } = await prepared()
        const [ana, ben] = team.members
        const names = namesFor(await team.project())
        const anaNode = await ana!.node()
        const lacking = users[0]!.replace(`"${names.log(anaNode, ">")}"`, "")
        await server.reload(usersText(administrator, lacking, users[1]!))
        await ben!.write(10)
        await ben!.meet()
        await ana!.write(10)
        const failure = await ana!.meet().catch((error: unknown) => error)
        expect(failure).toMatchObject({ code: "remote-denied" })
        expect((failure as Error).message).toContain(names.log(anaNode, anaNode))
        // What may be read was read all the same.
        expect((await ana!.project.status()).events).toBe(20)
        await ana!.leave()
        await server.reload(usersText(administrator, ...users))
      },
    )
  })
})

describe("other ways in", () => {
  it("a token and a key of the node's own", async () => {
    const pair = nkeys.createUser()
    const seed = new TextDecoder().decode(pair.getSeed())
    await server.reload(usersText(administrator, `{ nkey: ${pair.getPublicKey()} }`))
    await withTeam(
      () => `?nkey=${file("key.nk", seed)}`,
      async () => {
        for (const member of team.members) await member.write(10)
        await team.settle()
        for (const member of team.members) await member.leave()
      },
    )
    await server.reload('authorization { token: "open sesame" }')
    await withTeam(
      () => `?token-file=${file("token", "open sesame\n")}`,
      async () => {
        for (const member of team.members) await member.write(10)
        const remote = await team.first.open(`${server.url}?token-file=${file("no", "mule")}`)
        expect(await codeOf(remote.describe(AbortSignal.timeout(5000)))).toBe("remote-denied")
        await remote.close()
      },
    )
  })
})

describe("signed accounts", () => {
  it("let in until the token ends or is revoked, and again with a new one", async () => {
    const operator = new Operator()
    const open = server
    server = await startServer({ settings: operator.settings })
    try {
      let creds = operator.user()
      const write = (name: string, text: string): string => `?creds=${file(name, text)}&timeout=2`
      let query = write("good.creds", creds.creds)
      await withTeam(
        () => query,
        async () => {
          const ana = team.first
          await ana.write(10)
          await ana.follow()
          await expect.poll(() => ana.state?.pushed, { timeout: 10_000 }).toBe(10)
          creds.revoke()
          await server.reload(operator.settings)
          await ana.write(1)
          expect(await ana.ended()).toMatchObject({ code: "remote-denied" })
          await ana.leave()
          query = write("short.creds", operator.user({ endsInSeconds: 2 }).creds)
          await ana.write(1)
          await ana.follow()
          expect(await ana.ended()).toMatchObject({ code: "remote-denied" })
          await ana.leave()
          expect(await codeOf(ana.meet())).toBe("remote-denied")
          await ana.leave()
          creds = operator.user()
          query = write("new.creds", creds.creds)
        },
      )
    } finally {
      await server.remove()
      server = open
    }
  })
})

describe("TLS", () => {
  let certificates: Certificates

  it("checks the server's certificate, and the server that of the client", async () => {
    certificates = makeCertificates(server.place.folder)
    const { ca, clientCert, clientKey, otherCa, serverCert, serverKey } = certificates
    await server.restart(
      `tls { cert_file: "${serverCert}", key_file: "${serverKey}", ca_file: "${ca}", verify: true }`,
    )
    const good = `?ca=${ca}&cert=${clientCert}&key=${clientKey}&timeout=2`
    await withTeam(
      () => good,
      async () => {
        const ana = team.first
        await ana.write(20)
        const wrong = {
          [`?ca=${otherCa}&cert=${clientCert}&key=${clientKey}`]: "remote-denied",
          "?timeout=2": "remote-denied",
        }
        for (const [query, code] of Object.entries(wrong)) {
          const remote = await ana.open(`${server.url}${query}`)
          expect(await codeOf(remote.describe(AbortSignal.timeout(10_000)))).toBe(code)
          await remote.close()
        }
        // One without a certificate is cut off without a word.
        const remote = await ana.open(`${server.url}?ca=${ca}&timeout=2`)
        const code = await codeOf(remote.describe(AbortSignal.timeout(10_000)))
        expect(code).toMatch(/^remote-(denied|timeout|unreachable)$/)
        await remote.close()
        const tls = await ana.open(`${server.url.replace("nats:", "tls:")}${good}`)
        expect(await codeOf(tls.describe(AbortSignal.timeout(10_000)))).toBe("done")
        await tls.close()
      },
    )
  })
})
