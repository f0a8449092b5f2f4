"""docs/FORMAT.md, section 1: findings, hashes, identifiers, canonical JSON; and RFC 8032's Ed25519."""

import base64
import hashlib
import json
import re


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
        "where": where[:300],
        "message": shown,
    }


def require(holds, stage, code, where, message):
    if not holds:
        raise Finding(stage, code, where, message)


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
    """A number of the value of an integer; `1.0` would not have been canonical."""
    return type(value) is int and least <= value <= SAFE


def has_keys(value, keys, optional=()):
    return isinstance(value, dict) and set(keys) <= set(value) <= {*keys, *optional}


def units(text):
    """For comparison by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def ascends(keys):
    return all(before < after for before, after in zip(keys, keys[1:]))


def node_of(public_key):
    digest = bytes.fromhex(sha256("lamplog:node:1\n" + public_key))
    return base64.b32encode(digest[:16]).decode().lower().rstrip("=")


FORBIDDEN = ("__proto__", "constructor", "prototype")


class NotCanonical(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def number_text(value):
    """As ECMAScript writes a double."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise NotCanonical("number-not-finite", "a number is not finite")
        if value == int(value):
            value = int(value)
    if isinstance(value, int):
        if abs(value) > SAFE:
            raise NotCanonical("integer-too-large", "an integer is beyond 2^53-1")
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
    if re.search("[\ud800-\udfff]", text):
        raise NotCanonical("lone-surrogate", "a string holds half of a surrogate pair")
    if "\0" in text:
        raise NotCanonical("nul-character", "a string holds U+0000")
    return json.dumps(text, ensure_ascii=False)


def canonical(value, level=0, level_max=32):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, (int, float)):
        return number_text(value)
    if level >= level_max:
        raise NotCanonical("too-deep", f"nested deeper than {level_max} levels")
    if isinstance(value, list):
        return "[" + ",".join(canonical(item, level + 1, level_max) for item in value) + "]"
    for key in value:
        if key in FORBIDDEN:
            raise NotCanonical("key-forbidden", f"the key {key} is not allowed")
    members = sorted(value.items(), key=lambda member: units(member[0]))
    return "{" + ",".join(
        string_text(key) + ":" + canonical(item, level + 1, level_max) for key, item in members
    ) + "}"


VALUES = 1_000_000


def check_shape(text, level_max):
    """What would cost too much to parse is looked over before."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"?', "", text, flags=re.DOTALL)
    if bare.count(",") >= VALUES:
        raise NotCanonical("too-many-values", f"more than {VALUES} values")
    level = 0
    for bracket in re.findall(r"[][{}]", bare):
        level += 1 if bracket in "[{" else -1
        if level > level_max:
            raise NotCanonical("too-deep", f"nested deeper than {level_max} levels")


def parse(text, stage, where, level_max=32):
    """The value of a text that must be canonical."""

    def refuse(constant):
        raise NotCanonical("not-json", f"{constant} is not JSON")

    try:
        if len(text) > 1 << 16:
            check_shape(text, level_max)
        value = json.loads(text, parse_constant=refuse)
        if canonical(value, 0, level_max) != text:
            raise NotCanonical("not-canonical", "not in canonical form")
    except NotCanonical as error:
        raise Finding(stage, error.code, where, f"{where}: {error}") from None
    except (ValueError, RecursionError, OverflowError) as error:
        raise Finding(stage, "not-json", where, f"{where}: {error}") from None
    return value


def decode(data, stage, where):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Finding(stage, "not-utf8", where, f"{where}: {error}") from None


def lines_of(data, where, bytes_max):
    """The lines of a member, and where each stands."""
    if not data:
        return
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        place = f"{where} line {number}"
        require(len(line) <= bytes_max, "schema", "line-too-long", place, f"{place}: too long")
        yield decode(line, "schema", place), place
    cut = f"{where}: the last line is cut"
    require(data.endswith(b"\n"), "schema", "line-cut", where, cut)


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


def signature_fits(key, signature, message):
    """All three are bytes."""
    if len(signature) != 64:
        return False
    point, scalar = point_from(key), int.from_bytes(signature[32:], "little")
    if point is None or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    factor = int.from_bytes(digest, "little") % ORDER
    negative = (P - point[0], point[1], 1, P - point[3])
    x, y, z, _ = add_points(multiply(scalar, BASE), multiply(factor, negative))
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]
