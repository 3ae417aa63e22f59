"""Stored blocks and their headers (FORMAT.md, "Blocks").

Invariant: a `Block` is what its bytes say, with its Merkle root and hash computed from them; nothing in it was compared with
a ledger yet. Decoding is a pure function, so decoded blocks may be shared; nobody changes one.
"""

from . import tree
from .cbor import Reader
from .envelope import Envelope
from .errors import Refused
from .hashing import sha256

FORMAT = 1
SUITE = 1
HEADER_KEYS = (
    "format", "suite", "ledger", "host", "incarnation", "number", "previous", "first", "count", "root", "time_ns", "head",
)
_LENGTHS = {"ledger": 32, "host": 32, "previous": 32, "root": 32}


class Header:
    """The twelve fields of a header, its bytes and their hash."""

    __slots__ = ("raw", "hash", "head_size", "head_root") + HEADER_KEYS[:-1]

    def __init__(self, raw):
        self.raw = raw
        self.hash = sha256(raw)
        reader = Reader(raw)
        reader.map("the header", len(HEADER_KEYS))
        for expected, name in enumerate(HEADER_KEYS):
            at = reader.pos
            key = reader.uint("a header key")
            if key != expected:
                raise Refused("header key %d in the place of %d" % (key, expected), at)
            what = "header key %d (%s)" % (key, name)
            at = reader.pos
            if name == "head":
                reader.array(what, 2)
                self.head_size = reader.uint(what + "'s size")
                self.head_root = reader.byte_string(what + "'s root", 32)
            elif name in _LENGTHS:
                setattr(self, name, reader.byte_string(what, _LENGTHS[name]))
            else:
                number = reader.uint(what)
                # Said first: a header of another format may have other keys behind this one.
                if (name == "format" and number != FORMAT) or (name == "suite" and number != SUITE):
                    raise Refused("%s %d; this verifier knows %d" % (name, number, 1), at)
                setattr(self, name, number)
        reader.finish("the header")


class Body:
    """A stored body: inline bytes, or the digest of a blob."""

    __slots__ = ("salt", "inline", "digest")

    def __init__(self, salt, inline, digest):
        self.salt = salt
        self.inline = inline
        self.digest = digest


class Block:
    """A decoded block. `bodies[i]` belongs to `envelopes[i]` and is None where nothing is stored."""

    __slots__ = ("header", "seal", "envelopes", "bodies", "root")

    def __init__(self, payload):
        reader = Reader(payload)
        reader.array("the block", 4)
        raw, base = _inner(reader, "the header")
        try:
            self.header = Header(raw)
        except Refused as refused:
            raise refused.at(base=base)
        self.seal = _seal(reader)
        self.envelopes = []
        for index in range(reader.array("the list of envelopes")):
            raw, base = _inner(reader, "envelope %d" % index)
            try:
                self.envelopes.append(Envelope(raw, base))
            except Refused as refused:
                raise refused.at(base=base, record=self.header.first + index)
        self.bodies = [_body(reader, index) for index in range(reader.array("the list of bodies"))]
        reader.finish("the block")
        if len(self.bodies) != len(self.envelopes):
            raise Refused("%d bodies for %d envelopes" % (len(self.bodies), len(self.envelopes)), 0)
        self.root = tree.root_of([envelope.leaf for envelope in self.envelopes])


def _inner(reader, what):
    """A byte string and where its content begins."""
    raw = reader.byte_string(what)
    return raw, reader.pos - len(raw)


def _seal(reader):
    """The seal: a list of (suite, key, signature)."""
    signatures = []
    for index in range(reader.array("the seal")):
        what = "signature %d of the seal" % index
        reader.array(what, 3)
        signatures.append((
            reader.uint(what + "'s suite"),
            reader.byte_string(what + "'s key", 32),
            reader.byte_string(what + "'s bytes", 64),
        ))
    return signatures


def _body(reader, index):
    what = "body %d" % index
    if reader.peek() == 0xF6:
        reader.pos += 1
        return None
    at = reader.pos
    parts = reader.array(what)
    if parts not in (2, 3):
        raise Refused("%s has %d parts, not 2 or 3" % (what, parts), at)
    salt = reader.byte_string(what + "'s salt", 16)
    if parts == 2:
        return Body(salt, reader.byte_string(what + "'s bytes"), None)
    digest = reader.byte_string(what + "'s digest", 32)
    at = reader.pos
    storage = reader.uint(what + "'s storage")
    if storage != 0:
        raise Refused("%s is stored in way %d; this verifier knows 0" % (what, storage), at)
    return Body(salt, None, digest)
