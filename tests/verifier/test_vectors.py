"""The vectors of FORMAT.md, parsed out of it, and the published vectors of RFC 8032 and RFC 6962."""

import hashlib
import json
import unittest

from manes import cbor, checkpoint, content, ed25519, hashing, receipt, tree
from manes.block import Block
from manes.cbor import Float, Map
from manes.envelope import KIND_NAMES, Envelope, kind_name
from manes.errors import Refused
from manes.ledger import Ledger
from support import CACHE, HOST, ROOT, SECOND, encode, frame, lines_of, note, segment, vectors

# What the labels of FORMAT.md say, as values of this package's CBOR reader.
VALUES = {
    "bool: true": True,
    "u8: 255": 255,
    "u16: 256": 256,
    "u32: 65536": 65536,
    "u64: 18446744073709551615": 2**64 - 1,
    "s8: -1": -1,
    "s16: -257": -257,
    "s32: 23": 23,
    "s64: -9223372036854775808": -(2**63),
    "f32: 1.5": Float(32, 0x3FC00000),
    "f32: NaN with payload 1": Float(32, 0x7FC00001),
    "f64: -0.0": Float(64, 1 << 63),
    "char: 'ü'": "ü",
    'string: ""': "",
    "list<u8>: []": b"",
    "list<u8>: [1, 2]": b"\x01\x02",
    "list<u16>: []": [],
    "list<u16>: [1, 1000]": [1, 1000],
    'tuple<u8, string>: (1, "a")': [1, "a"],
    'record { name: string, id: u32 }: { name: "x", id: 5 }': Map([("id", 5), ("name", "x")]),
    "variant { none, some-text(string) }: none": Map([("none", None)]),
    'variant { none, some-text(string) }: some-text("t")': Map([("some-text", "t")]),
    "enum { red, green }: green": "green",
    "flags { read, write, exec }: { read, exec }": ["read", "exec"],
    "option<u8>: none": None,
    "option<u8>: some(0)": [0],
    "option<option<u8>>: some(none)": [None],
    "result<u8, string>: ok(1)": Map([("ok", 1)]),
    "result<_, string>: ok": Map([("ok", None)]),
    'result<u8, string>: err("no")': Map([("err", "no")]),
    "own<input-stream>: second handle of call 7": Map([("@", ["wasi", "wasi:io/streams@0.2/input-stream", 7, 1])]),
}


class FormatVectors(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.sections = vectors()

    def test_every_section_is_known(self):
        known = {
            "Values", "Hashes, ids, signatures", "Strict verification", "Bodies as JSON", "Records: the first of each kind in the golden ledger",
            "Records of kinds and with fields that the golden ledger does not have",
            "A ledger of two blocks", "Its checkpoint", "The receipt of its record 2",
        }
        self.assertEqual(set(self.sections), known)

    def test_values(self):
        for label, text in lines_of(self.sections["Values"]):
            with self.subTest(label):
                data = bytes.fromhex(text)
                self.assertIn(label, VALUES, "a vector that this test does not know yet")
                self.assertEqual(cbor.decode(data), VALUES[label])
                self.assertEqual(encode(VALUES[label]), data)

    def test_hashes_ids_signatures(self):
        ledger = b"\x4c" * 32
        event = hashing.derive("ext", ledger, "client/alice", "/desk", "1")
        activation = hashing.derive("act", ledger, "adder", event, 0)
        committed = hashing.commitment_hasher(b"\x5a" * 16)
        committed.update(b"hello")
        leaves = [tree.leaf(bytes([i])) for i in range(5)]
        path = [leaves[2], tree.node(leaves[0], leaves[1]), leaves[4]]
        statement = hashing.key_statement(ledger, 0, HOST.public)
        expected = {
            'H("ext", "ab", "c")': hashing.derive("ext", "ab", "c"),
            "ledger, for the following": ledger,
            "event key, from outside: client/alice, /desk, 1": event,
            "its flow": event[:16],
            "activation: adder, that event, generation 0": activation,
            "event key, emitted: that activation, index 3": hashing.derive("int", activation, 3),
            'commitment of "hello" under 16 x 5a': committed.digest(),
            "root of no leaves": tree.root_of([]),
            'leaf("")': tree.leaf(b""),
            "root of leaves 00, 01, 02, 03, 04": tree.root_of(leaves),
            "path of leaf 3 of these 5, sibling 0": path[0],
            "path of leaf 3 of these 5, sibling 1": path[1],
            "path of leaf 3 of these 5, sibling 2": path[2],
            "public key, root": ROOT.public,
            "public key, host": HOST.public,
            "public key, second host": SECOND.public,
            'PAE("t", "hello")': hashing.pae(b"t", b"hello"),
            "key statement: that ledger, status 0, host": statement,
            "its signature by the root key": ROOT.sign(hashing.pae(hashing.KEY_TYPE, statement)),
        }
        given = dict(lines_of(self.sections["Hashes, ids, signatures"]))
        self.assertEqual(given, {label: data.hex() for label, data in expected.items()})
        self.assertEqual(tree.root_from_path(leaves[3], 3, 5, path), tree.root_of(leaves))

    def test_strict_verification(self):
        lines = list(lines_of(self.sections["Strict verification"]))
        key = bytes.fromhex(lines[0][1])
        verdicts = {}
        for label, text in lines[1:]:
            message, verdict = label.split('"')[1:]
            for _ in range(ed25519.HOT + 3):  # both ways of multiplying
                verdicts[verdict] = ed25519.verify(key, message.encode(), bytes.fromhex(text))
        self.assertEqual(verdicts, {", accepted": True, ", refused": False})

    def test_bodies_as_json(self):
        for label, text in lines_of(self.sections["Bodies as JSON"]):
            with self.subTest(label):
                shown = content.for_people(bytes.fromhex("" if label == "(no bytes)" else label))
                # By their text, so that 1 is not 1.0 and not True.
                self.assertEqual(json.dumps(shown, sort_keys=True), json.dumps(json.loads(text), sort_keys=True))

    def test_later_records(self):
        lines = list(lines_of(self.sections["Records of kinds and with fields that the golden ledger does not have"]))
        names = []
        for (label, text), (leaf, digest) in zip(lines[::2], lines[1::2]):
            with self.subTest(label):
                record = Envelope(bytes.fromhex(text))
                self.assertEqual((leaf, digest), ("leaf hash", tree.leaf(bytes.fromhex(text)).hex()))
                self.assertEqual(label, "%s (kind %d)" % (kind_name(record.kind), record.kind))
                names.append(kind_name(record.kind))
        self.assertEqual(names, ["resumed", "requeue", "cancel", "pause", "unpause", "restore", "answer", "end", "outcome"])

    def test_records(self):
        lines = list(lines_of(self.sections["Records: the first of each kind in the golden ledger"]))
        kinds = []
        for (label, text), (leaf, digest) in zip(lines[::2], lines[1::2]):
            with self.subTest(label):
                self.assertEqual(leaf, "leaf hash")
                record = Envelope(bytes.fromhex(text))
                self.assertEqual(record.leaf.hex(), digest)
                name = KIND_NAMES[record.kind] if record.kind < len(KIND_NAMES) else "unknown"
                self.assertTrue(label.startswith("%s (kind %d), record " % (name, record.kind)))
                # Deterministic: decoding and encoding gives the same bytes.
                self.assertEqual(encode(cbor.decode(record.raw)), record.raw)
                kinds.append(record.kind)
        self.assertEqual(sorted(kinds), list(range(10)) + [77])

    def test_two_blocks(self):
        ledger = Ledger(CACHE, None)
        blocks = 0
        for label, value in lines_of(self.sections["A ledger of two blocks"]):
            with self.subTest(label):
                if label == "ledger id":
                    ledger_id = value
                elif label.startswith("block "):
                    payload = bytes.fromhex(value)
                    block = Block(payload)
                    ledger.add(block)
                    blocks += 1
                    self.assertEqual(ledger.id.hex(), ledger_id)
                elif label == "segment head":
                    self.assertEqual(value, segment.HEAD.hex())
                else:
                    have = {
                        "header": block.header.raw,
                        "hash": block.header.hash,
                        "root over its envelopes": block.root,
                        "tree's root with it": ledger.tree.roots[-1],
                        "frame, before the payload": frame(payload)[:16],
                    }
                    self.assertEqual(value, have[label].hex())
        self.assertEqual(blocks, 2)
        text = self.sections["Its checkpoint"].encode()
        opened = checkpoint.open_note(text, ledger.id, ledger.hosts, CACHE.verify, True)
        ledger.extends(opened)
        self.assertEqual(opened.size, 2)
        self.assertEqual(note(ledger.id, 2, ledger.tree.roots[2], HOST), text)

    def test_receipt(self):
        text = self.sections["The receipt of its record 2"].encode()
        report = receipt.verify(text, CACHE.verify)
        self.assertEqual((report["index"], report["kind"], report["body"]), (2, "event", "verified"))
        self.assertEqual(report["ledger"], json.loads(text)["ledger"])
        with self.assertRaises(Refused):
            receipt.verify(text, CACHE.verify, bytes(32))


class Rfc8032(unittest.TestCase):
    """§7.1, and the cases in which verifiers are known to differ."""

    VECTORS = (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
         "d25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
         "387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
         "4a7c15e9716ed28dc027beceea1ec40a"),
    )

    def test_vectors(self):
        for key, message, signature in self.VECTORS:
            key, message, signature = (bytes.fromhex(text) for text in (key, message, signature))
            for _ in range(ed25519.HOT + 3):  # both ways of multiplying
                self.assertTrue(ed25519.verify(key, message, signature))
                self.assertFalse(ed25519.verify(key, message + b"\x00", signature))
            for bit in range(0, 512, 7):
                changed = bytearray(signature)
                changed[bit // 8] ^= 1 << bit % 8
                self.assertFalse(ed25519.verify(key, message, bytes(changed)))

    def test_both_ways_of_multiplying_agree(self):
        point = ed25519.decode(HOST.public)
        for width in (3, 5, 7):
            table = ed25519.Table(point, width)
            for scalar in (0, 1, 2, ed25519.L - 1, ed25519.L, 8 * ed25519.L - 1, 2**256 - 1, 0x1234567 << 200):
                slow = ed25519.multiply(point, scalar)
                self.assertEqual(ed25519.encode(slow), ed25519.encode(table.multiply_into(scalar, ed25519.IDENTITY)))

    def test_s_below_the_order(self):
        signature = HOST.sign(b"m")
        s = int.from_bytes(signature[32:], "little")
        self.assertTrue(ed25519.verify(HOST.public, b"m", signature))
        self.assertFalse(ed25519.verify(HOST.public, b"m", signature[:32] + (s + ed25519.L).to_bytes(32, "little")))

    def small_order_encodings(self):
        """All encodings of the eight points of small order, canonical or not."""
        # A point of order 8: any point times L that has it.
        y = 0
        while True:
            y += 1
            point = ed25519.decode(y.to_bytes(32, "little"))
            if point is None:
                continue
            torsion = ed25519.multiply(point, ed25519.L)
            four = ed25519.multiply(torsion, 4)
            if ed25519.encode(four) != ed25519.encode(ed25519.IDENTITY):
                break
        found = set()
        for times in range(8):
            canonical = ed25519.encode(ed25519.multiply(torsion, times))
            y = int.from_bytes(canonical, "little") & ed25519.LOW_255
            for value in (y, y + ed25519.P):
                if value < 1 << 255:
                    for sign in (0, 1):
                        found.add((value | sign << 255).to_bytes(32, "little"))
        return torsion, sorted(found)

    def test_small_order_is_refused(self):
        torsion, encodings = self.small_order_encodings()
        self.assertEqual(len(encodings), 14)
        s = (1).to_bytes(32, "little")
        base = ed25519.encode(ed25519.BASE)
        for data in encodings:
            point = ed25519.decode(data)
            self.assertTrue(point is None or ed25519.small_order(point))
            # As R, with S = k·a so that the equation holds for the identity; as A, with R = S·B.
            self.assertFalse(ed25519.verify(HOST.public, b"m", data + s))
            for message in range(16):
                self.assertFalse(ed25519.verify(data, b"%d" % message, base + s))
        r = ed25519.encode(ed25519.IDENTITY)
        k = int.from_bytes(hashlib.sha512(r + HOST.public + b"m").digest(), "little")
        forged = r + (k * HOST._scalar % ed25519.L).to_bytes(32, "little")
        self.assertFalse(ed25519.verify(HOST.public, b"m", forged))

    def test_no_cofactor(self):
        """R with a component of small order: R = r·B + T makes the equation with the cofactor hold, and only that."""
        torsion, _ = self.small_order_encodings()
        r = 12345
        point = ed25519._add(ed25519.multiply(ed25519.BASE, r), torsion)
        encoded = ed25519.encode(point)
        k = int.from_bytes(hashlib.sha512(encoded + HOST.public + b"m").digest(), "little")
        s = (r + k * HOST._scalar) % ed25519.L
        self.assertFalse(ed25519.verify(HOST.public, b"m", encoded + s.to_bytes(32, "little")))

    def test_keys_of_mixed_order(self):
        """A = a·B + T with T of order 8: whether k is reduced modulo L matters for such a key, and it is."""
        torsion, _ = self.small_order_encodings()
        key = ed25519.encode(ed25519._add(ed25519.decode(HOST.public), torsion))
        verdicts = {}
        for number in range(200):
            message = b"%d" % number
            part = number % 8
            encoded = ed25519.encode(ed25519._add(ed25519.multiply(ed25519.BASE, 7), ed25519.multiply(torsion, part)))
            k = int.from_bytes(hashlib.sha512(encoded + key + message).digest(), "little")
            signature = encoded + ((7 + k * HOST._scalar) % ed25519.L).to_bytes(32, "little")
            exact = (part + k) % 8 == 0
            reduced = (part + k % ed25519.L) % 8 == 0
            self.assertEqual(ed25519.verify(key, message, signature), reduced)
            verdicts.setdefault((exact, reduced), (message, signature))
        self.assertEqual(len(verdicts), 4 if (True, True) in verdicts else 3)

    def test_keys_have_one_encoding(self):
        for y in range(19):
            for sign in (0, 1 << 255):
                self.assertIsNone(ed25519.decode((y + ed25519.P | sign).to_bytes(32, "little")))
        self.assertIsNotNone(ed25519.decode((3).to_bytes(32, "little")))

    def test_keys_that_are_no_points(self):
        refused = sum(ed25519.decode(bytes([i]) + bytes(31)) is None for i in range(64))
        self.assertGreater(refused, 16)
        self.assertFalse(ed25519.verify(bytes([2]) + bytes(31), b"m", HOST.sign(b"m")))


class Rfc6962(unittest.TestCase):
    LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
    ROOTS = (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )

    def test_roots(self):
        leaves = [tree.leaf(bytes.fromhex(text)) for text in self.LEAVES]
        growing = tree.Tree()
        for leaf in leaves:
            growing.append(leaf)
        for size, root in enumerate(self.ROOTS):
            self.assertEqual(growing.roots[size].hex(), root)
            self.assertEqual(tree.root_of(leaves[:size]).hex(), root)

    def test_paths(self):
        def path(index, leaves):
            if len(leaves) == 1:
                return []
            split = 1 << (len(leaves) - 1).bit_length() - 1
            if index < split:
                return path(index, leaves[:split]) + [tree.root_of(leaves[split:])]
            return path(index - split, leaves[split:]) + [tree.root_of(leaves[:split])]

        for size in range(1, 40):
            leaves = [tree.leaf(bytes([i])) for i in range(size)]
            root = tree.root_of(leaves)
            for index in range(size):
                siblings = path(index, leaves)
                self.assertEqual(tree.root_from_path(leaves[index], index, size, siblings), root)
                for wrong in (siblings + [root], siblings[:-1] if siblings else [root]):
                    self.assertIsNone(tree.root_from_path(leaves[index], index, size, wrong))
                self.assertNotEqual(tree.root_from_path(leaves[index], (index + 1) % size, size, siblings),
                    root if size > 1 else None)
            self.assertIsNone(tree.root_from_path(leaves[0], size, size, []))


if __name__ == "__main__":
    unittest.main()
