/**
 * Accounts and users by signed tokens (NATS JWT, version 2), as large installations keep them: an
 * operator vouches for accounts, an account for users, each user's token may end or be revoked.
 */
import { randomBytes } from "node:crypto"
import { nkeys } from "@nats-io/transport-node"

/** Wall time in seconds: tokens are made for the server's own clock. */
const nowSeconds = (): number => Math.floor((performance.timeOrigin + performance.now()) / 1000)

type KeyPair = ReturnType<typeof nkeys.createUser>

interface Claims {
  readonly name: string
  readonly subject: KeyPair
  readonly issuer: KeyPair
  readonly nats: object
  readonly endsSeconds?: number
}

const base64url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString("base64url")

const tokenOf = ({ name, subject, issuer, nats, endsSeconds }: Claims): string => {
  const head = base64url({ typ: "JWT", alg: "ed25519-nkey" })
  const claims = base64url({
    jti: randomBytes(16).toString("hex"),
    iat: nowSeconds(),
    iss: issuer.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    ...(endsSeconds === undefined ? {} : { exp: endsSeconds }),
    nats: { ...nats, version: 2 },
  })
  const signature = issuer.sign(Buffer.from(`${head}.${claims}`))
  return `${head}.${claims}.${Buffer.from(signature).toString("base64url")}`
}

export interface UserPermissions {
  readonly publish: ReadonlyArray<string>
  readonly subscribe: ReadonlyArray<string>
}

const limits = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
}
const jetstreamLimits = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }

export class Operator {
  readonly #operator = nkeys.createOperator()
  readonly #account = nkeys.createAccount()
  readonly #system = nkeys.createAccount()
  readonly #revoked: { [user: string]: number } = {}
  /** A server that runs takes no other one. */
  readonly #token = tokenOf({
    name: "operator",
    subject: this.#operator,
    issuer: this.#operator,
    nats: { type: "operator", system_account: this.#system.getPublicKey() },
  })

  /** Lines for a server's configuration: who may come in, as it stands now. */
  get settings(): string {
    const accountToken = (name: string, subject: KeyPair, nats: object): string =>
      tokenOf({ name, subject, issuer: this.#operator, nats: { ...nats, type: "account" } })
    const account = accountToken("lamplog", this.#account, {
      limits: { ...limits, ...jetstreamLimits },
      revocations: this.#revoked,
    })
    const system = accountToken("system", this.#system, { limits })
    return [
      `operator: ${this.#token}`,
      `system_account: ${this.#system.getPublicKey()}`,
      "resolver: MEMORY",
      "resolver_preload: {",
      ` ${this.#account.getPublicKey()}: ${account}`,
      ` ${this.#system.getPublicKey()}: ${system}`,
      "}",
    ].join("\n")
  }

  /** A user with the text of its creds file. */
  user(options: { readonly endsInSeconds?: number; readonly permissions?: UserPermissions } = {}): {
    readonly creds: string
    readonly revoke: () => void
  } {
    const pair = nkeys.createUser()
    const { endsInSeconds, permissions } = options
    const token = tokenOf({
      name: "user",
      subject: pair,
      issuer: this.#account,
      ...(endsInSeconds === undefined ? {} : { endsSeconds: nowSeconds() + endsInSeconds }),
      nats: {
        type: "user",
        subs: -1,
        data: -1,
        payload: -1,
        ...(permissions === undefined
          ? {}
          : { pub: { allow: permissions.publish }, sub: { allow: permissions.subscribe } }),
      },
    })
    const seed = new TextDecoder().decode(pair.getSeed())
    const creds = [
      "-----BEGIN NATS USER JWT-----",
      token,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      "",
    ].join("\n")
    const revoke = (): void => {
      this.#revoked[pair.getPublicKey()] = nowSeconds()
    }
    return { creds, revoke }
  }
}
