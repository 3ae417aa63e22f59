"""Envelopes of records (FORMAT.md, "Envelopes").

Invariant: an `Envelope` came from exactly one byte string, whose leaf hash it carries; every known key in it has the type of
the table; ranges are meaning, which is not judged here. Unknown keys were checked to be canonical, and are forgotten.
"""

from . import tree
from .cbor import Reader
from .errors import Refused

GENESIS, KEY, DEPLOYMENT, EVENT, START, INTENT, OUTCOME, END, UNROUTED, CONFLICT = range(10)
KIND_NAMES = (
    "genesis", "key", "deployment", "event", "start", "intent", "outcome", "end", "unrouted", "conflict",
    "resumed", "requeue", "cancel", "pause", "unpause", "restore", "answer",
)


def kind_name(kind):
    """The name in reports: kinds of later versions have none yet."""
    return KIND_NAMES[kind] if kind < len(KIND_NAMES) else "unknown"


def _uint(reader, what):
    return reader.uint(what)


def _bytes(length):
    return lambda reader, what: reader.byte_string(what, length)


def _text(reader, what):
    return reader.text(what)


def _boolean(reader, what):
    return reader.boolean(what)


def _commitment(reader, what):
    reader.array(what, 2)
    return reader.byte_string(what + "'s hash", 32), reader.uint(what + "'s length")


FIELDS = {
    0: ("kind", _uint),
    1: ("time_ns", _uint),
    2: ("critical", _boolean),
    3: ("body", _commitment),
    4: ("cause", _bytes(32)),
    5: ("flow", _bytes(16)),
    6: ("event", _bytes(32)),
    7: ("topic", _text),
    8: ("principal", _text),
    9: ("agent", _text),
    10: ("activation", _bytes(32)),
    11: ("attempt", _uint),
    12: ("deployment", _bytes(32)),
    13: ("call", _uint),
    14: ("part", _uint),
    15: ("parent", _uint),
    16: ("function", _text),
    17: ("effect", _uint),
    18: ("decision", _uint),
    19: ("rule", _text),
    20: ("status", _uint),
    21: ("fuel", _uint),
    22: ("calls", _uint),
    23: ("drafts", _uint),
    24: ("key", _bytes(32)),
    25: ("signature", _bytes(64)),
    26: ("nonce", _bytes(16)),
    27: ("hops", _uint),
    28: ("provider", _text),
    29: ("not_before_ns", _uint),
    30: ("generation", _uint),
    31: ("component", _bytes(32)),
    32: ("elapsed_ns", _uint),
    33: ("fate", _uint),
    34: ("earlier", _bytes(32)),
}


class Envelope:
    """The known fields of one record, as attributes; None where absent."""

    __slots__ = ("raw", "leaf", "position") + tuple(name for name, _ in FIELDS.values())

    def __init__(self, raw, position=0):
        """Decodes `raw`. `position` is where it lies in its block, for findings."""
        for name in self.__slots__:
            setattr(self, name, None)
        self.raw = raw
        self.position = position
        self.leaf = tree.leaf(raw)
        reader = Reader(raw)
        pairs = reader.map("the envelope")
        last = -1
        for _ in range(pairs):
            at = reader.pos
            key = reader.uint("an envelope key")
            if key <= last:
                raise Refused("envelope key %d after %d: keys are strictly ascending" % (key, last), at)
            last = key
            field = FIELDS.get(key)
            if field is None:
                reader.item("the value of envelope key %d" % key)
            else:
                name, read = field
                setattr(self, name, read(reader, "envelope key %d (%s)" % (key, name)))
        reader.finish("the envelope")
        if self.kind is None or self.time_ns is None:
            raise Refused("the envelope has no %s" % ("kind" if self.kind is None else "time_ns"), 0)


def require(envelope, *names):
    """Refuses an envelope in which one of these is absent."""
    for name in names:
        if getattr(envelope, name) is None:
            raise Refused("a record of kind %s has no %s" % (kind_name(envelope.kind), name), 0)
