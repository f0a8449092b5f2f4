"""docs/FORMAT.md, section 17: who may write in a project of members."""

from notation import IDENTIFIER, SALT, fits, require, sha256

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
NO_EVENT = "0" * 64


def has_members(project):
    return ALPHABET.index(project[-1]) & 3 == 1


def founded_id(public_key, nonce):
    digest = bytes.fromhex(sha256(f"lamplog:project:1\n{public_key}\n{nonce}"))[:16]
    bits = int.from_bytes(digest, "big") << 2 | 1
    return "".join(ALPHABET[bits >> shift & 31] for shift in range(125, -1, -5))


class Member:
    """One node of a level; `cuts` holds (seq, hash) pairs."""

    def __init__(self, level, cuts):
        self.level, self.cuts = level, cuts


class Members:
    """Who the members of a project are, by all its events."""

    def __init__(self, project):
        self.events = project.events
        self.project, self.keys = project.project, project.keys
        self.admits, self.retires = [], []
        for event in project.events.values():
            if self.is_admission(event):
                self.admits.append(event)
            elif self.cut_of(event) is not None:
                self.retires.append(event)
        self.forked = self.nodes_with_branches()
        self.found = {}
        self.known = set()
        founder = next((event.node for event in self.admits if self.is_founding(event)), None)
        if founder is not None:
            self.name_known(founder)
            self.admit_levels(founder)

    def is_admission(self, event):
        good = event.type == "lamplog" and event.op == "admit" and event.count == 1
        return good and fits(IDENTIFIER, event.id)

    def cut_of(self, event):
        """The cut of a retirement that can have an effect."""
        good = event.type == "lamplog" and event.op == "retire" and event.count == 1
        if not good or not fits(IDENTIFIER, event.id):
            return None
        if event.id == event.node:
            return event.seq, event.hash
        node, seq, chain = event.body.get("retires", (None, 0, NO_EVENT))
        return (seq, chain) if node == event.id and (seq == 0) == (chain == NO_EVENT) else None

    def has_effect(self, event):
        if event.op == "admit":
            return self.is_admission(event)
        return event.op != "retire" or self.cut_of(event) is not None

    def is_founding(self, event):
        nonce = event.body.get("admits", {}).get("nonce", "")
        if event.seq != 1 or event.id != event.node or not SALT.fullmatch(nonce):
            return False
        return founded_id(self.keys[event.node], nonce) == self.project

    def nodes_with_branches(self):
        seen, forked = set(), set()
        for event in self.events.values():
            place = event.node, event.seq
            if place in seen:
                forked.add(event.node)
            seen.add(place)
        return forked

    def within(self, cut, event):
        """Whether an event is the one at a cut of its node, or before it."""
        seq, chain = cut
        if event.seq > seq:
            return False
        at = self.events.get(chain)
        if at is None or (at.node, at.seq) != (event.node, seq) or event.node not in self.forked:
            return True
        while at.seq > event.seq:
            at = self.events[at.previous]
        return at is event

    def counts(self, event):
        """Whether its author may write it."""
        author = self.found.get(event.node)
        return author is not None and all(self.within(cut, event) for cut in author.cuts)

    def name_known(self, founder):
        self.known = {founder}
        while True:
            named = {event.id for event in self.admits if event.node in self.known}
            if named <= self.known:
                return
            self.known |= named

    def admit_levels(self, founder):
        here, level = {founder}, 0
        while here:
            cuts = {node: self.cuts(node, level) for node in here}
            for node in here:
                self.found[node] = Member(level, cuts[node])
            here = {
                event.id
                for event in self.admits
                if event.node in here and event.id not in self.found and self.counts(event)
            }
            level += 1

    def cuts(self, node, level):
        return [
            self.cut_of(event)
            for event in self.retires
            if event.id == node
            and (
                event.node == node
                or (
                    event.node in self.found
                    and self.found[event.node].level < level
                    and self.counts(event)
                )
            )
        ]


def check_members(project, logs):
    """The logs of a project of members are signed, and by nodes that somebody known has named."""
    if not has_members(project.project):
        return
    for log in logs:
        where = f"log {log['log']}"
        require("signature" in log, "structure", "unsigned", where, "its node did not sign its end")
    if project.partial:
        return
    known = Members(project).known
    for log in logs:
        where = f"log {log['log']}"
        require(log["node"] in known, "structure", "not-admitted", where, "nobody has named it")
