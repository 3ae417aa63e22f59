"""Cases for `cross_check.py` in which the chain's rules are not what matters: folders of several segments with blobs,
artifacts and planted names, and receipts made from scratch.

Invariant: everything is drawn from the given source of randomness, so that a seed names its cases.
"""

import base64
import json
import os

from manes import hashing, tree
from manes.block import Block
from manes.cbor import Float, Map
from support import HOST, ROOT, SECOND, Memory, Writer, body_of, encode, key_record, note, segment_of
from test_receipt import path_of

ZEROS = "0" * 64
PLANTED = (
    "x", ".hidden", "LOCK.new", "checkpoint.new", "checkpoint.new.new", "blobs.new", "segments/00000000.seg.new",
    "segments/00000009.seg", "segments/0000001.seg", "segments/x", "blobs/x", "blobs/00/x", "blobs/00/" + ZEROS,
    "blobs/00/%s.new" % ZEROS, "blobs/01/%s.new" % ZEROS, "blobs/01/" + ZEROS, "blobs/zz/" + ZEROS, "blobs/0A/" + "0A" * 32,
    "blobs/00/" + "A" * 64, "artifacts/" + ZEROS, "artifacts/%s.new" % ZEROS, "artifacts/" + "A" * 64, "artifacts/x/y",
    "artifacts/%s.wasm" % ZEROS, "\u00e4", "a\x1bb", "LOCK",
)


def item(choose, levels=3):
    """A canonical item. Maps have no floats as keys: how those are spelt is not fixed."""
    what = choose.randrange(11 if levels else 8)
    if what < 2:
        edge = choose.choice((0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1))
        return edge if what == 0 else -1 - edge
    if what == 2:
        return bytes(choose.randrange(256) for _ in range(choose.choice((0, 1, 3, 63, 64, 65, 200))))
    if what == 3:
        return "".join(choose.choice("ab\"\\/\x00\x1f\n\t\x7f\u00fc\u2028\U0001f600") for _ in range(choose.randrange(5)))
    if what == 4:
        return choose.choice((None, True, False))
    if what < 8:
        width = choose.choice((32, 64))
        common = (0x3FC00000, 0x7F800000, 0xFF800000, 0x7FC00001, 1 << 31) if width == 32 else (
            0x3FF8000000000000, 0x7FF0000000000000, 0xFFF8000000000001, 1 << 63, 1, 0x7FEFFFFFFFFFFFFF)
        return Float(width, choose.choice(common) if choose.random() < 0.5 else choose.getrandbits(width))
    if what == 8:
        return [item(choose, levels - 1) for _ in range(choose.randrange(4))]
    pairs = {}
    for _ in range(choose.randrange(4)):
        key = choose.choice(("a", "1", "[1]", 1, b"a", [1], True, None, Map([("b", -1)])))
        pairs[encode(key)] = (key, item(choose, levels - 1))
    return Map([pairs[key] for key in sorted(pairs)])


def spread(choose, payloads):
    """Segments of these blocks: path -> bytes."""
    cuts = sorted(choose.randrange(len(payloads) + 1) for _ in range(choose.randrange(3)))
    files = {}
    for index, (start, end) in enumerate(zip([0] + cuts, cuts + [len(payloads)])):
        zeros = choose.choice((0, 0, 1, 16, 5000))
        files["segments/%08d.seg" % index] = segment_of(payloads[start:end], zeros) + choose.choice((b"",) * 30 + (b"x",))
    if choose.random() < 0.04:
        del files[choose.choice(list(files))]
    return files


def folder_with_bodies(choose):
    """Records with bodies in and outside their blocks, deployments with artifacts; some of it wrong, or in a wrong place."""
    writer = Writer()
    files = {}
    right = 0.97
    for number in range(choose.randrange(1, 6)):
        records, bodies = [], []
        for _ in range(choose.randrange(1, 4)):
            content = encode(item(choose)) if choose.random() < 0.9 else b"\xff\x00"
            record = choose.choice(({0: 77, 1: number}, {0: 3, 1: number, 5: bytes(16), 6: bytes(32)}))
            if choose.random() < 0.4:
                artifact = b"\0asm%d" % choose.randrange(3)
                name = hashing.sha256(artifact)
                record = {0: 2, 1: number, 9: "a"}
                if choose.random() < 0.5:
                    record[31] = name
                shown = choose.choice((name.hex(), name.hex(), name.hex().upper(), name.hex()[:62], name, 7))
                content = encode(choose.choice((Map([("component", shown)]), Map([("x", shown)]))))
                if choose.random() < right:
                    files["artifacts/" + name.hex()] = artifact if choose.random() < right else b"altered"
            commitment, stored = body_of(content, bytes([choose.randrange(256)]) * 16)
            if choose.random() < 0.9:
                record[3] = commitment
            elif choose.random() < 0.8:
                stored = None
            if stored is not None and choose.random() < 0.5:
                name = hashing.sha256(content)
                stored = [stored[0], name, 0]
                path = "blobs/%s/%s" % (name.hex()[:2], name.hex())
                if choose.random() < right:
                    files[path] = content if choose.random() < right else content + b"\0"
            if choose.random() > right:
                stored = choose.choice((None, [bytes(16), b""], [bytes(16), bytes(32), 0], [bytes(16), bytes(32), 1]))
            records.append(record)
            bodies.append(stored)
        writer.block(records, bodies)
    files.update(spread(choose, writer.payloads))
    files["checkpoint"] = writer.note(choose.randrange(writer.tree.size + 1))
    for _ in range(choose.choice((0, 0, 1, 2))):
        files[choose.choice(PLANTED)] = choose.choice((b"", b"", b"x"))
    source = Memory(files)
    if choose.random() < 0.2:
        source.folders.add(choose.choice(("blobs", "artifacts", "blobs/00", "blobs/zz", "extra", "segments/x", "checkpoint.new")))
    return source, [writer.note()] if choose.random() < 0.2 else []


def link_somewhere(choose, path):
    """Puts a link in the place of something in the folder, or beside it."""
    places = ["checkpoint", "LOCK", "segments", "blobs", "segments/00000000.seg", "artifacts", "new", "checkpoint.new"]
    name = os.path.join(path, choose.choice(places))
    if os.path.lexists(name):
        os.rename(name, path + ".moved")
        os.symlink(path + ".moved", name)
    elif os.path.isdir(os.path.dirname(name)):
        os.symlink("/dev/null", name)


def made_receipt(choose):
    """A receipt of a small ledger, and checkpoints that are held: signed well, and untrue here and there."""
    writer = Writer()
    place = choose.randrange(1, 4)
    content = encode(item(choose)) if choose.random() < 0.9 else bytes(choose.randrange(256) for _ in range(3))
    for number in range(1, choose.randrange(place + 1, 6)):
        header = None
        if number == place and choose.random() < 0.4:
            key = choose.choice((4, 5, 6, 7, 11))
            header = {key: {6: bytes(32), 11: [choose.randrange(5), writer.tree.roots[0]]}.get(key, choose.randrange(5))}
        record = {0: choose.choice((3, 77, 2, 10)), 1: number, 3: body_of(content)[0]}
        if choose.random() < 0.05:
            record = Writer.GENESIS
        writer.block([{0: 77, 1: 0}, record][choose.randrange(2):], header=header)
    blocks = [Block(payload) for payload in writer.payloads]
    if choose.random() < 0.1:
        place = 0
    block = blocks[place]
    at = choose.randrange(len(block.envelopes))
    signer = choose.choice((HOST, HOST, HOST, SECOND))
    shown = [HOST] + ([SECOND] if signer is SECOND or choose.random() < 0.05 else [])
    keys = [{"key": k.public.hex(), "signature": key_record(writer.ledger, k)[25].hex()} for k in shown]
    receipt = {
        "format": "manes-receipt/1", "ledger": writer.ledger.hex(), "genesis": writer.genesis.hex(), "keys": keys,
        "record": {"index": block.header.first + at, "envelope": block.envelopes[at].raw.hex(),
            "path": [h.hex() for h in path_of(at, [e.leaf for e in block.envelopes])]},
        "block": {"place": place, "header": block.header.raw.hex(), "signature": block.seal[0][2].hex(),
            "path": [h.hex() for h in path_of(place, [tree.leaf(b.header.hash) for b in blocks])]},
        "checkpoint": writer.note(signer=signer).decode(),
    }
    if block.envelopes[at].body is not None and choose.random() < 0.9:
        receipt["body"] = {"salt": (b"s" * 16).hex(), "bytes": base64.b64encode(content).decode()}
    held = []
    for _ in range(choose.choice((0, 0, 1, 2))):
        size = writer.tree.size if choose.random() < 0.8 else choose.randrange(writer.tree.size + 1)
        root = writer.tree.roots[size] if choose.random() < 0.9 else bytes(32)
        ledger = writer.ledger if choose.random() < 0.95 else bytes(32)
        by = choose.choice((HOST, HOST, HOST, SECOND, ROOT))
        held.append(note(ledger, size, root, by, choose.choice(("", "", "\u2014 w AAAA\n", "x\n"))))
    return json.dumps(receipt, indent=choose.choice((None, 1))).encode(), held
