"""docs/FORMAT.md, sections 8 and 10: what a manifest may say, and which members it may list."""

import re

from notation import (
    HASH, IDENTIFIER, LOG_NAME, ascends, canonical, decode, fits, has_keys, is_count, node_of, parse,
    require, units,
)

MANIFEST_KEYS = {
    "format", "version", "project", "name", "schema", "frontier", "prerequisites", "logs", "members",
    "itemCounts", "events", "entities", "conflicts", "setAside", "digest",
}
LOG_KEYS = {"log", "node", "publicKey", "from", "to", "previous", "head", "members"}
SIGNATURE = re.compile("[0-9a-f]{128}")
SNAPSHOT, PROOFS = "snapshot/entities.jsonl", "snapshot/proofs.jsonl"
SEGMENT = re.compile(r"logs/([a-z2-7]{26}(?:-[0-9a-f]{8}|-[0-9a-f]{64})?)/[0-9]{10}\.events")


def need(holds, what, code="manifest-invalid", stage="manifest"):
    require(holds, stage, code, "manifest.json", f"manifest.json: {what}")


def is_text(value):
    return isinstance(value, str)


def asset_path(content_hash):
    return f"assets/{content_hash[:2]}/{content_hash}"


def check_manifest(data):
    text = decode(data, "manifest", "manifest.json")
    need(text.endswith("\n"), "does not end with LF")
    manifest = parse(text[:-1], "manifest", "manifest.json", 16)
    ours = isinstance(manifest, dict) and manifest.get("format") == "lamplog-archive"
    need(ours, "format", "not-an-archive", "archive")
    need(is_count(manifest.get("version"), 1), "version")
    need(manifest["version"] == 1, "version", "archive-newer")
    need(has_keys(manifest, MANIFEST_KEYS, {"extract"}), "keys")
    schema = manifest["schema"]
    good = has_keys(schema, {"name", "version"}) and is_text(schema["name"])
    need(good and is_count(schema["version"], 1), "schema")
    need(fits(IDENTIFIER, manifest["project"]) and is_text(manifest["name"]), "project")
    need(isinstance(manifest["itemCounts"], dict), "itemCounts")
    need(all(is_count(count, 1) for count in manifest["itemCounts"].values()), "itemCounts")
    for key in ("events", "entities", "conflicts", "setAside"):
        need(is_count(manifest[key], 0), key)
    need(fits(HASH, manifest["digest"]), "digest")
    for key in ("frontier", "prerequisites"):
        check_frontier(manifest[key], key)
    need(isinstance(manifest["logs"], list) and isinstance(manifest["members"], list), "lists")
    for log in manifest["logs"]:
        check_log(log)
        end = manifest["frontier"].get(log["log"])
        need(end == {"hash": log["head"], "seq": log["to"]}, "frontier")
    names = [log["log"] for log in manifest["logs"]]
    need(len(set(names)) == len(names), "a log twice")
    if "extract" in manifest:
        check_extract(manifest["extract"])
        empty = not manifest["logs"] and not manifest["events"] and not manifest["prerequisites"]
        need(empty, "an extract with logs")
    check_members(manifest)
    return manifest


def check_frontier(frontier, key):
    need(isinstance(frontier, dict), key)
    for log, end in frontier.items():
        good = fits(LOG_NAME, log) and has_keys(end, {"hash", "seq"})
        need(good and fits(HASH, end["hash"]) and is_count(end["seq"], 1), key)


def check_log(log):
    need(has_keys(log, LOG_KEYS, {"signature"}), "a log's keys")
    good = all(fits(HASH, log[key]) for key in ("publicKey", "previous", "head"))
    need(good and is_count(log["from"], 1) and is_count(log["to"], log["from"]), "a log")
    need(node_of(log["publicKey"]) == log["node"], "a node id is not that of its key")
    need(fits(LOG_NAME, log["log"]) and log["log"].startswith(log["node"]), "a log's name")
    need(fits(SIGNATURE, log.get("signature", "0" * 128)), "a signature")
    paths = log["members"]
    need(isinstance(paths, list) and paths and all(is_text(path) for path in paths), "segments")
    for path in paths:
        found = SEGMENT.fullmatch(path)
        need(found is not None and found.group(1) == log["log"], "segments")
    first = f"logs/{log['log']}/{log['from']:010}.events"
    need(paths[0] == first and ascends(paths), "segments")


def check_members(manifest):
    used = [path for log in manifest["logs"] for path in log["members"]]
    used += [] if manifest["prerequisites"] else [SNAPSHOT]
    used += [PROOFS] if "extract" in manifest else []
    for member in manifest["members"]:
        need(has_keys(member, {"path", "sha256", "size"}) and is_text(member["path"]), "members")
        need(fits(HASH, member["sha256"]) and is_count(member["size"], 0), "members")
    paths = [member["path"] for member in manifest["members"]]
    need(ascends([units(path) for path in paths]), "members are not sorted, each once")
    others = [
        member["path"] for member in manifest["members"]
        if member["path"] != asset_path(member["sha256"])
    ]
    need(sorted(used) == others, "members are not those of the logs and the state")


# 10. Extracts

LISTS = ("types", "entities", "groups", "tags")


def condition_key(condition):
    return units(canonical(condition["field"]) + "\n" + canonical(condition["value"]))


def check_extract(extract):
    need(has_keys(extract, {"open", "selection"}), "extract")
    selection = extract["selection"]
    need(has_keys(selection, {"closed"}, {*LISTS, "where"}) and len(selection) > 1, "selection")
    need(isinstance(selection["closed"], bool), "closed")
    for key in LISTS:
        items = selection.get(key, [""])
        need(isinstance(items, list) and items and all(is_text(item) for item in items), key)
        need(ascends([units(item) for item in items]), f"{key} is not sorted, each once")
    if "where" in selection:
        where = selection["where"]
        need(isinstance(where, list) and where, "where")
        for condition in where:
            need(has_keys(condition, {"field", "value"}) and is_text(condition["field"]), "where")
        need(ascends([condition_key(condition) for condition in where]), "where is not sorted")
    need(isinstance(extract["open"], list), "open")
    for reference in extract["open"]:
        good = has_keys(reference, {"field", "from", "to"})
        need(good and all(is_text(text) for text in reference.values()), "open")
    keys = [tuple(units(one[key]) for key in ("from", "field", "to")) for one in extract["open"]]
    need(ascends(keys), "open is not sorted, each once")
