"""Receipts: that of FORMAT.md, tampered with in every byte, and made ones of many shapes."""

import json
import unittest

from manes import receipt, tree
from manes.block import Block
from manes.errors import Refused
from support import CACHE, HOST, SECOND, SEED, Writer, flipped, flips, key_record, main, vectors


def path_of(index, leaves):
    """The inclusion path, by the definition."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return path_of(index, leaves[:split]) + [tree.root_of(leaves[split:])]
    return path_of(index - split, leaves[split:]) + [tree.root_of(leaves[:split])]


class Receipts(unittest.TestCase):
    def setUp(self):
        self.text = vectors()["The receipt of its record 2"].strip().encode()
        self.receipt = json.loads(self.text)

    def judge(self, data):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        try:
            return receipt.verify(data, CACHE.verify)
        except Refused:
            return None

    def test_flipped_bits(self):
        for at, bit in flips(self.text, SEED):
            self.assertIsNone(self.judge(flipped(self.text, at, bit)), "bit %d of byte %d is flipped" % (bit, at))

    def test_shape(self):
        self.assertEqual(self.judge(self.receipt)["body"], "verified")
        shuffled = dict(reversed(list(self.receipt.items())))
        self.assertIsNotNone(self.judge(json.dumps(shuffled, indent=7).encode()))
        withheld = {key: self.receipt[key] for key in self.receipt if key != "body"}
        self.assertEqual(self.judge(withheld)["body"], "withheld")
        for key in withheld:
            self.assertIsNone(self.judge({other: self.receipt[other] for other in self.receipt if other != key}))
            for value in (None, True, 1, 1.0, "", "zz", [], {}, [None]):
                self.assertIsNone(self.judge({**self.receipt, key: value}), key)
        for outer in ("record", "block", "body"):
            for key, good in self.receipt[outer].items():
                for value in (None, True, -1, 1.5, "", "AA", [], {}, [None],
                    good.upper() if isinstance(good, str) else str(good)):
                    if value != good:
                        self.assertIsNone(self.judge({**self.receipt, outer: {**self.receipt[outer], key: value}}),
                            (key, value))
            self.assertIsNone(self.judge({**self.receipt, outer: {**self.receipt[outer], "more": 1}}))
        self.assertIsNone(self.judge({**self.receipt, "more": 1}))
        self.assertIsNone(self.judge({**self.receipt, "keys": self.receipt["keys"] * 2}))
        self.assertIsNone(self.judge({**self.receipt, "keys": []}))

    def test_json(self):
        text = self.text
        for data in (
            b"", b"{}", b"[]", b"null", b"NaN", text + b"x", text + text, b"\xef\xbb\xbf" + text,
            text.decode().encode("utf-16"), b"[" * 100000,
            text.replace(b'"index": 2', b'"index": 2.0'), text.replace(b'"index": 2', b'"index": 2e0'),
            text.replace(b'"index": 2', b'"index": 02'),
            text.replace(b'"index": 2', b'"index": -0'), text.replace(b'"index": 2', b'"index": 2, "index": 2'),
            text.replace(b'"index": 2', b'"index": ' + b"9" * 10000), text.replace(b'"index": 2', b'"index": NaN'),
            text[:-1].rstrip() + b', "format": "manes-receipt/1"}',
            text.replace(b'"place": 1', b'"place": 18446744073709551616'), text + b"\xff",
            text.replace(b'"bytes": "omRkYXRhZWhlbGxvZHR5cGVpc3VtLmFza2Vk"', b'"bytes": "omRkYXRhZWhlbGxvZHR5cGVpc3VtLmFza2Vl"'),
        ):
            self.assertIsNone(self.judge(data), data[:60])

    def forged(self, header=None, record=None, place=2, blocks=4):
        """The receipt of a block that its host signed, under a checkpoint over it, with these header fields."""
        writer = Writer()
        for number in range(1, blocks):
            writer.block([record or {0: 77, 1: number}], header=header if number == place else None)
        made = [Block(payload) for payload in writer.payloads]
        block = made[place]
        keys = [{"key": HOST.public.hex(), "signature": key_record(writer.ledger, HOST)[25].hex()}]
        return self.judge({
            "format": "manes-receipt/1", "ledger": writer.ledger.hex(), "genesis": writer.genesis.hex(), "keys": keys,
            "record": {"index": block.header.first, "envelope": block.envelopes[0].raw.hex(),
                "path": [h.hex() for h in path_of(0, [e.leaf for e in block.envelopes])]},
            "block": {"place": place, "header": block.header.raw.hex(), "signature": block.seal[0][2].hex(),
                "path": [h.hex() for h in path_of(place, [tree.leaf(b.header.hash) for b in made])]},
            "checkpoint": writer.note().decode(),
        })

    def test_numbers_that_contradict_the_place(self):
        self.assertEqual(self.forged()["kind"], "unknown")
        self.assertEqual(self.forged(place=0)["kind"], "genesis")
        for header in (
            {5: 3}, {5: 0}, {6: bytes(32)}, {4: 0}, {11: [3, bytes(32)]}, {11: [0, bytes(32)]}, {7: 0}, {7: 1},
        ):
            self.assertIsNone(self.forged(header), header)
        # What holds in some ledger is not refused, though it is not what this one holds.
        for header in ({5: 1}, {7: 2}, {7: 1000}, {11: [1, bytes(32)]}, {4: 9}):
            self.assertIsNotNone(self.forged(header), header)
        self.assertIsNone(self.forged(record=Writer.GENESIS))

    def test_two_keys_and_long_paths(self):
        """A block of one host under a checkpoint of another, in ledgers of many sizes."""
        writer = Writer()
        writer.block([key_record(writer.ledger, SECOND)])
        for count in range(1, 8):
            writer.block([{0: 77, 1: number} for number in range(count)], host=HOST if count % 2 else SECOND)
        blocks = [Block(payload) for payload in writer.payloads]
        tops = [tree.leaf(block.header.hash) for block in blocks]
        vouched = {
            signer.public: {"key": signer.public.hex(),
                "signature": key_record(writer.ledger, signer)[25].hex()} for signer in (HOST, SECOND)
        }
        for place, block in enumerate(blocks):
            leaves = [record.leaf for record in block.envelopes]
            for index, record in enumerate(block.envelopes):
                by = SECOND if place % 3 else HOST
                keys = [vouched[block.header.host]] + ([vouched[by.public]] if by.public != block.header.host else [])
                made = {
                    "format": "manes-receipt/1", "ledger": writer.ledger.hex(), "genesis": writer.genesis.hex(),
                    "keys": keys,
                    "record": {
                        "index": block.header.first + index, "envelope": record.raw.hex(),
                        "path": [h.hex() for h in path_of(index, leaves)],
                    },
                    "block": {
                        "place": place, "header": block.header.raw.hex(), "signature": block.seal[0][2].hex(),
                        "path": [h.hex() for h in path_of(place, tops)],
                    },
                    "checkpoint": writer.note(signer=by).decode(),
                }
                self.assertEqual(self.judge(made)["body"], "none")
                if len(keys) == 2:
                    self.assertIsNone(self.judge({**made, "keys": keys[::-1]}))
                    self.assertIsNone(self.judge({**made, "keys": keys[:1]}))
                    self.assertIsNone(self.judge({**made, "keys": keys[1:]}))
                self.assertIsNone(self.judge({**made, "record": {**made["record"], "index": made["record"]["index"] + 1}}))
                self.assertIsNone(self.judge({**made, "block": {**made["block"], "place": place + 1}}))


if __name__ == "__main__":
    main()
