/**
 * `lamplog trust`: whose signatures count here. A list of public keys that the user keeps; nothing
 * that an archive says of itself ever adds to it.
 *
 * Lines and comments that are not concerned stay as they are.
 */
import * as Effect from "effect/Effect"
import { LamplogError } from "../event/failure.ts"
import { verifierFromText } from "../seal/verifier.ts"
import type { Answer, Call, Run } from "./command.ts"
import { pathFrom } from "./files.ts"
import { readKeys } from "./key-files.ts"
import { aligned, counted, printable } from "./paint.ts"
import { writePrivate } from "./private-file.ts"
import { trustedFromLine, trustedFromText, userKeys } from "./user-keys.ts"
import type { TrustedLine } from "./user-keys.ts"

/** Runs plain code when the program runs, not when it is built. */
const answer = (make: () => Answer): ReturnType<Run> => Effect.suspend(() => Effect.succeed(make()))

const documentOf = ({ verifier, text, comment }: TrustedLine) => ({
  name: verifier.name,
  keyId: verifier.keyId,
  verifier: text,
  ...(comment === "" ? {} : { comment }),
})

const textOf = (call: Call, lines: ReadonlyArray<TrustedLine>): string =>
  `${aligned(
    lines.map(({ verifier, text, comment }) => [
      printable(verifier.name),
      verifier.keyId,
      call.paint.dim(printable(comment === "" ? text : `${text}  # ${comment}`)),
    ]),
    0,
  )}\n`

export const list: Run = (call) =>
  answer(() => {
    const lines = userKeys(call).trustedLines
    return {
      document: lines.map(documentOf),
      text: () => (lines.length === 0 ? "No key is trusted yet.\n" : textOf(call, lines)),
    }
  })

/** The keys that are meant: one, given as text, or all in a file. */
const namedKeys = (call: Call, argument: string): ReadonlyArray<TrustedLine> => {
  try {
    return [{ verifier: verifierFromText(argument.trim()), text: argument.trim(), comment: "" }]
  } catch (error) {
    const path = pathFrom(call.terminal, argument)
    const text = readKeys(path)
    if (text === undefined) throw error
    const lines = trustedFromText(text, argument)
    if (lines.length > 0) return lines
    throw new LamplogError({
      code: "verifier-invalid",
      message: `${path} holds no key.`,
      remedy: "Give the line that `lamplog key` shows the signer, or a file of such lines.",
      where: path,
    })
  }
}

/** Two keys of one name and id: one of them was made to be taken for the other. */
const checkClash = (line: TrustedLine, held: ReadonlyArray<TrustedLine>): void => {
  const { name, keyId } = line.verifier
  const clash = held.some(
    (other) =>
      other.verifier.name === name && other.verifier.keyId === keyId && other.text !== line.text,
  )
  if (!clash) return
  throw new LamplogError({
    code: "trust-clash",
    message: `Another key with the name ${name} and the id ${keyId} is trusted already.`,
    remedy: "Two keys do not share an id by accident. Ask the signer which is right.",
    where: line.text,
  })
}

const lineOf = ({ text, comment }: TrustedLine): string =>
  comment === "" ? text : `${text}  # ${comment}`

export const add: Run = (call) =>
  answer(() => {
    const { trustedPath, trustedLines } = userKeys(call)
    const before = readKeys(trustedPath) ?? ""
    const held = [...trustedLines]
    const added: Array<TrustedLine> = []
    for (const line of namedKeys(call, call.argument("VKEY|FILE"))) {
      checkClash(line, held)
      if (held.some(({ text }) => text === line.text)) continue
      held.push(line)
      added.push(line)
    }
    if (added.length > 0) {
      const kept = before === "" || before.endsWith("\n") ? before : `${before}\n`
      writePrivate(trustedPath, `${kept}${added.map(lineOf).join("\n")}\n`, true)
    }
    return {
      document: { added: added.map(documentOf), trusted: held.length },
      text: () =>
        added.length === 0
          ? "Trusted already.\n"
          : `Trusted from now on:\n${textOf(call, added)}` +
            `${call.paint.dim("Be sure whose it is: compare it with its owner, face to face or by phone.")}\n`,
    }
  })

const unknown = (asked: string): LamplogError =>
  new LamplogError({
    code: "trust-unknown",
    message: `No trusted key is called ${asked}, nor has that id.`,
    remedy: "`lamplog trust list` shows names and ids.",
    where: asked,
  })

const ambiguous = (asked: string, lines: ReadonlyArray<TrustedLine>): LamplogError =>
  new LamplogError({
    code: "trust-ambiguous",
    message: `${counted(lines.length, "trusted key")} are called ${asked}.`,
    remedy: `Name one by its id: ${lines.map(({ verifier }) => verifier.keyId).join(", ")}.`,
    where: asked,
  })

export const remove: Run = (call) =>
  answer(() => {
    const asked = call.argument("NAME|ID").trim()
    const { trustedPath, trustedLines } = userKeys(call)
    const meant = trustedLines.filter(({ verifier, text }) =>
      [verifier.name, verifier.keyId, text].includes(asked),
    )
    const texts = new Set(meant.map(({ text }) => text))
    if (texts.size === 0) throw unknown(asked)
    if (texts.size > 1) throw ambiguous(asked, meant)
    const kept = (readKeys(trustedPath) ?? "")
      .split("\n")
      .filter((line) => !texts.has(trustedFromLine(line)?.text ?? ""))
    writePrivate(trustedPath, kept.join("\n"), true)
    const removed = meant[0]!
    return {
      document: { removed: documentOf(removed), trusted: trustedLines.length - meant.length },
      text: () => `No longer trusted:\n${textOf(call, [removed])}`,
    }
  })
