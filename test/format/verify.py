"""Checks Lamplog archives by docs/FORMAT.md alone, with Python's standard library.

    python3 verify.py [--trusted KEY] [--signed] ARCHIVE…
    python3 verify.py --vectors FILE    whether this program agrees with docs/vectors.json

Checks the layout of the zip, the signature, every member, hash, chain and clock, and the whole state
(of an extract: its proofs). `--trusted` names a key of a signer as text; with `--signed` an archive
without the signature of such a key is refused. A file named `-` stands for a list of files, one a
line, on standard input.

Prints one JSON object a line for each finding, and one for each archive that was read to its end;
exit status 1 if a finding is an error. It shares nothing with the engine, so that the two can catch
each other's mistakes. Encrypted archives are decrypted with `age --decrypt` first.
"""

import json
import sys

sys.dont_write_bytecode = True

from check_vectors import check_vectors  # noqa: E402
from extract import check_entities, check_proofs  # noqa: E402
from logs import LINE_BYTES, Project  # noqa: E402
from members import check_members  # noqa: E402
from manifest import PROOFS, SNAPSHOT, asset_path, check_manifest  # noqa: E402
from notation import (  # noqa: E402
    HASH, Finding, finding, fits, has_keys, lines_of, parse, require, sha256,
)
from signed_note import check_signature, key_from  # noqa: E402
from state import ENTITY_LEVELS, KINDS, classify, digest_of, entity_lines  # noqa: E402
from zip_layout import limit, read_zip  # noqa: E402

SNAPSHOT_LINE_BYTES = 32 << 20


class Archive:
    """An archive whose layout, manifest and signature were checked, in that order."""

    def __init__(self, data, trusted, signed):
        encrypted = data.startswith(b"age-encryption.org/")
        require(not encrypted, "archive", "archive-encrypted", "the file", "decrypt it first")
        members = read_zip(data)
        good = members and members[0].name == "manifest.json"
        require(good, "archive", "not-an-archive", "directory", "manifest.json is not the first")
        manifest = members.pop(0).content(data)
        noted = members and members[0].name == "manifest.note"
        note = members.pop(0).content(data) if noted else None
        project, self.status = check_signature(note, manifest, trusted, signed)
        self.manifest = check_manifest(manifest)
        self.export_hash = sha256(manifest)
        good = project in (None, self.manifest["project"])
        where = "manifest.note"
        require(good, "manifest", "signature-invalid", where, "signed for another project")
        for name, count in self.manifest["itemCounts"].items():
            limit("items", count, f"itemCounts.{name}")
        self.check_closed(members)
        self.contents = {}
        for member, listed in zip(members, self.manifest["members"]):
            content, name = member.content(data), member.name
            good = sha256(content) == listed["sha256"]
            require(good, "manifest", "member-hash", name, f"{name}: not what the manifest names")
            self.contents[name] = content

    def check_closed(self, members):
        """The members are those listed, in their order."""
        listed = {member["path"]: member["size"] for member in self.manifest["members"]}
        for member in members:
            name = member.name
            good = name in listed
            require(good, "manifest", "member-unlisted", name, f"{name}: not in the manifest")
            good = member.size == listed[name]
            require(good, "manifest", "member-size", name, f"{name}: of another size")
        names = [member.name for member in members]
        for name in listed:
            require(name in names, "manifest", "member-missing", name, f"{name} is missing")
        require(names == list(listed), "archive", "zip-layout", "directory", "members out of order")


def is_conflict(value):
    good = isinstance(value, dict) and isinstance(value.get("field"), str)
    candidates = value.get("candidates") if good else None
    return isinstance(candidates, list) and all(isinstance(one, dict) for one in candidates)


def check_entity(line, where):
    entity = parse(line, "schema", where, ENTITY_LEVELS)
    good = has_keys(entity, {"conflicts", "deleted", "fields", "id", "type"})
    good = good and isinstance(entity["type"], str) and isinstance(entity["id"], str)
    good = good and isinstance(entity["deleted"], bool) and isinstance(entity["fields"], dict)
    good = good and isinstance(entity["conflicts"], list)
    good = good and all(is_conflict(conflict) for conflict in entity["conflicts"])
    require(good, "schema", "snapshot-line", where, f"{where}: not an entity")
    return entity


def read_snapshot(archive):
    """The lines of the snapshot, and their entities."""
    lines = list(lines_of(archive.contents[SNAPSHOT], SNAPSHOT, SNAPSHOT_LINE_BYTES))
    return [line for line, _ in lines], [check_entity(line, where) for line, where in lines]


def check_order(entities):
    names = [(entity["type"].encode(), entity["id"].encode()) for entity in entities]
    for number in range(1, len(names)):
        where = f"{SNAPSHOT} line {number + 1}"
        good = names[number - 1] < names[number]
        require(good, "structure", "snapshot-order", where, f"{where}: not in order")


def check_said(manifest, found):
    for key, value in found.items():
        message = f"{key} is {manifest[key]}, but the members give {value}"
        where = f"manifest.json {key}"
        require(manifest[key] == value, "referential", "snapshot-mismatch", where, message)


def counts_of(entities):
    living = [entity["type"] for entity in entities if not entity["deleted"]]
    return {
        "itemCounts": {name: living.count(name) for name in set(living)},
        "conflicts": sum(len(entity["conflicts"]) for entity in entities),
        "entities": len(entities),
    }


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
        where = f"{SNAPSHOT} line {number + 1}"
        message = f"{where}: is {have}, but the events give {want}"
        require(have == want, "referential", "snapshot-mismatch", where, message)


def check_history(archive, findings):
    manifest = archive.manifest
    partial = bool(manifest["prerequisites"])
    project = Project(manifest["project"], partial)
    for log in manifest["logs"]:
        lines = (
            line for name in log["members"]
            for line in lines_of(archive.contents[name], name, LINE_BYTES)
        )
        project.add_log(log, lines)
        if "signature" not in log:
            where = f"log {log['log']}"
            findings.append(finding("warning", "manifest", "head-unsigned", where, "unsigned"))
    good = manifest["events"] == project.lines
    require(good, "structure", "event-count", "manifest.json events", "not the number of events")
    check_members(project, manifest["logs"])
    if partial:
        message = "the archive holds only later parts of its logs: clock and state are not checked"
        findings.append(finding("warning", "manifest", "archive-partial", "logs", message))
        return
    project.check_clock()
    project.check_held(manifest["frontier"])
    good = project.frontier() == manifest["frontier"]
    where = "manifest.json frontier"
    require(good, "structure", "frontier", where, "the frontier is not what the logs end with")
    lines, entities = read_snapshot(archive)
    schema = manifest["schema"]
    if schema["name"] in KINDS and schema["version"] == 1:
        check_state(manifest, project, lines, findings)
    else:
        message = "this page does not describe the schema: the state is not checked"
        findings.append(finding("warning", "manifest", "schema-newer", "schema", message))
    check_order(entities)
    check_said(manifest, {"digest": digest_of(schema, lines), **counts_of(entities)})
    note_absent(manifest, entities, findings)


def check_extract(archive, findings):
    lines, entities = read_snapshot(archive)
    check_order(entities)
    check_entities(archive.manifest, entities)
    check_said(archive.manifest, counts_of(entities))
    proofs = lines_of(archive.contents[PROOFS], PROOFS, SNAPSHOT_LINE_BYTES)
    check_proofs(archive.manifest, lines, entities, proofs)
    if archive.status != "trusted":
        message = "nobody trusted says that the project was in that state"
        findings.append(finding("warning", "manifest", "extract-unsigned", "digest", message))
    note_absent(archive.manifest, entities, findings)


def note_absent(manifest, entities, findings):
    """Assets that living entities name and the archive does not hold."""
    held = {member["path"] for member in manifest["members"]}
    for entity in entities:
        if entity["type"] != "asset" or entity["deleted"]:
            continue
        named = [entity["fields"].get("sha256")] + [
            candidate.get("value")
            for conflict in entity["conflicts"] if conflict["field"] == "sha256"
            for candidate in conflict["candidates"]
        ]
        for content in dict.fromkeys(name for name in named if fits(HASH, name)):
            if asset_path(content) not in held:
                where = f"asset/{entity['id']} sha256"
                message = f"{content} is not in the archive"
                findings.append(finding("warning", "referential", "asset-absent", where, message))


def check_archive(path, findings, trusted, signed):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise Finding("archive", "unreadable", path, str(error)) from None
    return check_bytes(data, findings, trusted, signed)


def check_bytes(data, findings, trusted, signed):
    archive = Archive(data, trusted, signed)
    check = check_extract if "extract" in archive.manifest else check_history
    check(archive, findings)
    return {
        "exportHash": archive.export_hash,
        "events": archive.manifest["events"],
        "signature": archive.status,
    }


def findings_of(check, path):
    """Prints what a check finds of one file, a line each; whether one of them is an error."""
    findings, result = [], None
    try:
        result = check(path, findings)
    except Finding as error:
        findings.append(error.found)
    for found in findings:
        print(json.dumps({"file": path, **found}))
    if result is not None:
        print(json.dumps({"file": path, **result}))
    return any(found["severity"] == "error" for found in findings)


def main(words):
    trusted, signed, paths = [], False, []
    if words[:1] == ["--vectors"] and len(words) == 2:
        return findings_of(
            lambda path, findings: check_vectors(path, findings, check_bytes), words[1]
        )
    while words:
        word, *words = words
        if word == "--trusted" and words and key_from(words[0]):
            trusted.append(words.pop(0))
        elif word == "--signed":
            signed = True
        elif word.startswith("--"):
            sys.exit(__doc__)
        else:
            paths += sys.stdin.read().split("\n")[:-1] if word == "-" else [word]
    if not paths:
        sys.exit(__doc__)

    def check(path, findings):
        return check_archive(path, findings, trusted, signed)

    return any([findings_of(check, path) for path in paths])


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
