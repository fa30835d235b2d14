"""Reads cyrus.history and cyrus.index: what was expunged when, as doc/formats.md says.

Written against that document, not with the server's code.
"""
import struct

EXPUNGED, TOMBSTONE = 2, 256


def numbers(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield value
            value = shift = 0


def unpack(blocks):
    """(modseq, first UID, last UID) of all expunges."""
    while blocks:
        length, count, modseq, _last, _crc = struct.unpack_from(">IIQQI", blocks)
        values = numbers(blocks[28:28 + length])
        blocks = blocks[28 + length:]
        uid = 0
        while count > 0:
            step, away, follow = next(values), next(values), next(values)
            repeat = next(values) if follow & 1 else 0
            for _ in range(repeat + 1):
                modseq += step
                first = uid + (-(away >> 1) if away & 1 else away >> 1)
                uid = first + (follow >> 1)
                yield modseq, first, uid
                count -= 1


class History:
    """expunged: {UID: modseq}; since when that is all of them; up to when."""

    def __init__(self, data):
        packed, = struct.unpack_from(">I", data, 12)
        self.since, self.cut = struct.unpack_from(">QQ", data, 40)
        self.upto = self.cut
        self.expunged = {}
        for modseq, first, last in unpack(data[64:64 + packed]):
            self.take(modseq, first, last)
        tail = data[64 + packed:]
        for at in range(0, len(tail) - 23, 24):
            modseq, first, last, kind, more = struct.unpack_from(">QIIBB", tail, at)
            self.upto = modseq - 1 if more else modseq
            if kind == EXPUNGED:
                self.take(modseq, first, last)

    def take(self, modseq, first, last):
        for uid in range(first, last + 1):
            self.expunged[uid] = modseq


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def tombstones(index):
    count, = struct.unpack_from("<I", index, 72)
    for i in range(count):
        uid, flags, modseq = struct.unpack_from("<IIQ", index, 512 + 160 * i)
        if flags & TOMBSTONE:
            yield uid, modseq


def problems(name, directory, living, gone):
    """What is wrong; LIVING are the UIDs that are there, GONE {UID: a modseq that
    was shown when it was expunged, or 0}."""
    index, data = read(directory + "/cyrus.index"), read(directory + "/cyrus.history")
    highest, = struct.unpack_from("<Q", index, 88)
    if not data:
        return [f"{name}: no cyrus.history at modseq {highest}"] if highest > 1 else []
    h = History(data)
    out = []
    if h.upto != highest or h.since != 0:
        out.append(f"{name}: cyrus.history goes from modseq {h.since} to {h.upto} of {highest}")
    for uid, modseq in tombstones(index):
        if h.expunged.get(uid) != modseq:
            out.append(f"{name}: UID {uid} was expunged at modseq {modseq}, "
                       f"cyrus.history says {h.expunged.get(uid)}")
    for uid in sorted(living & set(h.expunged)):
        out.append(f"{name}: UID {uid} is there and in cyrus.history as expunged")
    for uid, shown in gone.items():
        if uid in living:
            continue                    # told of elsewhere
        if uid not in h.expunged:
            out.append(f"{name}: cyrus.history does not know that UID {uid} was expunged")
        elif shown and h.expunged[uid] > shown:
            out.append(f"{name}: UID {uid} was expunged by modseq {shown}, "
                       f"cyrus.history says {h.expunged[uid]}")
    return out
