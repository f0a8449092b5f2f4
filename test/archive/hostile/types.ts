/**
 * Members that are no regular files, and directory fields that make some reader do odd things.
 */
import { attacksOf, entriesOf, withEntry } from "./attack.ts"
import type { Attack, Base } from "./attack.ts"
import { stored, zipBytes } from "./zip-bytes.ts"
import type { CentralFields } from "./zip-bytes.ts"

const unix = (mode: number, dos = 0): CentralFields => ({ external: ((mode << 16) | dos) >>> 0 })

export const typeAttacks = (base: Base): ReadonlyArray<Attack> => {
  const entries = entriesOf(base)
  const last = entries.length - 1
  const typed = (central: CentralFields) => () => zipBytes(withEntry(entries, last, { central }))
  const beside = (name: string, content: string, central: CentralFields) => () =>
    zipBytes([...entries, stored(name, Buffer.from(content), { central })])
  return attacksOf("type", ["archive"], {
    "a member is a symbolic link": typed(unix(0o120777)),
    "a member is a folder": typed(unix(0o040755)),
    "a member is a character device": typed(unix(0o020666)),
    "a member is a block device": typed(unix(0o060666)),
    "a member is a pipe": typed(unix(0o010644)),
    "a member is a socket": typed(unix(0o140777)),
    "a member is of a type that no system has": typed(unix(0o150644)),
    "a member is a DOS folder": typed(unix(0o100644, 0x10)),
    "a member is a DOS volume label": typed(unix(0o100644, 0x08)),
    "the manifest is a symbolic link": () =>
      zipBytes(withEntry(entries, 0, { central: unix(0o120777) })),
    "a link, and a file through it": () =>
      zipBytes([
        ...entries,
        stored("link", Buffer.from("/tmp"), { central: unix(0o120777) }),
        stored("link/evil", Buffer.from("x")),
      ]),
    "a further link to /etc/passwd": beside("link", "/etc/passwd", unix(0o120777)),
    "a folder with content": beside("folder", "content", unix(0o040755)),
    "a folder entry": beside("folder/", "", unix(0o040755, 0x10)),
    "a link as an OS X archiver says it": beside("link", "..", {
      ...unix(0o120777),
      versionMadeBy: (19 << 8) | 20,
    }),
  })
}

/** Kinds of regular files that other systems write. */
export const modeVariants = (
  members: Base["members"],
): { readonly [name: string]: () => Buffer } => {
  const all = (central: CentralFields) => () =>
    zipBytes(members.map(([name, content]) => stored(name, content, { central })))
  return {
    "no mode at all, as DOS writes it": all({ external: 0, versionMadeBy: 20 }),
    "a mode of 0600": all(unix(0o100600)),
    "the archive bit of DOS": all({ external: 0x20, versionMadeBy: 20 }),
  }
}
