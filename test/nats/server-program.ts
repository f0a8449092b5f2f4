/**
 * The nats-server programs that the tests run: Debian's packages, unpacked below node_modules.
 *
 * Nothing is installed, so no rights are needed. `2.10` is the oldest that is supported: the one on
 * PATH when it is 2.10 or newer, else that of the next Debian, whose list of packages is read into
 * folders of its own and checked with Debian's keys. `2.9` is that of Debian 12, for what is promised
 * for old servers. A machine that gets neither is told what to install; no test is passed over.
 *
 * Invariants
 *  1. A folder gets its name when it is whole, so several test files may unpack at once.
 *  2. Nothing of the system's own lists, settings or packages changes.
 */
import { execFileSync, spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { delimiter, join } from "node:path"

export type ServerVersion = "2.9" | "2.10"

const root = join(import.meta.dirname, "../..")
const cache = join(root, "node_modules", ".cache", "nats-server")
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
const sourceFiles = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]
const mirrorOtherwise = "http://deb.debian.org/debian"

/** Which Debian has which. */
const suites: { readonly [version in ServerVersion]: string } = {
  "2.9": "bookworm",
  "2.10": "trixie",
}

/** Major and minor version of a program; undefined when it cannot be run. */
const versionOf = (program: string): readonly [number, number] | undefined => {
  const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" })
  const found = status === 0 ? /v(\d+)\.(\d+)\./.exec(stdout) : null
  return found === null ? undefined : [Number(found[1]), Number(found[2])]
}

const fits = (program: string, wanted: ServerVersion): boolean => {
  const version = existsSync(program) ? versionOf(program) : undefined
  if (version === undefined) return false
  const [major, minor] = version
  if (wanted === "2.9") return major === 2 && minor === 9
  return major > 2 || (major === 2 && minor >= 10)
}

/** The mirror that this machine uses already: others may be out of its reach. */
const mirror = (): string => {
  for (const file of sourceFiles) {
    const text = existsSync(file) ? readFileSync(file, "utf8") : ""
    const found =
      /^URIs:\s*(\S+\/debian)\/?\s*$/m.exec(text) ??
      /^deb\s+(?:\[[^\]]*\]\s+)?(\S+\/debian)\/?\s/m.exec(text)
    if (found !== null) return found[1]!
  }
  return mirrorOtherwise
}

const quietly = (program: string, words: ReadonlyArray<string>, folder: string): void => {
  execFileSync(program, words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
}

/** apt's settings for reading one suite's list of packages below `folder`. */
const aptSettings = (folder: string, suite: string): ReadonlyArray<string> => {
  for (const name of ["lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  writeFileSync(join(folder, "status"), "")
  const sources = join(folder, "sources.list")
  writeFileSync(sources, `deb [signed-by=${keyring}] ${mirror()} ${suite} main\n`)
  const settings = {
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    // Another user could not write into a folder of ours.
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
  }
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])
}

/** Unpacks a suite's package into a folder that gets its name when it is whole. */
const unpack = (version: ServerVersion): void => {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "unpacking-"))
  try {
    const settings = aptSettings(folder, suites[version])
    quietly("apt-get", [...settings, "-qq", "update"], folder)
    quietly("apt-get", [...settings, "-qq", "download", "nats-server"], folder)
    const file = readdirSync(folder).find((name) => name.endsWith(".deb"))!
    quietly("dpkg-deb", ["--extract", file, "content"], folder)
    try {
      renameSync(join(folder, "content"), join(cache, version))
    } catch (error) {
      // Another test file was first.
      if (!existsSync(join(cache, version))) throw error
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const found = new Map<ServerVersion, string>()

/** Path of a nats-server of this version, fetched when it has to be. */
export const serverProgram = (version: ServerVersion = "2.10"): string => {
  const known = found.get(version)
  if (known !== undefined) return known
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"]
  const unpacked = join(cache, version, "usr", "sbin", "nats-server")
  const candidates = [unpacked, ...folders.map((folder) => join(folder, "nats-server"))]
  let program = candidates.find((candidate) => fits(candidate, version))
  if (program === undefined) {
    let cause: unknown
    try {
      unpack(version)
    } catch (error) {
      cause = error
    }
    if (!fits(unpacked, version)) {
      const remedy =
        version === "2.9"
          ? "On Debian 12: apt-get download nats-server, and dpkg-deb --extract it there."
          : "Install nats-server 2.10 or newer, from https://nats.io/download, and put it on PATH."
      throw new Error(
        `These tests need nats-server ${version} (looked in ${unpacked} and PATH). ${remedy}`,
        { cause },
      )
    }
    program = unpacked
  }
  found.set(version, program)
  return program
}
