"""docs/FORMAT.md, section 8, "The zip": the members of a file whose bytes can be read in one way only."""

import re
import struct
import zlib

from notation import require

MIB = 1 << 20
GIB = 1 << 30
LIMITS = {
    "archiveBytes": 4 * GIB - 1,
    "members": 10_000,
    "directoryBytes": 8 * MIB,
    "manifestBytes": 16 * MIB,
    "segmentBytes": 320 * MIB,
    "snapshotBytes": 2 * GIB,
    "assetBytes": 2 * GIB,
    "totalBytes": 8 * GIB,
    "memberRatio": 200,
    "archiveRatio": 100,
    "items": 1_000_000,
    "signatures": 16,
}

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END_64, LOCATOR_64, DESCRIPTOR = b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"
MAX_16, MAX_32 = 0xFFFF, 0xFFFFFFFF


def limit(name, value, where):
    message = f"the limit {name} is {LIMITS[name]}, and {where} has {value}"
    require(value <= LIMITS[name], "archive", "limit-exceeded", where, message)


def layout(holds, message, where="directory"):
    require(holds, "archive", "zip-layout", where, message)


def entry_rule(holds, where, message):
    require(holds, "archive", "zip-entry", where, f"{where}: {message}")


def find_end(data):
    """(entries, size of the directory, its offset, where the records of the end begin)."""
    at = len(data) - 22
    if at < 0 or data[at : at + 4] != END:
        code = "archive-truncated" if data[:4] == LOCAL else "not-an-archive"
        behind = data.rfind(END, max(0, at - MAX_16))
        if behind >= 0 and len(data) >= behind + 22:
            size, offset = struct.unpack_from("<II", data, behind + 12)
            code = "zip-layout" if size + offset == behind else code
        require(False, "archive", code, "end of the file", "the end record is not at the end")
    disks, here, entries, size, offset, comment = struct.unpack_from("<IHHIIH", data, at + 4)
    layout(comment == 0, "a comment is announced", "end of the file")
    layout(disks == 0 and here == entries, "one part of several", "end of the file")
    start = at
    if entries == MAX_16 or MAX_32 in (size, offset):
        start = at - 76
        entries, size, offset = find_end_64(data, start, (entries, size, offset))
    layout(offset + size == start, "the directory does not end where the end records begin")
    return entries, size, offset, start


def find_end_64(data, start, narrow):
    good = start >= 0 and data[start : start + 4] == END_64
    good = good and data[start + 56 : start + 60] == LOCATOR_64
    entry_rule(good, "end of the file", "64-bit records are missing")
    length, _, _, disk, first, here, entries, size, offset = struct.unpack_from(
        "<QHHIIQQQQ", data, start + 4
    )
    record_disk, place, disks = struct.unpack_from("<IQI", data, start + 60)
    good = length == 44 and place == start and disk == first == record_disk == 0
    good = good and disks == 1 and here == entries
    short = (min(entries, MAX_16), min(size, MAX_32), min(offset, MAX_32))
    entry_rule(good and narrow == short, "end of the file", "64-bit records contradict the end")
    return entries, size, offset


NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
NO_NAME = {"__proto__", "constructor", "prototype"}


class Names:
    def __init__(self):
        self.files, self.folders = set(), set()

    def take(self, name):
        parts = name.lower().split("/")
        good = 0 < len(name) <= 240 and NAME.fullmatch(name) and len(parts) <= 8
        good = good and not any(
            len(part) > 200 or part.endswith(".") or DEVICE.fullmatch(part) or part in NO_NAME
            for part in parts
        )
        require(good, "archive", "zip-name", name[:200], f"{name[:200]}: not a name of a member")
        folded = "/".join(parts)
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        good = folded not in self.files and folded not in self.folders
        good = good and not any(folder in self.files for folder in above)
        require(good, "archive", "zip-name", name, f"{name}: equal to another, or its folder")
        self.files.add(folded)
        self.folders |= above


class Member:
    """One entry of the directory."""

    def __init__(self, directory, at):
        fields = struct.unpack_from("<HHHHIIIIHHHHHII", directory, at + 4)
        _, self.version, self.flags, self.method, self.time, self.crc = fields[:6]
        narrow_packed, narrow_size, name_length, extra_length, comment, disk, internal = fields[6:13]
        attributes, narrow_offset = fields[13:]
        start = at + 46
        self.end = start + name_length + extra_length
        layout(self.end <= len(directory), "the directory is shorter than its entries")
        self.name = directory[start : start + name_length].decode("latin-1")
        self.where = self.name[:200] or "member without a name"
        layout(comment == 0, "an entry has a comment", self.where)
        self.check_fields()
        self.rule(disk == 0 and internal <= 1, "other disk or internal attributes")
        mode, dos = attributes >> 16, attributes & 0xFFFF
        self.rule(mode & 0o170000 in (0, 0o100000), "not a regular file")
        self.rule(mode & 0o7000 == 0 and dos & ~0x27 == 0, "attributes")
        wide = extra_of(directory[start + name_length : self.end], self.where, True)
        self.wide = wide is not None
        self.size, self.packed, self.offset = self.widened(
            (narrow_size, narrow_packed, narrow_offset), wide
        )
        self.rule(not self.wide or self.version == 45, "64-bit numbers need version 45")
        self.rule(self.method == 8 or self.size == self.packed, "stored with two sizes")
        most = self.size + 5 * -(-self.size // 16383) + 64
        self.rule(self.packed <= most, "takes more room than its content can need")

    def rule(self, holds, message):
        entry_rule(holds, self.where, message)

    def check_fields(self):
        self.rule(self.flags & ~0x0808 == 0, "flags")
        self.rule(self.method in (0, 8), "method")
        self.rule(self.version in (10, 20, 45), "version")
        self.rule(not (self.flags & 8 and self.method == 0), "stored with a descriptor")

    def widened(self, narrow, wide):
        if wide is None:
            self.rule(MAX_32 not in narrow, "64-bit numbers are missing")
            return narrow
        count = narrow.count(MAX_32)
        self.rule(len(wide) == 8 * count, "64-bit numbers do not fit")
        numbers = iter(struct.unpack(f"<{count}Q", wide))
        values = tuple(next(numbers) if value == MAX_32 else value for value in narrow)
        self.rule(max(values) >= MAX_32, "64-bit numbers are not needed")
        self.rule(max(values) < 2**53, "a number that cannot be counted")
        return values

    def check_limits(self):
        if self.name in ("manifest.json", "manifest.note"):
            limit("manifestBytes", self.size, self.where)
        elif self.name.startswith("logs/"):
            limit("segmentBytes", self.size, self.where)
        else:
            kind = "snapshotBytes" if self.name.startswith("snapshot/") else "assetBytes"
            limit(kind, self.size, self.where)
        if self.size > 16 * MIB:
            limit("memberRatio", -(-self.size // max(self.packed, 1)), self.where)

    def locate(self, data, at, stop):
        """Checks the local header at `at`; returns where the member ends."""
        streamed = self.flags & 8
        name = self.name.encode("latin-1")
        start = at + 30 + len(name)
        layout(self.offset == at, "not where the member before it ends", self.where)
        layout(start <= stop, "runs into the directory", self.where)
        layout(data[at : at + 4] == LOCAL, "not where the directory says", self.where)
        version, *local, name_length, extra_length = struct.unpack_from("<HHHIIIIHH", data, at + 4)
        crc, packed, size = (0, 0, 0) if streamed else (self.crc, self.packed, self.size)
        same = local == [self.flags, self.method, self.time, crc, packed, size]
        same = same and (version == self.version or (self.wide and version == 20))
        same = same and name_length == len(name) and data[at + 30 : start] == name
        self.rule(same, "the local header and the directory differ")
        self.rule(extra_length <= 17, "extra fields")
        layout(start + extra_length <= stop, "runs into the directory", self.where)
        extra_of(data[start : start + extra_length], self.where, False)
        self.start = start + extra_length
        end = self.start + self.packed
        if streamed:
            form, length = ("<4sIQQ", 24) if self.wide else ("<4sIII", 16)
            layout(end + length <= stop, "runs into the directory", self.where)
            same = struct.unpack_from(form, data, end) == (
                DESCRIPTOR, self.crc, self.packed, self.size
            )
            self.rule(same, "the descriptor and the directory differ")
            end += length
        layout(end <= stop, "runs into the directory", self.where)
        return end

    def content(self, data):
        def damaged(holds, message):
            require(holds, "archive", "member-damaged", self.name, f"{self.name}: {message}")

        packed = data[self.start : self.start + self.packed]
        content = bytes(packed)
        if self.method == 8:
            inflate = zlib.decompressobj(-15)
            try:
                content = inflate.decompress(packed, self.size + 1)
            except zlib.error as error:
                damaged(False, str(error))
            damaged(len(content) <= self.size, "longer than the directory says")
            whole = inflate.eof and inflate.unused_data == b"" == inflate.unconsumed_tail
            damaged(whole, "does not end with its last byte")
        damaged(len(content) == self.size, "another size than the directory says")
        damaged(zlib.crc32(content) == self.crc, "another CRC than the directory says")
        return content


def extra_of(extra, where, in_directory):
    """The data of the field 0x0001, if it is there."""
    at, times, wide = 0, False, None
    while at < len(extra):
        entry_rule(at + 4 <= len(extra), where, "stray extra bytes")
        field, length = struct.unpack_from("<HH", extra, at)
        data = extra[at + 4 : at + 4 + length]
        entry_rule(len(data) == length, where, "an extra field is cut off")
        at += 4 + length
        if field == 0x5455 and not times and times_fit(data, in_directory):
            times = True
        else:
            good = field == 0x0001 and wide is None and in_directory
            entry_rule(good, where, "an extra field that is not allowed")
            wide = data
    return wide


def times_fit(data, in_directory):
    if not data or not 1 <= data[0] <= 7:
        return False
    lengths = {1 + 4 * bin(data[0]).count("1")}
    return len(data) in (lengths | {1 + 4 * (data[0] & 1)} if in_directory else lengths)


def read_zip(data):
    """The members, in order; none of their contents is looked at."""
    limit("archiveBytes", len(data), "the file")
    entries, size, offset, end = find_end(data)
    limit("members", entries, "the directory")
    limit("directoryBytes", size, "the directory")
    directory = data[offset:end]
    names, members, at = Names(), [], 0
    while len(members) < entries:
        layout(at + 46 <= len(directory), "fewer entries than the end record counts")
        layout(directory[at : at + 4] == CENTRAL, "the directory is interrupted")
        member = Member(directory, at)
        names.take(member.name)
        member.check_limits()
        members.append(member)
        at = member.end
    layout(at == len(directory), "more than the entries that the end record counts")
    unpacked = sum(member.size for member in members)
    limit("totalBytes", unpacked, "the archive")
    if unpacked > 64 * MIB:
        packed = sum(member.packed for member in members)
        limit("archiveRatio", -(-unpacked // max(packed, 1)), "the archive")
    at = 0
    for member in members:
        at = member.locate(data, at, offset)
    layout(at == offset, "bytes lie between the members and the directory")
    return members
