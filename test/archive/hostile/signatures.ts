/**
 * Notes that do not vouch for the manifest beside them, and archives that need what nobody has.
 */
import { sha256 } from "../../../src/event/hash.ts"
import { signManifest } from "../../../src/seal/archive-note.ts"
import { makeSigningKey } from "../../../src/seal/keys.ts"
import { noteFromText } from "../../../src/seal/note.ts"
import { attacksOf, manifestBytesOf } from "./attack.ts"
import type { Attack, Base, Door } from "./attack.ts"
import { deflated, stored, zipBytes } from "./zip-bytes.ts"

type Members = Base["members"]

const zipped = (members: Members): Buffer =>
  zipBytes(members.map(([name, content]) => stored(name, content)))

const changed = (members: Members, name: string, content: Buffer | string): Buffer =>
  zipped(
    members.map((member) => (member[0] === name ? [name, Buffer.from(content as string)] : member)),
  )

const otherDigit = (text: string, at: number): string =>
  `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`

export const signatureAttacks = ({ manifest, signed, signer }: Base): ReadonlyArray<Attack> => {
  const manifestBytes = signed[0]![1]
  const honest = signed.find(([name]) => name === "manifest.note")![1].toString()
  const mallory = makeSigningKey("mallory")
  const note = (content: Buffer | string) => () => changed(signed, "manifest.note", content)
  const lines = honest.split("\n")
  const last = honest.trimEnd().length
  const text = honest.slice(0, honest.lastIndexOf("\n\n") + 1)
  const forged = (project: string, bytes: Buffer) => signManifest(bytes, project, mallory)
  const signatures = (count: number) =>
    noteFromText(text, [
      signer,
      ...Array.from({ length: count }, (_, index) => makeSigningKey(`m${index}`)),
    ])
  const rewritten = (change: (lines: Array<string>) => void, key = signer) => {
    const own = text.split("\n")
    change(own)
    return noteFromText(own.join("\n"), [key])
  }
  const pieces = ["the domain", "the project", "the hash", "the key"].map(
    (what, index) =>
      [
        `${what} changed in the text`,
        note(otherDigit(honest, honest.indexOf(lines[index]!) + 3)),
      ] as const,
  )
  return attacksOf("signature", ["manifest"], {
    ...Object.fromEntries(pieces),
    "the signature changed": note(otherDigit(honest, last - 10)),
    "the key id changed": note(otherDigit(honest, honest.lastIndexOf(" ") + 2)),
    "the name of the key changed": note(honest.replaceAll("ana@", "eve@")),
    "the name of the key changed in the signature only": note(
      `${text}\n${honest.slice(text.length + 1).replace("ana@", "eve@")}`,
    ),
    "the manifest changed": () =>
      changed(signed, "manifest.json", manifestBytesOf({ ...manifest, name: "other" })),
    "a note over another manifest": note(forged(manifest.project, Buffer.from("{}\n"))),
    "a note for another project": note(forged("aaaqeayeaudaocajbifqydiob4", manifestBytes)),
    "a stranger's signature under the signer's text": note(noteFromText(text, [mallory])),
    "a stranger's key under the signer's name": note(
      rewritten((own) => (own[3] = makeSigningKey("ana@example.com").verifier)),
    ),
    "a signature over something else": note(
      rewritten((own) => (own[0] = "lamplog.dev/checkpoint/v1")),
    ),
    "a line more in what is signed": note(rewritten((own) => own.splice(4, 0, "hello"))),
    "a line less in what is signed": note(rewritten((own) => own.splice(3, 1))),
    "no signature": note(`${text}\n`),
    "no blank line": note(honest.replace("\n\n", "\n")),
    "only a blank line": note("\n\n"),
    "no line feed at the end": note(honest.trimEnd()),
    twice: note(honest + honest),
    "line ends of Windows": note(honest.replaceAll("\n", "\r\n")),
    "a byte order mark": note(`\ufeff${honest}`),
    "a NUL": note(honest.replace("\n\n", "\0\n\n")),
    "bytes that are no UTF-8": note(Buffer.concat([Buffer.from([0xff]), Buffer.from(honest)])),
    "a hyphen for the dash": note(honest.replace("\u2014", "-")),
    "a signature in base64 for addresses": note(
      honest.replace(/(?<=\u2014 .*)[+/]|=*(?=\n$)/g, "-"),
    ),
    "a signature that is empty": note(`${text}\n\u2014 ana@example.com \n`),
    "a signature of four bytes": note(`${text}\n\u2014 ana@example.com AAAAAA==\n`),
    "a note behind the other members": {
      build: () =>
        zipped([
          ...signed.filter(([name]) => name !== "manifest.note"),
          ["manifest.note", Buffer.from(honest)],
        ]),
      stages: ["archive", "manifest"],
    },
    "200 signatures": { build: note(signatures(199)), stages: ["archive", "manifest"] },
    "a note of 64 KiB and more": note(`${honest}${"x".repeat(65_536)}`),
    "a note of 100 MiB of zeros": {
      build: () =>
        zipBytes(
          signed.map(([name, content]) =>
            name === "manifest.note"
              ? deflated(name, Buffer.alloc(100 * 1024 * 1024))
              : stored(name, content),
          ),
        ),
      stages: ["archive"],
    },
  }).map((attack) =>
    attack.stages.includes("archive") ? attack : { ...attack, codes: ["signature-invalid"] },
  )
}

/** Everything but opening it: nothing is wrong with such a file by itself. */
const readers: ReadonlyArray<Door> = ["imported", "merged"]

export const incrementalAttacks = ({
  incremental,
  manifest: whole,
}: Base): ReadonlyArray<Attack> => {
  const [[, bytes], ...rest] = incremental as [Members[0], ...Members]
  const manifest = JSON.parse(bytes.toString()) as { readonly [key: string]: unknown }
  const claim = (change: object) => () =>
    changed(incremental, "manifest.json", manifestBytesOf({ ...manifest, ...change }))
  const hash = "ab".repeat(32)
  const [log] = manifest["logs"] as [object]
  const snapshot = { path: "snapshot/entities.jsonl", sha256: sha256(""), size: 0 }
  const listed = rest.map(([path, content]) => ({
    path,
    sha256: sha256(content),
    size: content.length,
  }))
  return [
    ...attacksOf("incremental", ["structure"], {
      "what came before is not here": () => zipped(incremental),
      "it says that nothing came before": {
        build: claim({ prerequisites: {} }),
        stages: ["manifest", "structure"],
      },
      "another event before": claim({ logs: [{ ...log, previous: hash }] }),
      "another prerequisite": claim({
        prerequisites: Object.fromEntries(
          Object.keys(whole.frontier).map((name) => [name, { seq: 1, hash }]),
        ),
      }),
    }).map((attack) => ({ ...attack, doors: readers })),
    ...attacksOf("incremental", ["manifest"], {
      "a snapshot all the same": () =>
        zipped([
          ["manifest.json", manifestBytesOf({ ...manifest, members: [...listed, snapshot] })],
          ...rest,
          [snapshot.path, Buffer.alloc(0)],
        ]),
      "prerequisites of no shape": claim({ prerequisites: { x: 1 } }),
      "prerequisites of __proto__": () =>
        changed(
          incremental,
          "manifest.json",
          bytes.toString().replace('"prerequisites":{', '"prerequisites":{"__proto__":{"seq":1},'),
        ),
    }),
  ]
}
