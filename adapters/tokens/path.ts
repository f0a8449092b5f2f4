/**
 * Names: how a place in a token file becomes an id, and back.
 *
 * An id is the path joined with "."; a "." or "\" inside a name is escaped with "\", and a name that
 * is empty is written "\e". Mode names join nested modes with "/", escaped the same way. Both are
 * one to one: what was two names stays two names.
 */
import { defaultMode } from "./model.ts"

const escapedName = (name: string): string =>
  name === "" ? "\\e" : /[.\\]/.test(name) ? name.replace(/[.\\]/g, "\\$&") : name

export const idFromPath = (path: ReadonlyArray<string>): string => path.map(escapedName).join(".")

/** The path an id was made of; undefined for an id that `idFromPath` never makes. */
export const pathFromId = (id: string): ReadonlyArray<string> | undefined => {
  if (!id.includes("\\")) {
    const path = id.split(".")
    return path.includes("") ? undefined : path
  }
  const path: Array<string> = []
  let name = ""
  for (let index = 0; index < id.length; index++) {
    const character = id[index]!
    if (character === ".") {
      path.push(name)
      name = ""
    } else if (character === "\\") {
      const next = id[++index]
      if (next === undefined) return undefined
      if (next !== "e") name += next
    } else {
      name += character
    }
  }
  path.push(name)
  return idFromPath(path) === id ? path : undefined
}

const escapedMode = (name: string): string =>
  name === "" ? "\\e" : name.replace(/[/\\]|^\$/g, "\\$&")

/** The name of a nested mode, such as `express/desktop`. */
export const modeFromPath = (path: ReadonlyArray<string>): string => path.map(escapedMode).join("/")

/** A mode below another; below the default there is only the mode itself. */
export const modeBelow = (outer: string, inner: string): string =>
  outer === defaultMode ? inner : inner === defaultMode ? outer : `${outer}/${inner}`
