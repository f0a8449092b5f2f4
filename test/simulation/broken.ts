/** A property that did not hold: its name tells failures of one kind from others. */
export class Broken extends Error {
  readonly property: string
  constructor(property: string, detail: string) {
    super(`${property}: ${detail}`)
    this.name = "Broken"
    this.property = property
  }
}

export const hold = (property: string, holds: boolean, detail: () => string): void => {
  if (!holds) throw new Broken(property, detail())
}

/** Fails unless two texts are the same; shows where they part. */
export const same = (property: string, left: string, right: string, what: string): void => {
  if (left === right) return
  let at = 0
  while (left[at] === right[at]) at++
  const around = (text: string) => text.slice(Math.max(0, at - 60), at + 200)
  throw new Broken(property, `${what}\n  …${around(left)}\n  …${around(right)}`)
}
