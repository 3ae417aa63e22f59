"""What the tests share: vectors out of FORMAT.md, folders in memory, and a writer of ledgers.

Invariant: the writer is for tests only, and writes whatever it is told to, right or wrong; the verifier imports nothing from
here. Keys are those whose seeds FORMAT.md publishes.
"""

import base64
import hashlib
import io
import os
import random
import sys
import unittest

from manes import checkpoint, ed25519, folder, hashing, segment, tree
from manes.cbor import Float, Map
from manes.errors import Refused, of_system

HERE = os.path.dirname(os.path.abspath(__file__))
FORMAT_MD = os.path.join(HERE, "..", "..", "FORMAT.md")
GOLDEN = os.path.join(HERE, "..", "golden", "v1")
GOLDEN_EXPECTED = GOLDEN + ".expected.json"

# One cache for all tests: thousands of folders differ in one byte.
CACHE = hashing.Cache()


# --- vectors -------------------------------------------------------------------------------------------------------------


def vectors():
    """The vectors of FORMAT.md: heading -> text of its code block."""
    with open(FORMAT_MD, encoding="utf-8") as file:
        text = file.read()
    text = text.split("<!-- vectors:begin -->")[1].split("<!-- vectors:end -->")[0]
    sections = {}
    for part in text.split("\n### ")[1:]:
        heading, rest = part.split("\n", 1)
        sections[heading] = rest.split("```", 1)[1].split("\n", 1)[1].split("```")[0]
    return sections


def lines_of(section):
    """(label, hex) for each line of `label = hex`."""
    for line in section.splitlines():
        if line:
            label, _, value = line.rpartition(" = ")
            yield label.strip(), value


# --- encoding ------------------------------------------------------------------------------------------------------------


def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise ValueError(number)


def encode(value):
    """Canonical CBOR of what `cbor.decode` returns, and of dict."""
    if value is None:
        return b"\xf6"
    if value is False or value is True:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, Float):
        return bytes([0xFA if value.width == 32 else 0xFB]) + value.bits.to_bytes(value.width // 8, "big")
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(encode(item) for item in value)
    pairs = value.pairs if isinstance(value, Map) else value.items()
    encoded = sorted((encode(key), encode(item)) for key, item in pairs)
    return head(5, len(encoded)) + b"".join(key + item for key, item in encoded)


# --- signing -------------------------------------------------------------------------------------------------------------


class Signer:
    """An ed25519 key by its seed, RFC 8032 §5.1.5 and §5.1.6."""

    def __init__(self, seed):
        digest = hashlib.sha512(seed).digest()
        self._scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
        self._prefix = digest[32:]
        self.public = ed25519.encode(ed25519.base_table().multiply_into(self._scalar, ed25519.IDENTITY))
        self._made = {}

    def sign(self, message):
        if message not in self._made:
            r = int.from_bytes(hashlib.sha512(self._prefix + message).digest(), "little") % ed25519.L
            encoded = ed25519.encode(ed25519.base_table().multiply_into(r, ed25519.IDENTITY))
            k = int.from_bytes(hashlib.sha512(encoded + self.public + message).digest(), "little") % ed25519.L
            self._made[message] = encoded + ((r + k * self._scalar) % ed25519.L).to_bytes(32, "little")
        return self._made[message]


ROOT = Signer(bytes([1]) * 32)
HOST = Signer(bytes([2]) * 32)
SECOND = Signer(bytes([3]) * 32)


def note(ledger, size, root, signer, more=""):
    origin = checkpoint.origin_of(ledger)
    text = "%s\n%d\n%s\n" % (origin, size, base64.b64encode(root).decode())
    signature = checkpoint.key_id(origin, signer.public) + signer.sign(text.encode())
    return (text + "\n\u2014 %s %s\n" % (origin, base64.b64encode(signature).decode()) + more).encode()


# --- folders in memory ---------------------------------------------------------------------------------------------------


class Memory:
    """A folder in memory: path -> bytes. `folders` are those that are there even if empty."""

    def __init__(self, files, folders=()):
        self.files = dict(files)
        self.folders = set(folders)

    def copy(self):
        return Memory(self.files, self.folders)

    def names(self, path):
        start = path + "/" if path else ""
        found = {}
        for name in list(self.files) + [name + "/" for name in self.folders]:
            if name.startswith(start):
                first, slash, _ = name[len(start):].partition("/")
                if first:
                    found[first] = folder.FOLDER if slash else folder.FILE
        return sorted(found.items())

    def open(self, name):
        if name not in self.files:
            raise of_system(FileNotFoundError(2, "No such file or directory"), name)
        return io.BytesIO(self.files[name]), len(self.files[name])


def load(path):
    """A folder on disk, read into memory."""
    files = {}
    for at, _, names in os.walk(path):
        for name in names:
            full = os.path.join(at, name)
            with open(full, "rb") as file:
                files[os.path.relpath(full, path).replace(os.sep, "/")] = file.read()
    return Memory(files)


def verify(source, held=(), ledger_id=None):
    return folder.verify(source, CACHE, [("held", data) for data in held], ledger_id)


def finding(source, held=(), ledger_id=None):
    """The refusal, or None where the folder was accepted."""
    try:
        verify(source, held, ledger_id)
    except Refused as refused:
        return refused
    return None


def split_segments(source):
    """The payloads of all frames, as one list per segment."""
    segments = []
    for name in sorted(name for name in source.files if name.startswith("segments/")):
        data = source.files[name]
        segments.append([payload for _, payload in segment.frames(io.BytesIO(data), len(data))])
    return segments


def frame(payload):
    return segment.MAGIC + len(payload).to_bytes(4, "little") + hashing.sha256(payload)[:8] + payload


def segment_of(payloads, zeros=0):
    return segment.HEAD + b"".join(frame(payload) for payload in payloads) + bytes(zeros)


def with_segments(source, segments):
    """The same folder with other segments."""
    changed = source.copy()
    changed.files = {name: data for name, data in source.files.items() if not name.startswith("segments/")}
    for index, payloads in enumerate(segments):
        changed.files["segments/%08d.seg" % index] = segment_of(payloads)
    return changed


# --- ledgers -------------------------------------------------------------------------------------------------------------


def key_record(ledger, signer, status=0, root=ROOT):
    statement = hashing.pae(hashing.KEY_TYPE, hashing.key_statement(ledger, status, signer.public))
    return {0: 1, 1: 0, 20: status, 24: signer.public, 25: root.sign(statement)}


def body_of(content, salt=b"s" * 16):
    """(envelope key 3, stored inline body)."""
    digest = hashing.commitment_hasher(salt)
    digest.update(content)
    return [digest.digest(), len(content)], [salt, content]


class Writer:
    """Writes ledgers. Every block may be given other header fields, another seal, other bodies."""

    GENESIS = {0: 0, 1: 0, 24: ROOT.public, 26: b"n" * 16}

    def __init__(self, genesis=None, begin=True):
        self.genesis = encode(genesis or self.GENESIS)
        self.ledger = tree.leaf(self.genesis)
        self.tree = tree.Tree()
        self.payloads = []
        self.records = 0
        self.chains = {}
        if begin:
            self.block([self.genesis, key_record(self.ledger, HOST)])

    def block(self, records, bodies=None, host=HOST, header=None, seal=None, raw_header=None):
        """Adds a block; returns the leaf hashes of its records."""
        envelopes = [record if isinstance(record, bytes) else encode(record) for record in records]
        leaves = [tree.leaf(envelope) for envelope in envelopes]
        number, previous = self.chains.get(host.public, (0, bytes(32)))
        fields = {
            0: 1, 1: 1, 2: self.ledger, 3: host.public, 4: 1, 5: number, 6: previous, 7: self.records, 8: len(envelopes),
            9: tree.root_of(leaves), 10: 0, 11: [self.tree.size, self.tree.roots[self.tree.size]],
        }
        fields.update(header or {})
        raw = encode(fields) if raw_header is None else raw_header
        if seal is None:
            seal = [[1, host.public, host.sign(hashing.pae(hashing.BLOCK_TYPE, raw))]]
        bodies = [None] * len(envelopes) if bodies is None else bodies
        self.payloads.append(encode([raw, seal, envelopes, bodies]))
        self.chains[host.public] = (number + 1, hashing.sha256(raw))
        self.records += len(envelopes)
        self.tree.append(tree.leaf(hashing.sha256(raw)))
        return leaves

    def note(self, size=None, signer=HOST, more=""):
        size = self.tree.size if size is None else size
        return note(self.ledger, size, self.tree.roots[size], signer, more)

    def folder(self, files=None):
        source = Memory({"segments/00000000.seg": segment_of(self.payloads), "checkpoint": self.note()})
        source.files.update(files or {})
        return source


# --- tampering -----------------------------------------------------------------------------------------------------------

SEED = 20240229
ALL_BITS = "MANES_ALL_BITS"


def flips(data, seed):
    """(byte, bit) to flip: one pseudo-random bit of each byte, or all eight."""
    choose = random.Random(seed)
    for at in range(len(data)):
        for bit in range(8) if os.environ.get(ALL_BITS) else [choose.randrange(8)]:
            yield at, bit


def flipped(data, at, bit):
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


def main():
    """`unittest.main` with the option --all-bits, which is passed on in the environment."""
    if "--all-bits" in sys.argv:
        sys.argv.remove("--all-bits")
        os.environ[ALL_BITS] = "1"
    unittest.main()
