/**
 * `lamplog key`: the user's own keys, of which only the public halves are ever shown.
 *
 * Making new ones keeps the old: a signing key is kept aside under its id, and an age identity stays
 * in its file, for what was encrypted to it before still has to open.
 */
import { LamplogError } from "../event/failure.ts"
import { makeIdentity, recipientOfIdentity } from "../seal/keys.ts"
import type { SigningKey } from "../seal/keys.ts"
import type { Answer, Call, Run } from "./command.ts"
import { attempt } from "./input.ts"
import { readSecret } from "./key-files.ts"
import { aligned, printable } from "./paint.ts"
import { writePrivate } from "./private-file.ts"
import { userKeys } from "./user-keys.ts"
import type { UserKeys } from "./user-keys.ts"

interface Shown {
  readonly signing: SigningKey | undefined
  readonly recipient: string | undefined
}

const recipientOf = async (keys: UserKeys): Promise<string | undefined> => {
  const [newest] = keys.identities
  return newest === undefined ? undefined : recipientOfIdentity(newest, keys.identityPath)
}

const documentOf = ({ signing, recipient }: Shown, keys: UserKeys) => ({
  signing:
    signing === undefined
      ? null
      : {
          name: signing.name,
          keyId: signing.keyId,
          verifier: signing.verifier,
          file: keys.signingPath,
        },
  encryption: recipient === undefined ? null : { recipient, file: keys.identityPath },
})

const textOf = ({ signing, recipient }: Shown, keys: UserKeys, call: Call): string => {
  const { bold, dim } = call.paint
  const rows = [
    ["signing", signing === undefined ? dim("none") : bold(printable(signing.verifier))],
    ...(signing === undefined ? [] : [["", dim(printable(keys.signingPath))]]),
    ["encryption", recipient === undefined ? dim("none") : bold(recipient)],
    ...(recipient === undefined ? [] : [["", dim(printable(keys.identityPath))]]),
  ]
  const hints = [
    ...(signing === undefined || recipient === undefined
      ? ["`lamplog key make` makes what is missing."]
      : []),
    ...(signing === undefined ? [] : ["Others trust you with: lamplog trust add SIGNING-LINE"]),
    ...(recipient === undefined ? [] : ["They encrypt to you with: --encrypt-to AGE-LINE"]),
  ]
  return `${aligned(rows)}\n${dim(hints.join("\n"))}\n`
}

export const show: Run = (call) =>
  attempt(async (): Promise<Answer> => {
    const keys = userKeys(call)
    const shown = { signing: keys.signingKey, recipient: await recipientOf(keys) }
    return { document: documentOf(shown, keys), text: () => textOf(shown, keys, call) }
  })

const existing = (message: string, where: string): LamplogError =>
  new LamplogError({
    code: "key-exists",
    message,
    remedy: "`lamplog key` shows them. --force makes new ones beside them, which are then used.",
    where,
  })

/** Puts a new identity above those that are there. */
const addIdentity = async (call: Call, { identityPath }: UserKeys): Promise<string> => {
  const identity = await makeIdentity()
  const recipient = await recipientOfIdentity(identity, identityPath)
  const before = readSecret(call, identityPath)
  const text = `# public key: ${recipient}\n${identity}\n${before ?? ""}`
  writePrivate(identityPath, text, before !== undefined)
  return recipient
}

export const make: Run = (call) =>
  attempt(async (): Promise<Answer> => {
    const keys = userKeys(call)
    const name = call.flag("name")
    const anew = call.has("force")
    const held = { signing: keys.signingKey, recipient: await recipientOf(keys) }
    if (!anew && held.signing !== undefined && (name !== undefined || held.recipient)) {
      const message = `You have a signing key already, ${held.signing.name}.`
      throw existing(message, keys.signingPath)
    }
    const signs = anew || held.signing === undefined
    const encrypts = anew || held.recipient === undefined
    const shown = {
      signing: signs ? keys.newSigningKey(name) : held.signing,
      recipient: encrypts ? await addIdentity(call, keys) : held.recipient,
    }
    const made = [...(signs ? ["signing"] : []), ...(encrypts ? ["encryption"] : [])]
    return {
      document: { ...documentOf(shown, keys), made },
      text: () =>
        `Made a key for ${made.join(" and one for ")}.\n${textOf(shown, keys, call)}` +
        `Keep a copy of these files where only you can read it: nobody can make them again.\n`,
    }
  })
