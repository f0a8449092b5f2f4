"""docs/vectors.json: whether this program computes what stands there."""

import json

from logs import Project, head_signed
from manifest import PROOFS, asset_path
from notation import Finding, NotCanonical, canonical, node_of, sha256
from signed_note import key_from
from state import classify, digest_of, entity_lines
from zip_layout import read_zip


def check_vectors(path, findings, check_bytes):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)

    def expect(what, expected, found):
        if expected != found:
            message = f"{what}: expected {expected}, computed {found}"
            findings.append(Finding("structure", "vector", what, message).found)

    for sample in vectors["canonical"]:
        try:
            found = {"canonical": canonical(json.loads(sample["json"]))}
        except NotCanonical as error:
            found = {"refused": error.code}
        expect(sample["json"], sample, {"json": sample["json"], **found})
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
        log = {**log, **ends, "log": log["node"]}
        project.add_log(log, lines)
        forged = log["signature"][:-2] + ("01" if log["signature"][-2:] == "00" else "00")
        expect("a forged signature", False, head_signed(project.project, log, forged))
    project.check_clock()
    expect("frontier", vectors["frontier"], project.frontier())
    schema = vectors["schema"]
    classify(project, schema["name"])
    lines = entity_lines(project, schema["name"])
    expect("entities", [entity["line"] for entity in vectors["entities"]], lines)
    expect("digest", vectors["digest"], digest_of(schema, lines))
    expect("forks", *fork_names(vectors["forks"]))
    signer, asset = vectors["signer"], vectors["asset"]
    name, known, public_key = key_from(signer["key"])
    expect("signer", (signer["name"], signer["keyId"]), (name, known.hex()))
    expect("signer", vectors["keys"][1]["publicKey"], public_key.hex())
    expect("asset", asset["sha256"], sha256(asset["text"]))
    expect("asset", asset["path"], asset_path(asset["sha256"]))
    for sample in vectors["archives"]:
        data = bytes.fromhex(sample["zip"])
        texts = {member.name: member.content(data).decode() for member in read_zip(data)}
        result = check_bytes(data, [], [signer["key"]], "note" in sample)
        expect("exportHash", sample["exportHash"], result["exportHash"])
        expect("signature", "note" in sample, result["signature"] == "trusted")
        expect("manifest", sample["manifest"], texts["manifest.json"])
        expect("note", sample.get("note"), texts.get("manifest.note"))
        proofs = "".join(line + "\n" for line in sample.get("proofs", []))
        expect("proofs", proofs, texts.get(PROOFS, ""))


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
