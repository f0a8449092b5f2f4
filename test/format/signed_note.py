"""docs/FORMAT.md, section 9: the signature over a manifest."""

import base64
import binascii
import hashlib
import unicodedata

from notation import IDENTIFIER, Finding, fits, require, signature_fits, units
from zip_layout import limit

NOTE = "manifest.note"


def sound(holds, message):
    require(holds, "manifest", "signature-invalid", NOTE, f"{NOTE}: {message}")


def bytes_of(text):
    """Of base64 in its only spelling; None for any other text."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return data if base64.b64encode(data).decode() == text else None


def is_key_name(name):
    kinds = [unicodedata.category(character) for character in name]
    good = all(kind[0] != "Z" and kind not in ("Cc", "Cf", "Cs") for kind in kinds)
    return good and "+" not in name and 1 <= len(units(name)) // 2 <= 200


def key_id(name, typed):
    return hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]


def key_from(text):
    """(name, id, public key) of a key as text, or None."""
    name, _, rest = text.partition("+")
    shown_id, _, encoded = rest.partition("+")
    typed = bytes_of(encoded)
    if not is_key_name(name) or typed is None or len(typed) != 33 or typed[0] != 1:
        return None
    known = key_id(name, typed)
    return (name, known, typed[1:]) if known.hex() == shown_id else None


def parts_of(data):
    """The text of a note, and (name, id, signature) of each of its lines."""
    sound(len(data) <= 65_536, "too long")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        whole = ""
    control = any(unicodedata.category(one) == "Cc" and one != "\n" for one in whole)
    end = whole.rfind("\n\n")
    sound(end >= 0 and whole.endswith("\n") and not control, "not a note")
    signatures = []
    for line in whole[end + 2 : -1].split("\n"):
        words = line.split(" ")
        sound(len(words) == 3 and words[0] == "\u2014" and is_key_name(words[1]), "a line")
        signed = bytes_of(words[2])
        sound(signed is not None and len(signed) > 4, "a signature is not base64")
        signatures.append((words[1], signed[:4], signed[4:]))
    return whole[: end + 1], signatures


def check_note(data, manifest, trusted):
    """(project that was signed for, whether a trusted key signed)."""
    text, signatures = parts_of(data)
    limit("signatures", len(signatures), NOTE)
    lines = text.split("\n")
    sound(len(lines) == 5 and lines[0] == "lamplog.dev/archive/v1", "not over an archive")
    sound(fits(IDENTIFIER, lines[1]), "it names no project")
    signer = key_from(lines[3])
    sound(signer is not None, "the fourth line is not a key")
    friends = {key_from(key) for key in trusted} - {None}
    held = set()
    for name, known, signature in signatures:
        for key in friends | {signer}:
            if (name, known) == key[:2]:
                holds = signature_fits(key[2], signature, text.encode())
                sound(holds, f"the signature by {name} does not hold")
                held.add(key)
    sound(any(key[:2] == signer[:2] for key in held), "its signer did not sign")
    named = base64.b64encode(hashlib.sha256(manifest).digest()).decode()
    sound(lines[2] == named, "it is over another manifest")
    return lines[1], any(key in friends for key in held)


def check_signature(note, manifest, trusted, required):
    """The project that was signed for, if any, and the status of the signature."""
    if note is None:
        message = "the archive is not signed"
        require(not required, "manifest", "signature-missing", NOTE, message)
        return None, "unsigned"
    project, known = check_note(note, manifest, trusted)
    if not known and required:
        raise Finding("manifest", "signature-untrusted", NOTE, "nobody trusted signed it")
    return project, "trusted" if known else "unknown"
