/** Resolver documents: sets as the default, contexts as modes, and everything that can be missing. */
import { describe, expect, it } from "vitest"
import { entitiesFromTokenFiles } from "../../../adapters/tokens/index.ts"
import type { TokenFile } from "../../../adapters/tokens/index.ts"
import { exampleFiles, file } from "./package-files.ts"

const token = (value: unknown) => ({ a: { $value: value, $type: "number" } })
const resolver = (content: object, path = "x.resolver.json") =>
  file({ version: "2025.10", resolutionOrder: [], ...content }, path)

const theme = (light: unknown, dark: unknown) => ({
  contexts: { light: [light], dark: [dark] },
  default: "light",
})

const order = [{ $ref: "#/sets/base" }, { $ref: "#/modifiers/theme" }]

const imported = (...files: ReadonlyArray<TokenFile>) => {
  const document = entitiesFromTokenFiles(files)
  const byId = new Map(
    document.entities.map((entity) => [`${entity.type} ${entity.id}`, entity.fields]),
  )
  const codes = document.problems.map(({ severity, code }) => `${severity} ${code}`)
  return { ...document, byId, codes }
}

describe("a resolver", () => {
  it("makes its sets the default mode and its contexts modes", () => {
    const { byId, format, scope, codes } = imported(
      resolver({
        name: "X",
        resolutionOrder: order,
        sets: { base: { sources: [{ $ref: "./t/base.json" }], description: "all" } },
        modifiers: {
          theme: { ...theme(token(2), { $ref: "t/dark.json" }), description: "light?" },
        },
      }),
      file(token(1), "t/base.json"),
      file(token(3), "t/dark.json"),
    )
    expect(codes).toEqual([])
    expect(byId.get("token a")).toEqual({
      type: "number",
      modes: { $default: { value: 1 }, "theme/light": { value: 2 }, "theme/dark": { value: 3 } },
    })
    const themes = [...byId].filter(([key]) => key.startsWith("theme "))
    expect(Object.fromEntries(themes)).toEqual({
      "theme $resolver": {
        name: "X",
        version: "2025.10",
        resolutionOrder: ["sets/base", "modifiers/theme"],
        sets: { base: { description: "all" } },
      },
      "theme theme": { name: "theme", modifier: "theme", description: "light?", order: 1 },
      "theme theme/light": {
        name: "light",
        modifier: "theme",
        context: "light",
        default: true,
        order: 1,
      },
      "theme theme/dark": {
        name: "dark",
        modifier: "theme",
        context: "dark",
        default: false,
        order: 1,
      },
    })
    expect({ format, scope }).toEqual({
      format: "dtcg+resolver",
      scope: ["group", "theme", "token"],
    })
  })

  it("gives one value to a token that all contexts define alike, and modes to one that only some do", () => {
    const { byId } = imported(
      resolver({
        resolutionOrder: [{ name: "theme", type: "modifier", ...theme(token(1), token(1)) }],
        modifiers: { size: { contexts: { s: [{ b: { $value: 1 } }], m: [] } } },
      }),
    )
    expect(byId.get("token a")).toEqual({ type: "number", value: 1 })
    expect(byId.get("token b")).toEqual({ modes: { "size/s": { value: 1 } } })
  })

  it("lets later sources win, and tells which definition nothing has kept", () => {
    const sources = [token(1), token(2), token(1), token(3)]
    const { byId, codes, problems } = imported(
      resolver({
        resolutionOrder: order,
        sets: { base: { sources }, more: { sources: [{ $ref: "#/sets/base" }] } },
        modifiers: { theme: theme(token(2), token(4)) },
      }),
    )
    expect(byId.get("token a")).toMatchObject({ modes: { $default: { value: 3 } } })
    const overridden = problems.filter(({ code }) => code === "definition-overridden")
    expect(overridden.length).toBeGreaterThan(0)
    expect(codes).toContain("warning order-incomplete")
  })

  it.each<[string, string, object]>([
    [
      "a missing file",
      "error source-missing",
      { sets: { base: { sources: [{ $ref: "no.json" }] } } },
    ],
    [
      "a missing set",
      "error source-missing",
      { sets: { base: { sources: [{ $ref: "#/sets/no" }] } } },
    ],
    [
      "sets in a circle",
      "error source-invalid",
      { sets: { base: { sources: [{ $ref: "#/sets/base" }] } } },
    ],
    ["sources that are none", "error source-invalid", { sets: { base: { sources: 1 } } }],
    ["no contexts", "error contexts-missing", { modifiers: { theme: { contexts: {} } } }],
    [
      "one context",
      "warning contexts-missing",
      { modifiers: { theme: { contexts: { light: [] } } } },
    ],
    [
      "an unknown default",
      "error default-unknown",
      { modifiers: { theme: { ...theme({}, {}), default: "x" } } },
    ],
    [
      "an order that names nothing",
      "error order-invalid",
      { resolutionOrder: [{ $ref: "#/sets/no" }, 1] },
    ],
  ])("reports %s and imports the rest", (_what, code, content) => {
    const { codes, byId } = imported(
      resolver({ resolutionOrder: order, ...content }),
      file(token(1), "rest.json"),
    )
    expect(codes).toContain(code)
    expect(byId.get("token a")).toEqual({ type: "number", value: 1 })
  })

  it("finds files by relative path from where it lies, or by the end of a path that only one has", () => {
    const content = (ref: string) =>
      resolver({ sets: { base: { sources: [{ $ref: ref }] } } }, "themes/x.resolver.json")
    for (const ref of [
      "../tokens/my%20a.json",
      "../themes/../tokens/my a.json",
      "./tokens/my a.json",
    ]) {
      const { codes } = imported(content(ref), file(token(1), "tokens/my a.json"))
      expect(codes).toEqual(["warning order-incomplete"])
    }
    const twins = [file(token(1), "one/a.json"), file(token(1), "two/a.json")]
    expect(imported(content("a.json"), ...twins).codes).toContain("error source-missing")
  })

  it("keeps the tokens of files it does not name, in modes of their own where they differ", () => {
    const { byId, codes } = imported(
      resolver({ resolutionOrder: order.slice(0, 1), sets: { base: { sources: [token(1)] } } }),
      file({ ...token(2), b: { $value: 1 } }, "dimmed.json"),
    )
    expect(codes).toContain("warning file-unlisted")
    expect(byId.get("token a")).toEqual({
      type: "number",
      modes: { $default: { value: 1 }, dimmed: { value: 2 } },
    })
    expect(byId.get("token b")).toEqual({ value: 1 })
  })

  it("is refused without an order, without any tokens, or beside another one", () => {
    const code = (...files: ReadonlyArray<TokenFile>) => {
      try {
        return entitiesFromTokenFiles(files).format
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(code(file({ version: "2025.10", sets: {} }, "x.resolver.json"))).toBe("resolver-invalid")
    expect(code(resolver({ sets: { base: { sources: [{ $ref: "no.json" }] } } }))).toBe("no-tokens")
    expect(code(resolver({}), resolver({}, "y.resolver.json"))).toBe("resolvers-many")
  })

  it("cannot be made to grow without end", () => {
    const sets: { [name: string]: object } = { s0: { sources: [token(1)] } }
    for (let level = 1; level < 40; level++) {
      const below = { $ref: `#/sets/s${level - 1}` }
      sets[`s${level}`] = { sources: [below, below] }
    }
    expect(() => imported(resolver({ sets }))).toThrow(
      expect.objectContaining({ code: "sources-many" }),
    )
  })

  it("says nothing of definitions that another mode has kept", () => {
    const { problems } = imported(...exampleFiles("github-primer", true))
    const overridden = problems.filter(({ code }) => code === "definition-overridden")
    expect(overridden.map(({ where }) => where)).toEqual(["control"])
  })

  it("gives every token of real systems its contexts, and the tokens their files have", () => {
    const counts = (system: string) => {
      const { entities } = entitiesFromTokenFiles(exampleFiles(system, true))
      const tokens = entities.filter(({ type }) => type === "token")
      return [tokens.length, tokens.filter(({ fields }) => "modes" in fields).length]
    }
    expect(counts("figma-sds")).toEqual([298, 109])
    expect(counts("adobe-spectrum")).toEqual([1579, 831])
    expect(counts("github-primer")).toEqual([1488, 294])
  })
})
