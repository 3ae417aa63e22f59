"""Receipts: that of FORMAT.md, tampered with in every byte, and made ones of many shapes."""

import json
import unittest

from manes import receipt, tree
from manes.block import Block
from manes.errors import Refused
from support import CACHE, HOST, SECOND, SEED, Writer, flipped, flips, key_record, main, vectors


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
            text.replace(b'"place": 1', b'"place": 18446744073709551616'),
        ):
            self.assertIsNone(self.judge(data), data[:60])

    def test_two_keys_and_long_paths(self):
        """A block of one host under a checkpoint of another, in ledgers of many sizes."""
        def path(index, leaves):
            if len(leaves) == 1:
                return []
            split = 1 << (len(leaves) - 1).bit_length() - 1
            if index < split:
                return path(index, leaves[:split]) + [tree.root_of(leaves[split:])]
            return path(index - split, leaves[split:]) + [tree.root_of(leaves[:split])]

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
                        "path": [h.hex() for h in path(index, leaves)],
                    },
                    "block": {
                        "place": place, "header": block.header.raw.hex(), "signature": block.seal[0][2].hex(),
                        "path": [h.hex() for h in path(place, tops)],
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
