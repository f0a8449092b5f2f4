/** Who the members are: a function of what was said, whatever the order in which it was heard. */
import { describe, expect, it } from "vitest"
import { noEventHash } from "../../src/event/event.ts"
import {
  membershipRule,
  nodeFromPublicKey,
  projectIdOf,
  randomKeyPair,
  randomNonce,
  randomProjectId,
  sha256,
} from "../../src/event/hash.ts"
import type { Reference } from "../../src/event/stamp.ts"
import { cutBefore, evaluateMembership, outsiderReason } from "../../src/state/membership.ts"
import type { ControlEvent, IsWithin, Membership } from "../../src/state/membership.ts"
import { Random } from "../simulation/random.ts"
import { nodeOf } from "./logs.ts"

/** One line of what was said: an author, and what its event does. */
interface Said {
  readonly by: string
  readonly admits?: string
  readonly retires?: string
  /** Seq of the cut; the event itself where a node retires itself. */
  readonly after?: number
  /** The branch of its author, and of the one retired; the first unless told. */
  readonly branch?: number
  readonly ofBranch?: number
}

/** Branches part after this event. */
const sharedEvents = 2

const hashOf = (name: string, seq: number, branch = 0): string =>
  seq === 0 ? noEventHash : sha256(`${name} ${seq} ${seq > sharedEvents ? branch : 0}`)

const branchesMax = 2

/** Branches are told apart by their hashes alone. */
const isWithin: IsWithin = (cut, event) => {
  if (event.seq > cut.seq) return false
  const names = namesByNode.get(cut.node)!
  const branch = [0, 1].find((one) => hashOf(names, cut.seq, one) === cut.hash)
  return branch === undefined || hashOf(names, event.seq, branch) === event.hash
}
const namesByNode = new Map<string, string>()
const node = (name: string): string => {
  const id = nodeOf(name)
  namesByNode.set(id, name)
  return id
}

const eventsOf = (said: ReadonlyArray<Said>): ReadonlyArray<ControlEvent> => {
  const seqs = new Map<string, number>()
  return said.map(({ admits, after, branch = 0, by, ofBranch = 0, retires }, index) => {
    const key = `${by} ${branch}`
    const seq = (seqs.get(key) ?? sharedEvents) + 1
    seqs.set(key, seq)
    const hash = hashOf(by, seq, branch)
    const self = retires === by
    const cut = self
      ? { seq, hash }
      : { seq: after ?? 99, hash: hashOf(retires ?? "", after ?? 99, ofBranch) }
    return {
      node: node(by),
      seq,
      hash,
      lamport: index + 2,
      subject: node((admits ?? retires)!),
      cut: admits === undefined ? cut : undefined,
      name: admits,
      nonce: undefined,
    }
  })
}

const founding: ControlEvent = {
  node: node("ana"),
  seq: 1,
  hash: hashOf("ana", 1),
  lamport: 1,
  subject: node("ana"),
  cut: undefined,
  name: "ana",
  nonce: "n",
}

const evaluate = (said: ReadonlyArray<Said>): Membership =>
  evaluateMembership(founding, [founding, ...eventsOf(said)], isWithin)

/** Members by name: their level, and after which event they were retired. */
const told = ({ members }: Membership) =>
  Object.fromEntries(
    [...members]
      .map(([id, { cuts, level }]) => {
        const name = namesByNode.get(id)!
        return [name, cuts.length === 0 ? level : `${level} until ${cuts[0]!.seq}`] as const
      })
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  )

const admits = (by: string, name: string): Said => ({ by, admits: name })
const retires = (by: string, name: string, after?: number): Said => ({
  by,
  retires: name,
  ...(after === undefined ? {} : { after }),
})

describe("a project's id", () => {
  it("says whether it has members, and commits to its founder", () => {
    for (let round = 0; round < 50; round++) {
      expect(membershipRule(randomProjectId())).toBe("open")
      const { publicKey } = randomKeyPair()
      const nonce = randomNonce()
      const id = projectIdOf(publicKey, nonce)
      expect(membershipRule(id)).toBe("members")
      expect(id).toBe(projectIdOf(publicKey, nonce))
      expect(id).not.toBe(projectIdOf(randomKeyPair().publicKey, nonce))
      expect(id).not.toBe(projectIdOf(publicKey, randomNonce()))
      expect(id).not.toBe(nodeFromPublicKey(publicKey))
    }
  })
})

describe("members", () => {
  it("are nobody before the founder is heard of", () => {
    const { known, members } = evaluateMembership(
      undefined,
      eventsOf([admits("ana", "bob")]),
      isWithin,
    )
    expect([members.size, known.size]).toEqual([0, 0])
  })

  it("are admitted by members, each a level further from the founder, by the shortest way", () => {
    expect(
      told(evaluate([admits("ana", "bob"), admits("bob", "cy"), admits("cy", "dan")])),
    ).toEqual({
      ana: 0,
      bob: 1,
      cy: 2,
      dan: 3,
    })
    const short = [
      admits("ana", "bob"),
      admits("bob", "cy"),
      admits("cy", "dan"),
      admits("ana", "dan"),
    ]
    expect(told(evaluate(short))).toMatchObject({ dan: 1 })
  })

  it("cannot admit themselves, alone or in a circle", () => {
    const said = [admits("eve", "eve"), admits("eve", "mal"), admits("mal", "eve")]
    const found = evaluate(said)
    expect(told(found)).toEqual({ ana: 0 })
    expect(found.known).toEqual(new Set([node("ana")]))
  })

  it("are not those whom somebody names after being retired, though these are known", () => {
    // The first event that "bob" writes here is his third.
    const found = evaluate([
      admits("ana", "bob"),
      admits("bob", "cy"),
      retires("ana", "bob", 2),
      admits("cy", "dan"),
    ])
    expect(told(found)).toEqual({ ana: 0, bob: "1 until 2" })
    expect(found.known).toEqual(new Set(["ana", "bob", "cy", "dan"].map(node)))
    const kept = [admits("ana", "bob"), admits("bob", "cy"), retires("ana", "bob", 3)]
    expect(told(evaluate(kept))).toMatchObject({ cy: 2 })
  })

  it("are retired by those nearer to the founder and by themselves, and by nobody else", () => {
    const two = [admits("ana", "bob"), admits("ana", "cy"), admits("bob", "dan")]
    expect(told(evaluate([...two, retires("bob", "cy")]))).toMatchObject({ cy: 1 })
    expect(told(evaluate([...two, retires("dan", "bob")]))).toMatchObject({ bob: 1 })
    expect(told(evaluate([...two, retires("bob", "ana")]))).toMatchObject({ ana: 0 })
    expect(told(evaluate([...two, retires("eve", "dan")]))).toMatchObject({ dan: 2 })
    expect(told(evaluate([...two, retires("cy", "dan", 7)]))).toMatchObject({ dan: "2 until 7" })
    expect(told(evaluate([...two, retires("dan", "dan")]))).toMatchObject({ dan: "2 until 3" })
    expect(told(evaluate([...two, retires("ana", "ana")]))).toMatchObject({ ana: "0 until 5" })
  })

  it("who were retired cannot retire others after that", () => {
    const said = [admits("ana", "bob"), admits("bob", "cy"), retires("bob", "cy", 9)]
    expect(told(evaluate([...said, retires("ana", "bob", 4)]))).toMatchObject({ cy: "2 until 9" })
    expect(told(evaluate([...said, retires("ana", "bob", 3)]))).toMatchObject({ cy: 2 })
  })

  it("retired more than once end where they were first, and admitting them again changes nothing", () => {
    const said = [
      admits("ana", "bob"),
      admits("ana", "cy"),
      admits("cy", "dan"),
      admits("bob", "dan"),
    ]
    const both = [...said, retires("bob", "dan", 8), retires("cy", "dan", 5), admits("ana", "eve")]
    expect(told(evaluate(both))).toMatchObject({ dan: "2 until 5" })
    expect(told(evaluate([...both, admits("cy", "dan")]))).toMatchObject({ dan: "2 until 5" })
  })

  it("who fork keep what both branches of it say of others, and lose what no cut holds", () => {
    const said: ReadonlyArray<Said> = [
      admits("ana", "bob"),
      { by: "bob", admits: "cy", branch: 0 },
      { by: "bob", admits: "dan", branch: 1 },
    ]
    expect(told(evaluate(said))).toEqual({ ana: 0, bob: 1, cy: 2, dan: 2 })
    const cut: ReadonlyArray<Said> = [...said, { by: "ana", retires: "bob", after: 3, ofBranch: 1 }]
    expect(told(evaluate(cut))).toEqual({ ana: 0, bob: "1 until 3", dan: 2 })
  })

  it("who retire themselves on two branches keep what both share", () => {
    const found = evaluate([
      admits("ana", "bob"),
      { by: "bob", retires: "bob", branch: 0 },
      { by: "bob", retires: "bob", branch: 1 },
    ])
    const at = (seq: number, branch: number): Reference => ({
      node: node("bob"),
      seq,
      hash: hashOf("bob", seq, branch),
    })
    expect(outsiderReason(found, at(sharedEvents, 0), isWithin)).toBeUndefined()
    expect(outsiderReason(found, at(3, 0), isWithin)).toBeDefined()
    expect(outsiderReason(found, at(3, 1), isWithin)).toBeDefined()
  })
})

const people = ["ana", "bob", "cy", "dan", "eve", "fay", "gus"]

const randomSaid = (random: Random): ReadonlyArray<Said> =>
  Array.from({ length: random.between(1, 24) }, (): Said => {
    const branch = random.chance(0.2) ? 1 : 0
    const by = random.pick(people)
    if (random.chance(0.55)) return { by, admits: random.pick(people), branch }
    const after = random.pick([0, 1, 2, 3, 4, 5, 9])
    return { by, retires: random.pick(people), after, branch, ofBranch: random.below(branchesMax) }
  })

describe("what random people say of each other", () => {
  it("means the same in every order, and never lets in whom no member admitted", () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed)
      const events = [founding, ...eventsOf(randomSaid(random))]
      const found = evaluateMembership(founding, events, isWithin)
      const context = `seed ${seed}`
      for (let round = 0; round < 3; round++) {
        const again = evaluateMembership(founding, random.shuffle([...events]), isWithin)
        expect(told(again), context).toEqual(told(found))
        expect(again.known, context).toEqual(found.known)
      }
      for (const [id, member] of found.members) {
        if (member.level === 0) continue
        const admission = events.find((event) => {
          const author = found.members.get(event.node)
          return (
            event.subject === id &&
            event.cut === undefined &&
            author?.level === member.level - 1 &&
            cutBefore(author, event, isWithin) === undefined
          )
        })
        expect(admission, `${context}: ${namesByNode.get(id)}`).toBeDefined()
        expect(found.known.has(id), context).toBe(true)
      }
    }
  })

  it("makes known only more, the more is heard", () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed)
      const events = eventsOf(randomSaid(random))
      const some = evaluateMembership(founding, [founding, ...random.some(events, 0.5)], isWithin)
      const all = evaluateMembership(founding, [founding, ...events], isWithin)
      for (const id of some.known) expect(all.known.has(id), `seed ${seed}`).toBe(true)
    }
  })
})
