/**
 * Makes a bare clone ready, then runs a command in it.
 *
 *     node .ci/ready.mjs [--from-caller] -- <command…>
 *
 * `node` in the command is the Node pinned in package.json; other names are looked up in
 * node_modules/.bin first. `--from-caller` runs it in the folder npm was called from.
 *
 * Invariants
 *  1. Runs on Node 18 and later with nothing installed: no dependency, plain JavaScript.
 *  2. Writes nothing to stdout; what the command prints is all there is.
 *  3. With nothing missing it costs one hash of package-lock.json.
 *  4. The stamp is written last, so an interrupted installation is done again.
 */
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, "node_modules")
const stampFile = join(modules, ".ready")
const lockFile = join(root, ".installing")
const lockAgeMillisMax = 15 * 60_000
const pollMillis = 250
const windows = process.platform === "win32"
const pinnedNode = join(modules, "node", "bin", windows ? "node.exe" : "node")

const fail = (line) => {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}

const textOf = (path) => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const wanted = () => {
  const lock = textOf(join(root, "package-lock.json"))
  if (lock === undefined) fail("package-lock.json is missing: take it back with git checkout.")
  const digest = createHash("sha256").update(lock).digest("hex")
  return { lock, stamp: `${digest} ${process.platform} ${process.arch}\n` }
}

/** True when npm's own record of node_modules agrees with the lock file, as after `npm install x`. */
const alreadyInstalled = (lock) => {
  const record = textOf(join(modules, ".package-lock.json"))
  if (record === undefined || !existsSync(pinnedNode)) return false
  const held = JSON.parse(record).packages
  const asked = Object.entries(JSON.parse(lock).packages).filter(([path]) => path !== "")
  const known = new Set(asked.map(([path]) => path))
  return (
    Object.keys(held).every((path) => known.has(path)) &&
    asked.every(([path, entry]) =>
      held[path] === undefined ? entry.optional : held[path].integrity === entry.integrity,
    )
  )
}

const isReady = () => existsSync(pinnedNode) && textOf(stampFile) === wanted().stamp

const isRunning = (id) => {
  try {
    process.kill(id, 0)
    return true
  } catch (error) {
    return error.code === "EPERM"
  }
}

/** Takes the lock, or says no. A lock whose owner died, or that is too old, is cleared away first. */
const tookLock = () => {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: "wx" })
    return true
  } catch (error) {
    if (error.code !== "EEXIST") fail(`Cannot write ${lockFile} (${error.code}): make it writable.`)
  }
  const owner = Number(textOf(lockFile))
  const age = Date.now() - (statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  if ((owner > 0 && !isRunning(owner)) || age > lockAgeMillisMax) rmSync(lockFile, { force: true })
  return false
}

/** Runs npm under the Node that started us, never under one inside the folder npm is replacing. */
const npm = (...words) => {
  const script = process.env.npm_execpath
  const [program, first] = script?.endsWith(".js")
    ? [process.env.npm_node_execpath ?? process.execPath, [script]]
    : ["npm", []]
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
  const result = spawnSync(program, [...first, ...words, ...quiet], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NODE_ENV: "development", npm_config_include: "dev,optional" },
    shell: windows,
  })
  if (result.status === 0) return
  const code = /npm error code (\S+)/.exec(result.stderr ?? "")?.[1] ?? result.error?.code
  fail(
    `npm ${words[0]} failed (${code ?? result.signal ?? `status ${result.status}`}): check the ` +
      `network and npm's registry setting; \`npm ${words.join(" ")}\` says more. Then try again.`,
  )
}

/**
 * One package alone needs its script, `node`, which fetches the binary for this machine. All others
 * bring what they need, and older versions of npm would compile them.
 */
const installAll = () => {
  npm("ci", "--ignore-scripts")
  npm("rebuild", "node", "--ignore-scripts=false")
  if (!existsSync(pinnedNode)) fail(`npm left no ${pinnedNode}: remove node_modules and try again.`)
}

const install = () => {
  const { lock, stamp } = wanted()
  if (!alreadyInstalled(lock)) {
    process.stderr.write("Installing what is missing (about half a minute)…\n")
    installAll()
  }
  writeFileSync(stampFile, stamp)
}

const makeReady = async () => {
  while (!isReady()) {
    if (!tookLock()) {
      await new Promise((resolve) => setTimeout(resolve, pollMillis))
      continue
    }
    process.once("exit", () => rmSync(lockFile, { force: true }))
    if (!isReady()) install()
    rmSync(lockFile, { force: true })
    process.removeAllListeners("exit")
  }
}

/** A terminal signals the whole group by itself; what reaches us alone is passed on once. */
const run = ([name, ...rest], cwd) => {
  const env = { ...process.env, PATH: join(modules, ".bin") + delimiter + process.env.PATH }
  const child = spawn(name === "node" ? pinnedNode : name, rest, {
    cwd,
    env,
    stdio: "inherit",
    shell: windows && name !== "node",
  })
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) {
    let passed = signal === "SIGINT" && process.stdin.isTTY
    process.on(signal, () => {
      if (!passed) child.kill(signal)
      passed = true
    })
  }
  child.on("error", (error) => fail(`Cannot run ${name}: ${error.message}`))
  child.on("exit", (status, signal) => {
    process.exit(signal === null ? status : 128 + constants.signals[signal])
  })
}

const words = process.argv.slice(2)
const divider = words.indexOf("--")
const fromCaller = words.slice(0, divider).includes("--from-caller")
if (divider < 0 || words.length === divider + 1) {
  fail("Usage: node .ci/ready.mjs [--from-caller] -- <command…>")
}
await makeReady()
const command = words.slice(divider + 1)
const ours = command.map((word, index) =>
  fromCaller && index === 1 && command[0] === "node" ? join(root, word) : word,
)
run(ours, fromCaller ? (process.env.INIT_CWD ?? process.cwd()) : root)
