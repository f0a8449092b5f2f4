/** How words are read, and how wrong ones are answered: exit status 2, nothing tried. */
import { describe, expect, it } from "vitest"
import { commands } from "../../src/cli/commands.ts"
import { everywhereFlags } from "../../src/cli/flags.ts"
import { wordsFromArguments } from "../../src/cli/arguments.ts"
import { nearestWord } from "../../src/cli/usage.ts"
import { stage } from "./stage.ts"

const { run, json } = stage()

describe("the table of commands", () => {
  it("means one kind of flag by one name", () => {
    const kinds = new Map<string, boolean>()
    for (const flags of [everywhereFlags, ...commands.map((command) => command.flags)]) {
      for (const [name, flag] of Object.entries(flags)) {
        const takesValue = flag.value !== undefined
        expect(kinds.get(name) ?? takesValue, name).toBe(takesValue)
        kinds.set(name, takesValue)
      }
    }
  })

  it("loads a program for every command", async () => {
    for (const { name, load } of commands) expect(await load(), name).toBeTypeOf("function")
  })

  it("documents every command and flag in its help", async () => {
    const document = await json<{ commands: Array<{ name: string; flags: Array<unknown> }> }>([
      "help",
    ])
    expect(document.commands.map(({ name }) => name)).toEqual(commands.map(({ name }) => name))
    for (const { name, flags } of commands) {
      const page = await run([...name.split(" "), "--help"])
      expect(page.status).toBe(0)
      for (const flag of Object.keys(flags)) expect(page.stdout).toContain(`--${flag}`)
    }
  })
})

describe("reading words", () => {
  it("takes flags before, between and after the words of a command", () => {
    const words = wordsFromArguments(["--project", "d", "set", "--actor", "me", "t/x", "a=1"])
    expect(words.command.name).toBe("set")
    expect(words.positionals).toEqual({ "TYPE/ID": ["t/x"], "FIELD=VALUE": ["a=1"] })
    expect(words.flags).toEqual({ project: ["d"], actor: ["me"] })
  })

  it("takes a value that begins with a dash, and words after --", () => {
    const words = wordsFromArguments(["resolve", "abc", "--value", "-5"])
    expect(words.flags.value).toEqual(["-5"])
    expect(wordsFromArguments(["set", "t/x", "--", "--a=1"]).positionals["FIELD=VALUE"]).toEqual([
      "--a=1",
    ])
  })

  it("collects flags that may be repeated", () => {
    const words = wordsFromArguments(["list", "--where", "a=1", "--where=b=2"])
    expect(words.flags.where).toEqual(["a=1", "b=2"])
  })

  const wrong: ReadonlyArray<readonly [line: string, code: string, remedy: RegExp]> = [
    ["", "command-missing", /help/],
    ["statsu", "command-unknown", /status/],
    ["frobnicate", "command-unknown", /help/],
    ["config", "command-unknown", /get/],
    ["config gte actor", "command-unknown", /get/],
    ["status --jsno", "flag-unknown", /--json/],
    ["status --limit 3", "flag-unknown", /help/],
    ["status -x", "flag-unknown", /help/],
    ["status --json=yes", "flag-value-unexpected", /alone/],
    ["log --limit", "flag-value-missing", /N/],
    ["log --node --reverse", "flag-value-missing", /NODE/],
    ["log --limit 1 --limit 2", "flag-repeated", /once/],
    ["log --limit ten", "count-invalid", /whole number/],
    ["log --since yesterday", "stamp-invalid", /LAMPORT@NODE/],
    ["log --node NODE", "node-invalid", /26/],
    ["init --schema desing-system", "flag-value-unknown", /design-system/],
    ["merge f --strategy keep-both", "flag-value-unknown", /lamport/],
    ["export f --format dss", "flag-value-unknown", /lamplog/],
    ["set", "argument-missing", /--help/],
    ["set token/x", "argument-missing", /--unset/],
    ["set token x=1", "entity-name", /TYPE\/ID/],
    ["set /x x=1", "entity-name", /TYPE\/ID/],
    ["set token/ x=1", "entity-name", /TYPE\/ID/],
    ["set token/x value", "assignment", /FIELD=VALUE/],
    ["set token/x =1", "assignment", /FIELD=VALUE/],
    ["set token/x a=1 a=2", "field-repeated", /once/],
    ["set token/x a=1 --unset a", "field-repeated", /once/],
    ["get token/x token/y", "argument-unexpected", /--help/],
    ["resolve abc", "resolution-missing", /--take/],
    ["resolve abc --take a --value 1", "resolution-missing", /either/],
    ["resolve abc --take A:1", "node-invalid", /26/],
  ]
  for (const [line, code, remedy] of wrong) {
    it(`answers "lamplog ${line}" with ${code}`, async () => {
      const argv = line.split(" ").filter((word) => word !== "")
      const { status, stdout, stderr } = await run([...argv, "--json"])
      const { error } = JSON.parse(stdout) as { error: Record<string, string> }
      expect(error.code).toBe(code)
      expect(error.message).not.toBe("")
      expect(error.remedy).toMatch(remedy)
      expect(status).toBe(2)
      expect(stderr).toBe("")
      const people = await run(argv)
      expect(people.status).toBe(2)
      expect(people.stdout).toBe("")
      expect(people.stderr).toContain(`→ ${error.remedy}`)
    })
  }
})

describe("the word that was probably meant", () => {
  it("is the nearest one, if any is near", () => {
    const words = ["status", "set", "delete", "conflicts", "config list"]
    expect(nearestWord("stauts", words)).toBe("status")
    expect(nearestWord("conf", words)).toBe("conflicts")
    expect(nearestWord("dleete", words)).toBe("delete")
    expect(nearestWord("remove", words)).toBe(undefined)
    expect(nearestWord("", words)).toBe(undefined)
  })
})
