"""What the strict CBOR reader takes and refuses, and the types of envelopes, headers and blocks."""

import unittest

from manes import cbor
from manes.block import Block, Header
from manes.cbor import Float, Map
from manes.envelope import FIELDS, Envelope
from manes.errors import Refused
from support import encode

REFUSED = {
    "no item": "",
    "uint over two bytes": "1817", "uint over three": "1900ff", "uint over five": "1a0000ffff",
    "uint over nine": "1b00000000ffffffff",
    "negative": "3817", "bytes": "580100", "text": "780161", "array": "9801f6", "map": "b80101f6",
    "bytes announced over 8": "5b0000000000000000",
    "indefinite": "5f4100ff", "indefinite text": "7f6161ff", "indefinite array": "9ff6ff", "indefinite map": "bf0101ff",
    "break": "ff",
    "reserved 28": "1c", "reserved 29": "3d", "reserved 30": "5e",
    "tag": "c000", "long tag": "d818f6", "undefined": "f7", "simple 0": "e0", "simple in a byte": "f8ff",
    "simple false": "f814",
    "half float": "f93c00", "reserved simple": "fc",
    "early in a head": "19ff", "early in bytes": "42ff", "early in text": "6261", "early in an array": "8201",
    "early in a map": "a101",
    "early in a float": "fa000000", "early in a double": "fb00000000000000",
    "many items announced": "9bffffffffffffffff", "many bytes announced": "5bffffffffffffffff",
    "many pairs announced": "bbffffffffffffffff",
    "more bytes": "f6f6", "more zeros": "0000",
    "not UTF-8": "61ff", "surrogate in UTF-8": "63eda080", "overlong UTF-8": "62c080", "over Unicode": "64f4908080",
    "keys equal": "a20101 0102", "keys descending": "a20201 0102", "longer text first": "a2626161f6 6162f6",
    "text before bytes": "a26161f6 4161f6", "minus one before one": "a220f601f6",
    "fault within": "81a10181ff",
}
TAKEN = {
    "00": 0, "17": 23, "1818": 24, "18ff": 255, "190100": 256, "1a00010000": 65536, "1b0000000100000000": 1 << 32,
    "20": -1, "3bffffffffffffffff": -(2**64), "f4": False, "f5": True, "f6": None, "80": [], "a0": Map([]), "40": b"",
    "60": "",
    "fa7fc00001": Float(32, 0x7FC00001), "fb7ff0000000000001": Float(64, 0x7FF0000000000001),
    "a301f620f64161f6": Map([(1, None), (-1, None), (b"a", None)]),
    "a201008001": Map([(1, 0), ([], 1)]),
}


class Strictness(unittest.TestCase):
    def test_refused(self):
        for label, text in REFUSED.items():
            with self.subTest(label):
                with self.assertRaises(Refused):
                    cbor.decode(bytes.fromhex(text))

    def test_taken(self):
        for text, value in TAKEN.items():
            with self.subTest(text):
                self.assertEqual(cbor.decode(bytes.fromhex(text)), value)
                self.assertEqual(encode(value), bytes.fromhex(text))

    def test_levels(self):
        deep = b"\x81" * 63 + b"\xf6"
        cbor.decode(deep)
        for data in (b"\x81" + deep, b"\xa1\x01" + deep, b"\xa1" + deep + b"\x01", b"\x81" * 100000):
            with self.assertRaises(Refused):
                cbor.decode(data)
        # In an envelope, the value of an unknown key is level 1 again.
        Envelope(b"\xa3\x00\x03\x01\x00\x18\x63" + deep)
        with self.assertRaises(Refused):
            Envelope(b"\xa3\x00\x03\x01\x00\x18\x63\x81" + deep)

    def test_every_short_item_has_one_encoding(self):
        """Of all strings of one or two bytes: what is taken encodes to itself."""
        for length in (1, 2):
            for number in range(256**length):
                data = number.to_bytes(length, "big")
                try:
                    value = cbor.decode(data)
                except Refused:
                    continue
                self.assertEqual(encode(value), data)

    def test_offsets(self):
        with self.assertRaises(Refused) as caught:
            cbor.decode(bytes.fromhex("8301021817"))
        self.assertEqual(caught.exception.offset, 3)


class Types(unittest.TestCase):
    GOOD = {
        0: 3, 1: 0, 2: True, 3: [bytes(32), 5], 4: bytes(32), 5: bytes(16), 6: bytes(32), 7: "t", 8: "host", 9: "a",
        10: bytes(32),
        11: 1, 12: bytes(32), 13: 1, 14: 0, 15: 1, 16: "f", 17: 2, 18: 1, 19: "r", 20: 99, 21: 0, 22: 0, 23: 0,
        24: bytes(32),
        25: bytes(64), 26: bytes(16), 27: 0, 28: "base", 29: 0, 30: 0, 31: bytes(32), 32: 0, 33: 1,
        34: bytes(32),
    }

    def test_good(self):
        self.assertEqual(set(self.GOOD), set(FIELDS))
        record = Envelope(encode(self.GOOD))
        self.assertEqual((record.kind, record.body, record.status), (3, (bytes(32), 5), 99))
        for key, value in ((35, None), (1 << 40, {"any": [Float(32, 1)]})):
            Envelope(encode({**self.GOOD, key: value}))

    def test_wrong_types(self):
        for key, good in self.GOOD.items():
            wrong = [None, -1, Float(32, 0), {0: 0}, [], [bytes(32)], [bytes(32), 5, 5], [bytes(31), 5], [bytes(32), -1]]
            if not isinstance(good, bool):
                wrong.append(True)
            if isinstance(good, bool) or not isinstance(good, int):
                wrong.append(1)
            if not isinstance(good, str):
                wrong.append("text")
            wrong.append(b"x" * (len(good) + 1) if isinstance(good, bytes) else b"")
            for value in wrong:
                with self.subTest(key=key, value=value):
                    with self.assertRaises(Refused):
                        Envelope(encode({**self.GOOD, key: value}))

    def test_ranges(self):
        """Ranges are meaning, not form: every unsigned integer is accepted, and every text."""
        for key in (key for key, good in self.GOOD.items() if type(good) is int):
            for value in (0, 2**64 - 1):
                Envelope(encode({**self.GOOD, key: value}))
        for key in (key for key, good in self.GOOD.items() if type(good) is str):
            Envelope(encode({**self.GOOD, key: ""}))

    def test_keys(self):
        for data in (
            encode({1: 0}), encode({0: 3}), encode({}), encode({0: 3, 1: 0, "a": 1}), encode({0: 3, 1: 0, -1: 1}),
            encode([0, 3]),
            b"\xa2\x01\x00\x00\x03", b"\xa3\x00\x03\x01\x00\x01\x00", encode({0: 3, 1: 0}) + b"\x00",
            b"\xa3\x00\x03\x01\x00\x18\x14\x00\x00",
        ):
            with self.subTest(data.hex()):
                with self.assertRaises(Refused):
                    Envelope(data)

    def test_header(self):
        good = {
            0: 1, 1: 1, 2: bytes(32), 3: bytes(32), 4: 1, 5: 0, 6: bytes(32), 7: 0, 8: 1, 9: bytes(32), 10: 0,
            11: [0, bytes(32)],
        }
        Header(encode(good))
        bad = [{**good, key: value} for key in good for value in (None, -1, "t", b"", bytes(33), [0], [0, bytes(31)],
                [-1, bytes(32)])]
        bad += [{**good, 0: 2}, {**good, 1: 2}, {**good, 12: 0}] + [{k: good[k] for k in good if k != key} for key in good]
        for value in bad:
            with self.assertRaises(Refused):
                Header(encode(value))
        with self.assertRaises(Refused):
            Header(encode(good) + b"\x00")

    def test_block(self):
        header = encode({
            0: 1, 1: 1, 2: bytes(32), 3: bytes(32), 4: 1, 5: 0, 6: bytes(32), 7: 0, 8: 1, 9: bytes(32), 10: 0,
            11: [0, bytes(32)],
        })
        seal = [[1, bytes(32), bytes(64)]]
        envelope = encode({0: 3, 1: 0})
        Block(encode([header, seal, [envelope], [None]]))
        for body in ([bytes(16), b""], [bytes(16), bytes(32), 0]):
            Block(encode([header, seal, [envelope], [body]]))
        for parts in (
            [header, seal, [envelope]], [header, seal, [envelope], [None], 0],
            [header, [[1, bytes(32)]], [envelope], [None]],
            [header, [[1, bytes(31), bytes(64)]], [envelope], [None]], [header, seal, envelope, [None]],
            [header, seal, [envelope], [[bytes(15), b""]]], [header, seal, [envelope], [[bytes(16), bytes(31), 0]]],
            [header, seal, [envelope], [[bytes(16), bytes(32), 1]]], [header, seal, [envelope], [[bytes(16)]]],
            [header, seal, [envelope], [[bytes(16), bytes(32), 0, 0]]], [header, seal, [envelope], [0]],
            [header, seal, [b""], [None]], [header, seal, [[]], [None]], [b"", seal, [envelope], [None]],
            [None, seal, [envelope], [None]],
        ):
            with self.assertRaises(Refused):
                Block(encode(parts))
        with self.assertRaises(Refused):
            Block(encode([header, seal, [envelope], [None]]) + b"\x00")
        with self.assertRaises(Refused):
            Block(b"")


if __name__ == "__main__":
    unittest.main()
