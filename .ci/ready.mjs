/**
 * Makes a bare clone ready, then runs a command in it.
 *
 *     node .ci/ready.mjs [--from-caller] -- <command…>
 *
 * `node` in the command is the Node pinned in package.json; other names are looked up in
 * node_modules/.bin first. `--from-caller` runs it in the folder npm was called from.
 *
 * Invariants
 *  1. Needs nothing installed: no dependency, plain JavaScript that even Node 18 can read.
 *  2. Writes nothing to stdout; what the command prints is all there is.
 *  3. With nothing missing it costs one hash of package-lock.json.
 *  4. The stamp is written last, so an interrupted installation is done again.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, "node_modules")
const stampFile = join(modules, ".ready")
const lockFile = join(root, ".installing")
const lockAgeMillisMax = 15 * 60_000
const oldestNode = [20, 19]
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

/**
 * Takes the lock, or says no. It names its owner and the npm at work, which outlives a killed owner.
 * A lock whose processes are gone, or that is too old, is cleared away first.
 */
const tookLock = () => {
  try {
    writeFileSync(lockFile, `${process.pid}\n`, { flag: "wx" })
    return true
  } catch (error) {
    if (error.code !== "EEXIST") fail(`Cannot write ${lockFile} (${error.code}): make it writable.`)
  }
  const holders = (textOf(lockFile) ?? "").trim().split("\n").map(Number).filter(Boolean)
  const age = Date.now() - (statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  const abandoned = holders.length > 0 && !holders.some(isRunning)
  if (abandoned || age > lockAgeMillisMax) rmSync(lockFile, { force: true })
  return false
}

/** Runs npm under the Node that started us, never under one inside the folder npm is replacing. */
const npm = async (...words) => {
  const script = process.env.npm_execpath
  const [program, first] = script?.endsWith(".js")
    ? [process.env.npm_node_execpath ?? process.execPath, [script]]
    : ["npm", []]
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
  const child = spawn(program, [...first, ...words, ...quiet], {
    cwd: root,
    env: { ...process.env, NODE_ENV: "development", npm_config_include: "dev,optional" },
    shell: windows,
    stdio: ["ignore", "ignore", "pipe"],
  })
  if (child.pid !== undefined) appendFileSync(lockFile, `${child.pid}\n`)
  let complaint = ""
  child.stderr.setEncoding("utf8").on("data", (text) => (complaint += text))
  const ending = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.code))
    child.on("close", (status, signal) => resolve(signal ?? status))
  })
  if (ending === 0) return
  const what = /npm (?:error|ERR!) code (\S+)/.exec(complaint)?.[1] ?? ending
  fail(
    `npm ${words[0]} failed (${what}): check the network and npm's registry setting; ` +
      `\`npm ${words.join(" ")}\` says more. Then try again.`,
  )
}

/**
 * One package alone needs its script, `node`, which fetches the binary for this machine. All others
 * bring what they need, and older versions of npm would compile them.
 */
const installAll = async () => {
  await npm("ci", "--ignore-scripts")
  await npm("rebuild", "node", "--ignore-scripts=false")
  if (!existsSync(pinnedNode)) fail(`npm left no ${pinnedNode}: remove node_modules and try again.`)
}

/** Below it npm leaves out, without a word, the tools' binaries for this machine. */
const isTooOld = (version) => {
  const [major, minor] = version.split(".").map(Number)
  return major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])
}

const install = async () => {
  const { lock, stamp } = wanted()
  if (!alreadyInstalled(lock)) {
    if (isTooOld(process.versions.node)) {
      fail(
        `Node ${oldestNode.join(".")} or newer is needed to install; this is ${process.version}.`,
      )
    }
    process.stderr.write("Installing what is missing (about half a minute)…\n")
    await installAll()
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
    if (!isReady()) await install()
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
// From another folder, the program is still the one here.
const program = command.findIndex((word, index) => index > 0 && !word.startsWith("-"))
const ours = command.map((word, index) =>
  fromCaller && index === program && command[0] === "node" ? join(root, word) : word,
)
run(ours, fromCaller ? (process.env.INIT_CWD ?? process.cwd()) : root)
