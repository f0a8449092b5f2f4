/**
 * The commands about who may write to a project of members, as data, in the order the help page
 * tells them.
 */
import type { CommandDefinition, Positional } from "./command.ts"
import { writing } from "./flags.ts"

const node: Positional = { name: "NODE", does: "a node id, as `lamplog status` shows its owner" }

export const nodeCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "node list",
    group: "Members",
    does: "list the nodes of a project of members, and how each stands",
    positionals: [],
    flags: {},
    load: async () => (await import("./node.ts")).list,
  },
  {
    name: "node admit",
    group: "Members",
    does: "let a node write to this project",
    details:
      "For projects made with `lamplog init --membership members`. Any member may admit. What the node\n" +
      "wrote before and sent here has waited, and is applied.",
    positionals: [node],
    flags: { name: { value: "NAME", does: "whose node it is" }, ...writing },
    load: async () => (await import("./node.ts")).admit,
  },
  {
    name: "node retire",
    group: "Members",
    does: "let nothing more of a node count; final",
    details:
      "What is held here of the node counts; whatever it writes after that is set aside everywhere.\n" +
      "Members nearer to the founder may retire a node, and the node itself. A person returns by\n" +
      "cloning the project anew and being admitted as a new node.",
    positionals: [{ ...node, does: "a member's id, or its beginning" }],
    flags: writing,
    load: async () => (await import("./node.ts")).retire,
  },
]
