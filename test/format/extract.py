"""docs/FORMAT.md, section 10: that the entities of an extract stand in the state of its digest."""

import re

from manifest import PROOFS, SNAPSHOT
from notation import (
    HASH, IDENTIFIER, Finding, canonical, fits, has_keys, is_count, parse, require, sha256,
)
from state import bucket_hash, leaf_of, name_of, root_of

BUCKET = re.compile(r"[0-9a-f]{3}")


def breach(code, where, message, stage="structure"):
    raise Finding(stage, code, where, f"{where}: {message}")


def selected(selection, entity):
    """Whether an entity is what was asked for, not asking what refers to it."""
    kind, name, fields = entity["type"], entity["id"], entity["fields"]
    tags = fields.get("tags")
    wanted = {}
    for condition in selection.get("where", []):
        wanted.setdefault(condition["field"], set()).add(canonical(condition["value"]))
    asked = {
        "types": lambda types: kind in types,
        "entities": lambda names: f"{kind}/{name}" in names,
        "groups": lambda groups: kind in ("token", "group")
        and any(name == group or name.startswith(group + ".") for group in groups),
        "tags": lambda names: isinstance(tags, list) and any(tag in names for tag in tags if isinstance(tag, str)),
        "where": lambda _: all(
            field in fields and canonical(fields[field], 0, 36) in values
            for field, values in wanted.items()
        ),
    }
    return all(asked[key](value) for key, value in selection.items() if key != "closed")


def check_entities(manifest, entities):
    """`entities` as the snapshot shows them, in its order."""
    extract = manifest["extract"]
    selection, beyond = extract["selection"], {one["to"] for one in extract["open"]}
    for number, entity in enumerate(entities, 1):
        where = f"{SNAPSHOT} line {number}"
        if entity["deleted"]:
            breach("extract-deleted", where, "a deleted entity")
        if not selection["closed"] and not selected(selection, entity):
            breach("selection-mismatch", where, "not what was asked for")
        if f"{entity['type']}/{entity['id']}" in beyond:
            breach("selection-mismatch", where, "listed as left out")
    held = {f"{entity['type']}/{entity['id']}" for entity in entities}
    for name in {*selection.get("entities", []), *(one["from"] for one in extract["open"])} - held:
        breach("selection-mismatch", "manifest.json extract", f"{name} is not in the extract")


def proof_from(value):
    """(key, hash, heads); heads are None for what is not in the extract."""
    if has_keys(value, {"bucket", "hash"}):
        good, key = fits(BUCKET, value["bucket"]), value["bucket"]
    else:
        good = has_keys(value, {"hash", "name"}, {"heads"}) and fits(HASH, value["name"])
        key = value["name"] if good else None
    if not good or not fits(HASH, value["hash"]):
        return None
    heads = value.get("heads")
    if "heads" in value:
        good = isinstance(heads, list) and heads and all(
            has_keys(head, {"hash", "node", "seq"}) and fits(HASH, head["hash"])
            and fits(IDENTIFIER, head["node"]) and is_count(head["seq"], 1)
            for head in heads
        )
    return (key, value["hash"], heads) if good else None


def check_heads(manifest, heads, where):
    for head in heads:
        known = [end["seq"] for log, end in manifest["frontier"].items() if log[:26] == head["node"]]
        if head["seq"] > max(known, default=0):
            breach("proof-mismatch", where, "a head beyond the frontier", "referential")


def check_proofs(manifest, lines, entities, proof_lines):
    """`lines` are those of the snapshot; `proof_lines` gives (text, where)."""
    hashes, leaves, wanted, proven, last = {}, {}, set(), {}, ""
    for text, where in proof_lines:
        found = proof_from(parse(text, "schema", where))
        require(found is not None, "schema", "proof-line", where, f"{where}: not a proof")
        key, value, heads = found
        bucket = key[:3]
        if key <= last or (bucket in hashes and bucket == last[:3]):
            breach("proof-order", where, "not sorted, or a bucket with a hash and leaves")
        last = key
        if len(key) == 3:
            hashes[bucket] = value
            continue
        leaves.setdefault(bucket, []).append((key, value))
        if heads is not None:
            wanted.add(bucket)
            proven[key] = value
            check_heads(manifest, heads, where)
    for bucket, members in leaves.items():
        if bucket not in wanted:
            breach("proof-needless", PROOFS, f"bucket {bucket} proves nothing")
        hashes[bucket] = bucket_hash(members)
    root = root_of(manifest["schema"], hashes)
    if root != manifest["digest"]:
        breach("proof-mismatch", "manifest.json digest", f"the proofs give {root}", "referential")
    for line, entity in zip(lines, entities):
        name = name_of(entity)
        if proven.pop(name, None) != leaf_of(line):
            breach("proof-mismatch", f"{SNAPSHOT} {entity['id']}", "not proven", "referential")
    for name in proven:
        breach("proof-mismatch", f"{PROOFS} {name}", "proves what is not there", "referential")
