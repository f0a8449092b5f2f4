"""Checks a Lamplog archive by docs/FORMAT.md alone, with Python's standard library.

    python3 verify.py ARCHIVE…           every member, hash, chain, clock, signature, the whole state
    python3 verify.py --vectors FILE     whether this program agrees with docs/vectors.json

Prints one JSON object a line for each finding; exit status 1 if one of them is an error. It shares
nothing with the engine, so that the two can catch each other's mistakes.
"""

import base64
import hashlib
import json
import re
import sys
import zipfile


class Finding(Exception):
    def __init__(self, stage, code, where, message):
        super().__init__(message)
        self.found = finding("error", stage, code, where, message)


def finding(severity, stage, code, where, message):
    shown = message if len(message) <= 300 else message[:300] + "…"
    return {
        "severity": severity,
        "stage": stage,
        "code": code,
        "where": where,
        "message": shown,
    }


def require(holds, stage, code, where, message):
    if not holds:
        raise Finding(stage, code, where, message)


# 1. Notation

SAFE = 2**53 - 1
HASH = re.compile(r"[0-9a-f]{64}")
SALT = re.compile(r"[0-9a-f]{32}")
IDENTIFIER = re.compile(r"[a-z2-7]{26}")
LOG_NAME = re.compile(r"([a-z2-7]{26})(-[0-9a-f]{8}|-[0-9a-f]{64})?")


def sha256(text):
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return hashlib.sha256(data).hexdigest()


def fits(pattern, value):
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def is_count(value, least):
    return type(value) is int and least <= value <= SAFE


def units(text):
    """For comparison by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def node_of(public_key):
    digest = bytes.fromhex(sha256("lamplog:node:1\n" + public_key))
    return base64.b32encode(digest[:16]).decode().lower().rstrip("=")


FORBIDDEN = ("__proto__", "constructor", "prototype")


class NotCanonical(Exception):
    pass


def number_text(value):
    """As ECMAScript writes a double."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise NotCanonical("a number is not finite")
        if value == int(value):
            value = int(value)
    if isinstance(value, int):
        if abs(value) > SAFE:
            raise NotCanonical("an integer is beyond 2^53-1")
        return str(value)
    sign, digits, exponent = re.fullmatch(
        r"(-?)([0-9.]+)(?:e([-+][0-9]+))?", repr(value)
    ).groups()
    whole, _, fraction = digits.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    digits, point = digits.lstrip("0").rstrip("0"), point - leading
    if point > 0:
        return sign + digits[:point] + "." + digits[point:]
    if point > -6:
        return sign + "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{point - 1}"


def string_text(text):
    if "\0" in text or re.search("[\ud800-\udfff]", text):
        raise NotCanonical("a string holds U+0000 or half of a surrogate pair")
    return json.dumps(text, ensure_ascii=False)


def canonical(value, level=0, level_max=32):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, (int, float)):
        return number_text(value)
    if level >= level_max:
        raise NotCanonical(f"nested deeper than {level_max} levels")
    if isinstance(value, list):
        return "[" + ",".join(canonical(item, level + 1, level_max) for item in value) + "]"
    for key in value:
        if key in FORBIDDEN:
            raise NotCanonical(f"the key {key} is not allowed")
    members = sorted(value.items(), key=lambda member: units(member[0]))
    return "{" + ",".join(
        string_text(key) + ":" + canonical(item, level + 1, level_max) for key, item in members
    ) + "}"


def parse(text, stage, where, level_max=32):
    """The value of a text that must be canonical."""

    def refuse(constant):
        raise NotCanonical(f"{constant} is not JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
        if canonical(value, 0, level_max) != text:
            raise NotCanonical("not in canonical form")
    except (NotCanonical, ValueError, RecursionError, OverflowError) as error:
        raise Finding(stage, "not-canonical", where, f"{where}: {error}") from None
    return value


def decode(data, stage, where):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Finding(stage, "not-utf8", where, f"{where}: {error}") from None


# Ed25519 verification (RFC 8032, 5.1.7), without the cofactor

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add_points(a, b):
    """In extended coordinates (X, Y, Z, T)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, z, t, y = f - e, h - g, h + g, f + e
    return (x * z % P, y * t % P, z * t % P, x * y % P)


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add_points(result, point)
        point, scalar = add_points(point, point), scalar >> 1
    return result


def point_from(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point_from((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signature_fits(public_key, signature, text):
    key, data = bytes.fromhex(public_key), bytes.fromhex(signature)
    point, scalar = point_from(key), int.from_bytes(data[32:], "little")
    if point is None or scalar >= ORDER:
        return False
    digest = hashlib.sha512(data[:32] + key + text.encode("utf-8")).digest()
    factor = int.from_bytes(digest, "little") % ORDER
    negative = (P - point[0], point[1], 1, P - point[3])
    x, y, z, _ = add_points(multiply(scalar, BASE), multiply(factor, negative))
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == data[:32]


def head_text(project, node, seq, chain):
    return f"lamplog:head:1\n{project}\n{node}\n{seq}\n{chain}"


# 2. An event

HEADER_BYTES, BODY_BYTES = 65472, 1 << 20
ENTITY_OPS = {"put", "patch", "delete", "resolve"}
CONTROL_OPS = {"continue", "admit", "retire", "redact"}
CONTROL = "lamplog"


def is_name(value, length_max):
    return isinstance(value, str) and 0 < len(units(value)) // 2 <= length_max


def reference(value, where):
    good = (
        isinstance(value, list)
        and len(value) == 3
        and fits(IDENTIFIER, value[0])
        and is_count(value[1], 1)
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


class Event:
    """An event of a log, with what it stands on."""

    def __init__(self, text, project_hash, where):
        parts = text.split("\t")
        require(len(parts) == 3, "schema", "line-parts", where, f"{where}: not three parts")
        header_text, salt, body_text = parts
        long = len(header_text.encode()) > HEADER_BYTES or len(body_text.encode()) > BODY_BYTES
        require(not long, "schema", "too-long", where, f"{where}: longer than allowed")
        self.header = parse(header_text, "schema", where)
        self.parents, self.anchor, self.index, self.count = check_header(self.header, where)
        self.node, self.seq = self.header["node"], self.header["seq"]
        self.lamport, self.op = self.header["lamport"], self.header["op"]
        self.type, self.id = self.header["type"], self.header["id"]
        named = sha256(f"lamplog:body:1\n{salt}\n{body_text}")
        good = SALT.fullmatch(salt) and named == self.header["body"]
        require(good, "structure", "body-hash", where, f"{where}: not the body its header names")
        self.body = parse(body_text, "schema", where)
        check_body(self.body, where)
        self.length = len(units(text)) // 2
        self.previous = project_hash
        self.hash = sha256(f"lamplog:chain:1\n{project_hash}\n{header_text}")
        self.where = where
        self.aside = False

    @property
    def order(self):
        return (self.lamport, self.node, self.seq, self.hash)


# 3. and 4. Logs, transactions, the clock, names of branches


class Project:
    """All events of an archive."""

    def __init__(self, project):
        self.project = project
        self.events = {}
        self.genesis = {}
        self.partial = False

    def add_log(self, log, lines):
        """Reads one log of a manifest; `lines` gives (text, where)."""
        node, where = log["node"], f"log {log['log']}"
        start = sha256(f"lamplog:log:1\n{self.project}\n{log['publicKey']}")
        self.genesis[node] = start
        seq, chain = log["from"] - 1, log["previous"]
        if seq == 0:
            require(chain == start, "structure", "other-project", where, "not this project's log")
        else:
            before = self.events.get(chain)
            good = before is None or (before.node, before.seq) == (node, seq)
            require(good, "structure", "log-start", where, f"does not go on after {chain}")
            self.partial = self.partial or before is None
        last = self.events.get(chain)
        for text, place in lines:
            event = Event(text, chain, place)
            seq += 1
            good = (event.node, event.seq) == (node, seq)
            require(good, "structure", "out-of-sequence", place, f"{place}: not event {seq}")
            if event.index > 0 and (last is not None or seq != log["from"] or seq == 1):
                good = last is not None and last.lamport == event.lamport
                good = good and (last.index, last.count) == (event.index - 1, event.count)
            else:
                good = last is None or last.index == last.count - 1
            require(good, "structure", "transaction-broken", place, f"{place}: transaction")
            chain = event.hash
            self.events[chain] = last = event
        whole = last is None or last.index == last.count - 1
        require(whole, "structure", "transaction-cut", where, "ends inside a transaction")
        good = (seq, chain) == (log["to"], log["head"])
        require(good, "structure", "head", where, "does not end where the manifest says")
        if "signature" in log:
            text = head_text(self.project, node, seq, chain)
            good = signature_fits(log["publicKey"], log["signature"], text)
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


# 6. Classes, 7. State

KINDS = {
    "design-system": {
        "token": {"modes": "map", "extensions": "map", "tags": "set"},
        "group": {"extensions": "map"},
        "component": {"properties": "map", "tokens": "set", "assets": "set", "tags": "set"},
        "theme": {"values": "map", "tags": "set"},
        "style": {"properties": "map", "tags": "set"},
        "asset": {"tags": "set"},
    },
    "open": None,
}


def kinds_of(schema, entity_type):
    types = KINDS[schema]
    return types.get(entity_type) if types is not None else {}


def is_delta(value, parts):
    return isinstance(value, dict) and all(
        key in parts and isinstance(item, parts[key]) for key, item in value.items()
    )


def understood(schema, event):
    if event.type == CONTROL:
        return event.op == "continue"
    kinds = kinds_of(schema, event.type)
    if event.op not in ENTITY_OPS or kinds is None or event.body["kind"] > 1:
        return False
    for field, value in event.body.get("fields", {}).items():
        kind = kinds.get(field)
        if kind == "map":
            texts = isinstance(value, dict) and all(
                isinstance(key, str)
                for key in (value.get("remove") if isinstance(value.get("remove"), list) else [])
            )
            if not texts or not is_delta(value, {"set": dict, "remove": list}):
                return False
        if kind == "set" and not is_delta(value, {"add": list, "remove": list}):
            return False
    return all(kinds.get(field) is None for field in event.body.get("unset", []))


ENTITY_LEVELS = 36


def step(name):
    return name.replace("~", "~0").replace("/", "~1")


class Entity:
    """The fold of one entity's events."""

    def __init__(self, kinds, events):
        self.kinds = kinds
        self.history = sorted(events, key=lambda event: event.order)
        self.ancestors = {}
        for event in self.history:
            seen = set()
            for _, _, parent in event.parents:
                seen |= {parent} | self.ancestors.get(parent, set())
            self.ancestors[event.hash] = seen
        self.applied = [event for event in self.history if not event.aside]
        self.writes, self.adds = {}, {}
        for event in self.applied:
            self.write(event)

    def saw(self, later, earlier):
        return earlier.hash in self.ancestors[later.hash]

    def restarts(self, event):
        ops = {other.hash: other.op for other in self.history}
        deletes = [ops.get(parent) == "delete" for _, _, parent in event.parents]
        return event.op == "put" or (event.op == "patch" and deletes and all(deletes))

    def write(self, event):
        if event.op == "delete":
            return
        if self.restarts(event):
            for live in self.writes.values():
                live["live"] = [one for one in live["live"] if not self.saw(event, one[0])]
            for adds in self.adds.values():
                adds[:] = [one for one in adds if not self.saw(event, one[0])]
        mine = {(name, None): (False, None) for name in event.body.get("unset", [])}
        for field, value in event.body.get("fields", {}).items():
            kind = self.kinds.get(field)
            if kind is None:
                mine[field, None] = (True, value)
            elif kind == "map":
                mine.update({(field, key): (False, None) for key in value.get("remove", [])})
                mine.update({(field, key): (True, item) for key, item in value.get("set", {}).items()})
            else:
                self.write_set(event, field, value)
        for name, (present, value) in mine.items():
            track = self.writes.setdefault(name, {"all": [], "live": []})
            track["live"] = [one for one in track["live"] if not self.saw(event, one[0])]
            track["live"].append((event, present, value))
            track["all"].append((event, present, value))

    def write_set(self, event, field, value):
        for element in value.get("remove", []):
            adds = self.adds.get((field, canonical(element)), [])
            adds[:] = [one for one in adds if not self.saw(event, one[0])]
        for element in value.get("add", []):
            self.adds.setdefault((field, canonical(element)), []).append((event, element))

    def state(self):
        """(fields, deleted, conflicts), or None when nothing was applied."""
        if not self.applied:
            return None
        heads = [
            event
            for event in self.applied
            if not any(self.saw(other, event) for other in self.applied)
        ]
        deleted = all(event.op == "delete" for event in heads)
        fields = {}
        for (field, key), track in self.writes.items():
            if not track["live"]:
                continue
            _, present, value = track["live"][-1]
            if not present:
                continue
            if key is None:
                fields[field] = value
            else:
                fields.setdefault(field, {})[key] = value
        elements = [(field, text.encode(), adds[0][1]) for (field, text), adds in self.adds.items() if adds]
        for field, _, element in sorted(elements, key=lambda one: (one[0], one[1])):
            fields.setdefault(field, []).append(element)
        return fields, deleted, [] if deleted else self.conflicts()

    def conflicts(self):
        found = [self.delete_conflict()]
        for (field, key), track in self.writes.items():
            name = step(field) if key is None else f"{step(field)}/{step(key)}"
            found.append(self.field_conflict(name, track))
        return sorted((one for one in found if one), key=lambda one: units(one["field"]))

    def conflict(self, name, kind, candidates, resolvers, winner):
        """`candidates` as (event, present, value), in order."""
        first = candidates[0][0]
        hashes = sorted(event.hash for event, _, _ in candidates)
        text = canonical([first.type, first.id, name, hashes])
        return {
            **resolved(resolvers),
            "candidates": [
                {
                    **({"value": value} if present else {"absent": True}),
                    "actor": event.body["actor"],
                    "hash": event.hash,
                    "lamport": event.lamport,
                    "node": event.node,
                    "op": event.op,
                    "seq": event.seq,
                }
                for event, present, value in candidates
            ],
            "field": name,
            "id": sha256(f"lamplog:conflict:1\n{text}")[:32],
            "kind": kind,
            "winner": {"node": winner.node, "seq": winner.seq},
        }

    def field_conflict(self, name, track):
        live = track["live"]
        texts = {canonical(value) if present else "" for _, present, value in live}
        if len(texts) < 2:
            return None
        events = [event for event, _, _ in live]
        made = self.conflict(name, "field", live, events, events[-1])
        seen = [one for one in track["all"] if all(self.saw(event, one[0]) for event in events)]
        return {**made, "base": seen[-1][2]} if seen and seen[-1][1] else made

    def delete_conflict(self):
        edits = [event for event in self.applied if event.op in ("put", "patch", "resolve")]
        settlers = [
            event
            for event in self.applied
            if event.op in ("delete", "resolve") or self.restarts(event)
        ]
        open_deletes, open_edits = [], []
        for removal in self.applied:
            if removal.op != "delete":
                continue
            after = [event for event in settlers if self.saw(event, removal)]
            beside = [
                edit
                for edit in edits
                if not self.saw(edit, removal)
                and not self.saw(removal, edit)
                and not any(self.saw(event, edit) for event in after)
            ]
            if beside:
                open_deletes.append(removal)
                open_edits += [edit for edit in beside if edit not in open_edits]
        if not open_deletes:
            return None
        newest = [e for e in open_edits if not any(self.saw(other, e) for other in open_edits)]
        newest.sort(key=lambda event: event.order)
        involved = sorted(open_deletes + newest, key=lambda event: event.order)
        candidates = [(event, event.op != "delete", edit_value(event)) for event in involved]
        return self.conflict("", "delete-edit", candidates, newest, newest[-1])


def resolved(events):
    found = [
        {"actor": event.body["actor"], "node": event.node, "seq": event.seq}
        for event in events
        if event.op == "resolve"
    ]
    return {"afterResolutionBy": found} if found else {}


def edit_value(event):
    written, unset = event.body.get("fields", {}), event.body.get("unset", [])
    return {**written, "unset": unset} if unset else written


def classify(project, schema):
    """Sets aside what is not understood, whole transactions at a time."""
    for event in project.events.values():
        event.aside = True
    for last in project.events.values():
        if last.index < last.count - 1:
            continue
        group = project.members(last)
        if all(understood(schema, member) for member in group):
            for member in group:
                member.aside = False


def entity_lines(project, schema):
    """The lines of the snapshot, in order."""
    by_entity = {}
    for event in project.events.values():
        if event.type != CONTROL:
            by_entity.setdefault((event.type, event.id), []).append(event)
    lines = []
    for entity_type, entity_id in sorted(by_entity, key=lambda name: (name[0].encode(), name[1].encode())):
        kinds = kinds_of(schema, entity_type) or {}
        state = Entity(kinds, by_entity[entity_type, entity_id]).state()
        if state is None:
            continue
        fields, deleted, conflicts = state
        line = {
            "conflicts": conflicts,
            "deleted": deleted,
            "fields": fields,
            "id": entity_id,
            "type": entity_type,
        }
        lines.append(canonical(line, 0, ENTITY_LEVELS))
    return lines


def digest_of(schema, lines):
    buckets = [[] for _ in range(4096)]
    for line in lines:
        entity = json.loads(line)
        name = sha256(f"lamplog:entity:1\n{entity['type']}/{entity['id']}")
        buckets[int(name[:3], 16)].append(f"{name} {sha256('lamplog:leaf:1' + chr(10) + line)}")
    hashes = [
        sha256("lamplog:bucket:1\n" + "\n".join(sorted(bucket))) if bucket else ""
        for bucket in buckets
    ]
    return sha256(f"lamplog:state:1\n{schema['name']} {schema['version']}\n" + "\n".join(hashes))


# 8. Archive

MANIFEST_KEYS = {
    "format", "version", "project", "name", "schema", "frontier", "logs", "members",
    "itemCounts", "events", "entities", "conflicts", "setAside", "digest", "prerequisites",
}
LOG_KEYS = {"log", "node", "publicKey", "from", "to", "previous", "head", "members"}
SNAPSHOT = "snapshot/entities.jsonl"
SEGMENT = re.compile(r"logs/([a-z2-7]{26}(?:-[0-9a-f]{8,64})?)/[0-9]{10,}\.events")


def check_manifest(data):
    def need(holds, what, code="manifest-invalid"):
        require(holds, "manifest", code, "manifest.json", f"manifest.json: {what}")

    need(len(data) <= 16 << 20, "too large")
    text = decode(data, "manifest", "manifest.json")
    need(text.endswith("\n"), "does not end with LF")
    manifest = parse(text[:-1], "manifest", "manifest.json")
    need(isinstance(manifest, dict) and manifest.get("format") == "lamplog-archive", "format")
    need(manifest.get("version") == 1, "version", "archive-newer")
    need(set(manifest) == MANIFEST_KEYS, "keys")
    schema = manifest["schema"]
    need(isinstance(schema, dict) and set(schema) == {"name", "version"}, "schema")
    need(fits(IDENTIFIER, manifest["project"]) and isinstance(manifest["name"], str), "project")
    for key in ("events", "entities", "conflicts", "setAside"):
        need(is_count(manifest[key], 0), key)
    need(fits(HASH, manifest["digest"]), "digest")
    for member in manifest["members"]:
        need(isinstance(member, dict) and set(member) == {"path", "sha256", "size"}, "members")
        need(fits(HASH, member["sha256"]) and is_count(member["size"], 0), "members")
        path = member["path"]
        need(path == SNAPSHOT or fits(SEGMENT, path), "members")
    paths = [member["path"] for member in manifest["members"]]
    need(paths == sorted(set(paths)) and len(paths) <= 60_000, "members")
    used = [] if manifest["prerequisites"] else [SNAPSHOT]
    for log in manifest["logs"]:
        check_log(log, need)
        used += log["members"]
        end = manifest["frontier"].get(log["log"])
        need(end == {"hash": log["head"], "seq": log["to"]}, "frontier")
    need(sorted(used) == paths, "members and logs")
    return manifest


def check_log(log, need):
    need(isinstance(log, dict) and set(log) - {"signature"} == LOG_KEYS, "a log's keys")
    good = all(fits(HASH, log[key]) for key in ("publicKey", "previous", "head"))
    need(good and is_count(log["from"], 1) and is_count(log["to"], log["from"]), "a log")
    need(node_of(log["publicKey"]) == log["node"], "a node id is not that of its key")
    name = LOG_NAME.fullmatch(log["log"])
    need(name is not None and name.group(1) == log["node"], "a log's name")
    need(fits(re.compile("[0-9a-f]{128}"), log.get("signature", "0" * 128)), "a signature")
    need(isinstance(log["members"], list) and log["members"], "a log's members")
    for path in log["members"]:
        found = SEGMENT.fullmatch(path)
        need(found is not None and found.group(1) == log["log"], "a log's members")
    first = f"logs/{log['log']}/{log['from']:010}.events"
    need(log["members"][0] == first and sorted(log["members"]) == log["members"], "its first")


def lines_of(data, where):
    text = decode(data, "schema", where)
    require(text.endswith("\n"), "schema", "line-cut", where, f"{where}: the last line is cut")
    for number, line in enumerate(text[:-1].split("\n"), 1):
        yield line, f"{where} line {number}"


def read_members(archive):
    """Contents by path; what the manifest says of them is not checked yet."""
    names = archive.namelist()
    good = names[:1] == ["manifest.json"] and len(set(names)) == len(names)
    require(good, "archive", "not-an-archive", "directory", "members are not those of an archive")
    contents = {}
    for name in names:
        try:
            contents[name] = archive.read(name)
        except Exception as error:
            raise Finding("archive", "member-damaged", name, f"{name}: {error}") from None
    return contents


def check_snapshot(manifest, data, findings):
    """What the snapshot says by itself; returns its lines."""
    lines = [line for line, _ in lines_of(data, SNAPSHOT)] if data else []
    entities = [
        parse(line, "schema", f"{SNAPSHOT} line {number}", ENTITY_LEVELS)
        for number, line in enumerate(lines, 1)
    ]
    living = [entity["type"] for entity in entities if not entity["deleted"]]
    found = {
        "digest": digest_of(manifest["schema"], lines),
        "itemCounts": {name: living.count(name) for name in set(living)},
        "conflicts": sum(len(entity["conflicts"]) for entity in entities),
        "entities": len(lines),
    }
    for key, value in found.items():
        if manifest[key] != value:
            message = f"{key} is {manifest[key]}, but the snapshot gives {value}"
            findings.append(Finding("referential", "snapshot-mismatch", key, message).found)
    return lines


def check_state(manifest, project, lines, findings):
    """The snapshot against the fold of all events."""
    schema = manifest["schema"]["name"]
    classify(project, schema)
    aside = sum(event.aside for event in project.events.values())
    if aside != manifest["setAside"]:
        message = f"the exporter set {manifest['setAside']} events aside, this page {aside}"
        findings.append(finding("warning", "manifest", "state-not-compared", "setAside", message))
        return
    folded = entity_lines(project, schema)
    for number in range(max(len(lines), len(folded))):
        have, want = (part[number] if number < len(part) else None for part in (lines, folded))
        if have != want:
            where = f"{SNAPSHOT} line {number + 1}"
            message = f"{where}: is {have}, but the events give {want}"
            findings.append(Finding("referential", "snapshot-mismatch", where, message).found)
            return


def check_archive(path, findings):
    try:
        with zipfile.ZipFile(path) as archive:
            contents = read_members(archive)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise Finding("archive", "not-an-archive", path, str(error)) from None
    data = contents.pop("manifest.json")
    manifest = check_manifest(data)
    listed = {member["path"]: member for member in manifest["members"]}
    good = set(listed) == set(contents)
    require(good, "manifest", "members", "directory", "other members than the manifest lists")
    for name, member in listed.items():
        good = (len(contents[name]), sha256(contents[name])) == (member["size"], member["sha256"])
        require(good, "manifest", "member-hash", name, f"{name}: not the bytes the manifest names")
    project = Project(manifest["project"])
    for log in manifest["logs"]:
        lines = (line for name in log["members"] for line in lines_of(contents[name], name))
        project.add_log(log, lines)
        if "signature" not in log:
            where = f"log {log['log']}"
            findings.append(finding("warning", "manifest", "head-unsigned", where, "unsigned"))
    good = manifest["events"] == len(project.events)
    require(good, "structure", "event-count", "events", "not the number of events")
    partial = project.partial or manifest["prerequisites"]
    lines = [] if partial else check_snapshot(manifest, contents[SNAPSHOT], findings)
    names = {log["log"] for log in manifest["logs"]}
    schema = manifest["schema"]
    if partial or names != set(manifest["frontier"]):
        message = "the archive holds only later parts of its logs: clock and state are not checked"
        findings.append(finding("warning", "manifest", "archive-partial", "logs", message))
    else:
        project.check_clock()
        good = project.frontier() == manifest["frontier"]
        message = "the frontier is not what the logs end with"
        require(good, "structure", "frontier", "frontier", message)
        if schema["name"] in KINDS and schema["version"] == 1:
            check_state(manifest, project, lines, findings)
        else:
            message = "this page does not describe the schema: the state is not checked"
            findings.append(finding("warning", "manifest", "schema-newer", "schema", message))
    print(json.dumps({"file": path, "exportHash": sha256(data), "events": len(project.events)}))


# docs/vectors.json


def check_vectors(path, findings):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)

    def expect(what, expected, found):
        if expected != found:
            message = f"{what}: expected {expected}, computed {found}"
            findings.append(Finding("structure", "vector", what, message).found)

    for sample in vectors["canonical"]:
        try:
            found = canonical(json.loads(sample["json"]))
        except NotCanonical:
            found = None
        expect(sample["json"], sample.get("canonical"), found)
    for key in vectors["keys"]:
        expect("node", key["node"], node_of(key["publicKey"]))
    project = Project(vectors["project"])
    for log in vectors["logs"]:
        lines = [
            ("\t".join((event["header"], event["salt"], event["body"])), f"event {event['seq']}")
            for event in log["events"]
        ]
        last = log["events"][-1]
        ends = {"from": 1, "to": last["seq"], "previous": log["genesis"], "head": last["chainHash"]}
        project.add_log({**log, **ends, "log": log["node"]}, lines)
        forged = log["signature"][:-2] + ("01" if log["signature"][-2:] == "00" else "00")
        text = head_text(project.project, log["node"], last["seq"], last["chainHash"])
        expect("a forged signature", False, signature_fits(log["publicKey"], forged, text))
    project.check_clock()
    expect("frontier", vectors["frontier"], project.frontier())
    schema = vectors["schema"]
    classify(project, schema["name"])
    lines = entity_lines(project, schema["name"])
    expect("entities", [entity["line"] for entity in vectors["entities"]], lines)
    expect("digest", vectors["digest"], digest_of(schema, lines))
    expect("forks", *fork_names(vectors["forks"]))


class Fork:
    """What the naming of branches asks of an event."""

    def __init__(self, node, seq, chain):
        self.node, self.seq, self.hash = node, seq, chain


def fork_names(lines):
    """Names as given and as computed, for lines that part from one another."""
    node, last = lines[0]["node"], 9
    project = Project("")
    project.genesis[node] = "start"
    chains = {}
    for line in lines:
        before = chains[line["parent"]][line["from"] - 1] if "parent" in line else "start"
        own = dict(chains.get(line.get("parent"), {}))
        besides = {o["from"]: o["besides"] for o in lines if o.get("parent") == line["line"]}
        for seq in range(line["from"], last + 1):
            chain = line["firstHash"] if seq == line["from"] else f"{line['line']}-{seq}"
            event = Fork(node, seq, besides.get(seq, chain))
            event.previous, before = before, event.hash
            project.events[event.hash] = event
            own[seq] = event.hash
        chains[line["line"]] = own
    ends = {end["hash"]: name for name, end in project.frontier().items()}
    return [line["name"] for line in lines], [ends[chains[line["line"]][last]] for line in lines]


def findings_of(check, path):
    """What a check reports of one file, printed a line each; whether one of them is an error."""
    findings = []
    try:
        check(path, findings)
    except Finding as error:
        findings.append(error.found)
    for found in findings:
        print(json.dumps({"file": path, **found}))
    return any(found["severity"] == "error" for found in findings)


def main(arguments):
    check = check_archive
    if arguments[:1] == ["--vectors"]:
        check, arguments = check_vectors, arguments[1:]
    if not arguments:
        sys.exit(__doc__)
    return 1 if any([findings_of(check, path) for path in arguments]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
