"""docs/FORMAT.md, sections 6 and 7: classes of events, the fold, conflicts, the digest."""

import json

from logs import CONTROL, ENTITY_OPS
from members import Members, has_members
from notation import canonical, sha256, units

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
    """Sets aside what is not understood or was written by nobody who may, whole transactions at a time."""
    members = Members(project) if has_members(project.project) else None

    def applies(event):
        if members is None:
            return understood(schema, event)
        if not members.counts(event):
            return False
        control = event.type == CONTROL and event.op in ("admit", "retire")
        return members.has_effect(event) if control else understood(schema, event)

    for event in project.events.values():
        event.aside = True
    for last in project.events.values():
        if last.index < last.count - 1:
            continue
        group = project.members(last)
        if all(applies(member) for member in group):
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


def name_of(entity):
    return sha256(f"lamplog:entity:1\n{entity['type']}/{entity['id']}")


def leaf_of(line):
    return sha256("lamplog:leaf:1\n" + line)


def bucket_hash(leaves):
    """`leaves` are (name, leaf), in order."""
    return sha256("lamplog:bucket:1\n" + "\n".join(f"{name} {leaf}" for name, leaf in leaves))


def root_of(schema, hashes):
    """The digest; `hashes` are those of the buckets that have entities, by their three characters."""
    buckets = "\n".join(hashes.get(f"{bucket:03x}", "") for bucket in range(4096))
    return sha256(f"lamplog:state:1\n{schema['name']} {schema['version']}\n{buckets}")


def digest_of(schema, lines):
    buckets = {}
    for line in lines:
        name = name_of(json.loads(line))
        buckets.setdefault(name[:3], []).append((name, leaf_of(line)))
    return root_of(schema, {key: bucket_hash(sorted(leaves)) for key, leaves in buckets.items()})
