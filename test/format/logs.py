"""docs/FORMAT.md, sections 2 to 5: events, logs, transactions, the clock, names of branches."""

from notation import (
    FORBIDDEN, HASH, IDENTIFIER, SALT, fits, is_count, parse, require, sha256, signature_fits, units,
)


def head_signed(project, log, signature):
    """Whether a signature is one over the end of a log."""
    text = f"lamplog:head:1\n{project}\n{log['node']}\n{log['to']}\n{log['head']}"
    key, signature = bytes.fromhex(log["publicKey"]), bytes.fromhex(signature)
    return signature_fits(key, signature, text.encode())


HEADER_BYTES, BODY_BYTES = 65472, 1 << 20
LINE_BYTES = HEADER_BYTES + BODY_BYTES + 64
ENTITY_OPS = {"put", "patch", "delete", "resolve"}
CONTROL_OPS = {"continue", "admit", "retire", "redact"}
CONTROL = "lamplog"


def is_name(value, length_max):
    return isinstance(value, str) and 0 < len(units(value)) // 2 <= length_max


def reference(value, where, least=1):
    good = (
        isinstance(value, list)
        and len(value) == 3
        and fits(IDENTIFIER, value[0])
        and is_count(value[1], least)
        and fits(HASH, value[2])
    )
    require(good, "schema", "header-invalid", where, f"{where}: not a reference")
    return tuple(value)


def check_header(header, where):
    def need(holds, what):
        require(holds, "schema", "header-invalid", where, f"{where}: {what}")

    need(isinstance(header, dict), "the header is not an object")
    get = header.get
    need(fits(IDENTIFIER, get("node")), "node")
    need(is_count(get("seq"), 1) and is_count(get("lamport"), 1), "seq or lamport")
    need(is_name(get("type"), 128) and "/" not in header["type"], "type")
    need(header["type"] not in FORBIDDEN, "type")
    need(is_name(get("id"), 1024), "id")
    need(isinstance(get("op"), str), "op")
    control = header["type"] == CONTROL
    need(header["op"] not in (ENTITY_OPS if control else CONTROL_OPS), "op and type")
    need(fits(HASH, get("body")), "body")
    need(isinstance(get("parents"), list), "parents")
    parents = [reference(parent, where) for parent in header["parents"]]
    need(parents == sorted(set(parents)), "parents are not sorted or not distinct")
    anchor = reference(header["anchor"], where) if "anchor" in header else None
    index, count = 0, 1
    if "transaction" in header:
        place = header["transaction"]
        need(isinstance(place, list) and len(place) == 2, "transaction")
        index, count = place
        need(is_count(index, 0) and is_count(count, 2), "transaction")
        need(index < count <= 100_000, "transaction")
    return parents, anchor, index, count


def check_body(body, where):
    def need(holds, what):
        require(holds, "schema", "body-invalid", where, f"{where}: {what}")

    need(isinstance(body, dict), "the body is not an object")
    need(is_count(body.get("kind"), 1), "kind")
    need(isinstance(body.get("actor"), str), "actor")
    for key in ("at", "reason", "settles"):
        need(isinstance(body.get(key, ""), str), key)
    need(isinstance(body.get("fields", {}), dict), "fields")
    unset = body.get("unset", [])
    need(isinstance(unset, list) and all(isinstance(name, str) for name in unset), "unset")
    if "continues" in body:
        reference(body["continues"], where)
    if "retires" in body:
        reference(body["retires"], where, 0)
    admits = body.get("admits", {})
    need(isinstance(admits, dict), "admits")
    need(all(isinstance(admits.get(key, ""), str) for key in ("name", "nonce")), "admits")


class Event:
    """An event of a log, with what it stands on."""

    def __init__(self, text, previous, due, where):
        """`previous` is the chain hash before it, `due` the (node, seq) that belongs here."""
        parts = text.split("\t")
        require(len(parts) == 3, "schema", "line-parts", where, f"{where}: not three parts")
        header_text, salt, body_text = parts
        good = len(header_text.encode()) <= HEADER_BYTES
        require(good, "schema", "too-long", where, f"{where}: the header is too long")
        self.header = parse(header_text, "schema", where)
        self.parents, self.anchor, self.index, self.count = check_header(self.header, where)
        self.node, self.seq = self.header["node"], self.header["seq"]
        self.lamport, self.op = self.header["lamport"], self.header["op"]
        self.type, self.id = self.header["type"], self.header["id"]
        good = (self.node, self.seq) == due
        require(good, "structure", "out-of-sequence", where, f"{where}: not event {due[1]}")
        named = sha256(f"lamplog:body:1\n{salt}\n{body_text}")
        good = SALT.fullmatch(salt) and named == self.header["body"]
        require(good, "structure", "body-hash", where, f"{where}: not the body its header names")
        good = len(body_text.encode()) <= BODY_BYTES
        require(good, "schema", "too-long", where, f"{where}: the body is too long")
        self.body = parse(body_text, "schema", where)
        check_body(self.body, where)
        self.length = len(units(text)) // 2
        self.previous = previous
        self.hash = sha256(f"lamplog:chain:1\n{previous}\n{header_text}")
        self.where = where
        self.aside = False

    @property
    def order(self):
        return (self.lamport, self.node, self.seq, self.hash)


class Project:
    """All events of an archive; of a partial one, those that it holds."""

    def __init__(self, project, partial=False):
        self.project = project
        self.partial = partial
        self.events = {}
        self.genesis = {}
        self.keys = {}
        self.lines = 0

    def add_log(self, log, lines):
        """Reads one log of a manifest; `lines` gives (text, where)."""
        node, where = log["node"], f"log {log['log']}"
        start = sha256(f"lamplog:log:1\n{self.project}\n{log['publicKey']}")
        self.genesis[node] = start
        self.keys[node] = log["publicKey"]
        seq, chain = log["from"] - 1, log["previous"]
        if seq == 0:
            require(chain == start, "structure", "other-project", where, "not this project's log")
        else:
            before = self.events.get(chain)
            good = (before.node, before.seq) == (node, seq) if before else self.partial
            require(good, "structure", "history-missing", where, f"does not go on after {chain}")
        last = self.events.get(chain)
        for text, place in lines:
            seq += 1
            event = Event(text, chain, (node, seq), place)
            self.lines += 1
            if event.index > 0 and (last is not None or seq != log["from"] or seq == 1):
                good = last is not None and last.lamport == event.lamport
                good = good and (last.index, last.count) == (event.index - 1, event.count)
            else:
                good = last is None or last.index == last.count - 1
            require(good, "structure", "transaction-broken", place, f"{place}: transaction")
            chain = event.hash
            good = self.partial or chain not in self.events
            require(good, "structure", "event-twice", place, f"{place}: stands in the archive twice")
            self.events[chain] = last = event
        whole = last is None or last.index == last.count - 1
        require(whole, "structure", "transaction-cut", where, "ends inside a transaction")
        good = (seq, chain) == (log["to"], log["head"])
        require(good, "structure", "log-end", where, "does not end where the manifest says")
        if "signature" in log:
            good = head_signed(self.project, log, log["signature"])
            require(good, "structure", "signature-invalid", where, "the signature does not fit")

    def members(self, event):
        """The transaction that ends with this event."""
        group = [event]
        while group[0].index > 0:
            group.insert(0, self.events[group[0].previous])
        return group

    def lookup(self, name, event):
        found = self.events.get(name[2])
        good = found is not None and (found.node, found.seq) == name[:2]
        place = event.where
        require(good, "structure", "history-missing", place, f"{place}: {name} is not held")
        return found

    def check_clock(self):
        for last in self.events.values():
            if last.index < last.count - 1:
                continue
            group = self.members(last)
            previous = self.events.get(group[0].previous)
            base = previous.lamport if previous else 0
            for member in group:
                for name in member.parents:
                    parent = self.lookup(name, member)
                    control = parent.type == member.type == CONTROL
                    same = control or (parent.type, parent.id) == (member.type, member.id)
                    place = member.where
                    require(same, "structure", "parent-elsewhere", place, f"{place}: parent")
                    base = max(base, parent.lamport)
                good = member.anchor is None or member is group[0]
                require(good, "structure", "anchor-misplaced", member.where, "not the first")
            named = [(m.type, m.id) for m in group if m.type != CONTROL]
            good = len(set(named)) == len(named)
            require(good, "structure", "transaction-broken", last.where, "an entity twice")
            good = sum(member.length for member in group) <= 256 << 20
            require(good, "structure", "transaction-too-large", last.where, "too large")
            if group[0].anchor is not None:
                anchor = self.lookup(group[0].anchor, group[0]).lamport
                message = f"{last.where}: the anchor is not above what it stands on"
                require(anchor > base, "structure", "clock-equation", last.where, message)
                base = anchor
            message = f"{last.where}: lamport {last.lamport} where {base + 1} belongs"
            good = last.lamport == base + 1
            require(good, "structure", "clock-equation", last.where, message)

    def check_held(self, frontier):
        for log, end in frontier.items():
            found = self.events.get(end["hash"])
            good = found is not None and (found.node, found.seq) == (log[:26], end["seq"])
            where = f"manifest.json frontier {log}"
            require(good, "structure", "history-missing", where, f"event {end['seq']} is not held")

    def frontier(self):
        followers = {}
        for event in self.events.values():
            followers.setdefault((event.node, event.previous), []).append(event)
        ends = []
        for node, start in self.genesis.items():
            waiting = [(start, 0, node)]
            while waiting:
                chain, seq, name = waiting.pop()
                after = sorted(followers.get((node, chain), []), key=lambda event: event.hash)
                if not after and seq > 0:
                    ends.append((name, seq, chain))
                for rank, event in enumerate(after):
                    own = name if rank == 0 else f"{node}-{event.hash}"
                    waiting.append((event.hash, event.seq, own))
        short = [name[:35] for name, _, _ in ends]
        return {
            (name[:35] if short.count(name[:35]) == 1 else name): {"hash": chain, "seq": seq}
            for name, seq, chain in ends
        }
