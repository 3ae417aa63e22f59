"""The golden ledger: accepted as it is, with the expected report, and refused after every kind of tampering.

`python3 test_golden.py --all-bits`, or MANES_ALL_BITS=1 in the environment, flips all eight bits of each byte, not one.
"""

import json
import unittest

from manes import tree
from manes.block import Block
from support import (
    GOLDEN, GOLDEN_EXPECTED, HOST, SEED, Writer, encode, finding, flipped, flips, load, main, note, segment_of,
    split_segments,
    verify, with_segments,
)


class Golden(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.source = load(GOLDEN)
        self.segments = split_segments(self.source)
        self.payloads = [payload for segment in self.segments for payload in segment]
        self.ledger = bytes.fromhex(verify(self.source)["ledger"])
        self.roots = self.roots_of(self.payloads)
        self.full = note(self.ledger, len(self.payloads), self.roots[-1], HOST)

    def roots_of(self, payloads):
        growing = tree.Tree()
        for payload in payloads:
            growing.append(tree.leaf(Block(payload).header.hash))
        return growing.roots

    def resplit(self, payloads):
        """The same folder with these blocks, spread over two segments."""
        half = len(self.segments[0])
        return with_segments(self.source, [payloads[:half], payloads[half:]])

    def refused(self, source, why, held=()):
        refused = finding(source, held)
        self.assertIsNotNone(refused, "accepted although " + why)
        return refused

    def test_accepted(self):
        with open(GOLDEN_EXPECTED, encoding="utf-8") as file:
            expected = json.load(file)
        self.assertEqual(verify(self.source), expected)
        report = verify(self.source, [self.full])
        self.assertEqual((report["tier"], report["tail"]), ("extends", 0))
        for size in range(len(self.payloads) + 1):
            verify(self.source, [note(self.ledger, size, self.roots[size], HOST)])

    def test_flipped_bits(self):
        """Of every byte of every file."""
        for name in sorted(self.source.files):
            data = self.source.files[name]
            for at, bit in flips(data, SEED + len(data)):
                self.source.files[name] = flipped(data, at, bit)
                refused = self.refused(self.source, "bit %d of byte %d of %s is flipped" % (bit, at, name))
                self.assertEqual(refused.file, name)
            self.source.files[name] = data

    def test_flipped_bits_in_mended_frames(self):
        """Of every byte of every block, with the frame's digest made to fit: what somebody without a key can do."""
        source = self.source.copy()
        for number, segment in enumerate(self.segments):
            name = "segments/%08d.seg" % number
            for index, payload in enumerate(segment):
                before, after = segment_of(segment[:index]), segment_of(segment[index + 1 :])[16:]
                for at, bit in flips(payload, SEED + index):
                    changed = segment_of([flipped(payload, at, bit)])[16:]
                    source.files[name] = before + changed + after
                    self.refused(source, "bit %d of byte %d of block %d of %s is flipped" % (bit, at, index, name))
            source.files[name] = self.source.files[name]

    def test_deleted(self):
        for index in range(len(self.payloads) - 1):
            self.refused(self.resplit(self.payloads[:index] + self.payloads[index + 1 :]), "block %d is gone" % index)

    def test_truncated(self):
        for size in range(len(self.payloads)):
            cut = self.resplit(self.payloads[:size])
            self.refused(cut, "cut after %d blocks, against a held checkpoint" % size, [self.full])
            # With the folder's checkpoint rolled back too, nothing but a held one can tell.
            if size > 0:
                cut.files["checkpoint"] = note(self.ledger, size, self.roots[size], HOST)
                short = finding(cut)
                missing = short is not None and short.code == "missing"
                self.assertTrue(short is None or missing or "no frame" in str(short), str(short))
                self.refused(cut, "rolled back to %d blocks, against a held checkpoint" % size, [self.full])

    def test_duplicated(self):
        for index, payload in enumerate(self.payloads):
            for at in range(len(self.payloads) + 1):
                self.refused(self.resplit(self.payloads[:at] + [payload] + self.payloads[at:]),
                    "block %d is at %d again" % (index, at))

    def test_reordered(self):
        for left in range(len(self.payloads)):
            for right in range(left):
                order = list(self.payloads)
                order[left], order[right] = order[right], order[left]
                self.refused(self.resplit(order), "blocks %d and %d are swapped" % (left, right))
        self.refused(with_segments(self.source, self.segments[::-1]), "the segments are swapped")

    def test_spliced(self):
        """Parts of one stored block in the place of another's, and blocks of another ledger of the same host."""
        parts = []
        for payload in self.payloads:
            block = Block(payload)
            bodies = [
                None if body is None else [body.salt, body.inline] if body.digest is None else [body.salt, body.digest, 0]
                for body in block.bodies
            ]
            parts.append([block.header.raw, [list(entry) for entry in block.seal],
                    [record.raw for record in block.envelopes], bodies])
            self.assertEqual(encode(parts[-1]), payload)
        for index in range(len(parts)):
            for other in range(len(parts)):
                for part in range(4):
                    spliced = list(parts[index])
                    spliced[part] = parts[other][part]
                    # Bodies that are all null are no finding: the storage may erase them.
                    erased = part == 3 and len(parts[other][3]) == len(parts[index][3]) and not any(parts[other][3])
                    if spliced != parts[index] and not erased:
                        payloads = self.payloads[:index] + [encode(spliced)] + self.payloads[index + 1 :]
                        self.refused(self.resplit(payloads), "part %d of block %d is that of %d" % (part, index, other))
        writer = Writer()
        for index in range(len(self.payloads)):
            writer.block([{0: 77, 1: index}])
        for index in range(len(self.payloads)):
            payloads = self.payloads[:index] + [writer.payloads[index]] + self.payloads[index + 1 :]
            self.refused(self.resplit(payloads), "block %d is of another ledger" % index)

    def test_forked_by_the_host(self):
        """The holder of the key can rewrite the tail, and only a held checkpoint tells."""
        writer = Writer.__new__(Writer)
        last = Block(self.payloads[-1]).header
        fields = {
            0: 1, 1: 1, 2: self.ledger, 3: HOST.public, 4: last.incarnation, 5: last.number, 6: last.previous, 7: last.first,
            8: 1,
            10: 0, 11: [0, self.roots[0]],
        }
        writer.ledger, writer.payloads, writer.records, writer.chains = self.ledger, list(self.payloads[:-1]), last.first, {}
        writer.tree = tree.Tree()
        for payload in writer.payloads:
            writer.tree.append(tree.leaf(Block(payload).header.hash))
        writer.block([{0: 77, 1: 1}], header=fields)
        forked = self.resplit(writer.payloads)
        self.assertIsNone(finding(forked))
        self.assertIn("rewritten", str(self.refused(forked, "it was forked", [self.full])))

    def test_bodies_erased_by_the_storage(self):
        """Not refused, and counted (FORMAT.md, "What is thereby proved")."""
        before = verify(self.source)["bodies_absent"]
        erased = 0
        payloads = list(self.payloads)
        for index, payload in enumerate(payloads):
            block = Block(payload)
            erased += sum(body is not None for body in block.bodies)
            seal = [list(entry) for entry in block.seal]
            payloads[index] = encode([block.header.raw, seal, [record.raw for record in block.envelopes],
                    [None] * len(block.bodies)])
        report = verify(self.resplit(payloads))
        self.assertEqual(report["bodies_absent"], before + erased)
        self.assertEqual(report["head"], verify(self.source)["head"])


class Planted(unittest.TestCase):
    def setUp(self):
        self.source = load(GOLDEN)

    def test_files(self):
        zeros = "0" * 64
        last = len([name for name in self.source.files if name.startswith("segments/")])
        for name in (
            "x", ".hidden", "segments/x", "segments/0000000.seg", "segments/%08d.seg" % (last + 1),
            "segments/%08d.seg.new" % last,
            "segments/%08d.SEG" % last, "segments/000000000.seg", "blobs/x", "blobs/" + zeros, "blobs/00/x",
            "blobs/11/" + zeros,
            "blobs/00/" + zeros, "blobs/0/" + zeros, "blobs/AA/" + "A" * 64, "artifacts/" + zeros, "artifacts/x",
            "artifacts/00/" + zeros,
            "artifacts/" + "A" * 64, "checkpoint.bak", "LOCK.new", "checkpoint.new.new", "blobs.new", "blobs/00.new",
            "blobs/11/" + zeros + ".new",
            "checkpoint.new/x", "segments/00000000.seg.new", "keys/host",
            "LOCK/x" if "LOCK" not in self.source.files else "lock",
        ):
            with self.subTest(name):
                source = self.source.copy()
                source.files[name] = b""
                self.assertIsNotNone(finding(source))

    def test_what_carries_no_meaning(self):
        report = verify(self.source)
        zeros = "0" * 64
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        for name, count in (
            ("checkpoint.new", "leftovers"), ("blobs/00/" + zeros + ".new", "leftovers"),
            ("artifacts/" + zeros + ".new", "leftovers"),
            ("blobs/e3/" + empty, "blobs_unnamed"), ("artifacts/" + empty, "artifacts_unnamed"),
        ):
            with self.subTest(name):
                source = self.source.copy()
                source.files[name] = b"" if "unnamed" in count else b"never read"
                expected = dict(report, **{count: report[count] + 1})
                if "unnamed" in count:
                    expected[count.split("_")[0]] += 1
                self.assertEqual(verify(source), expected)
        source = self.source.copy()
        source.folders = {"blobs/00", "artifacts", "blobs"}
        self.assertEqual(verify(source), report)
        source.files.pop("LOCK", None)
        self.assertEqual(verify(source), report)

    def test_removed_and_emptied(self):
        for name in self.source.files:
            if name == "LOCK":
                continue
            with self.subTest(name):
                source = self.source.copy()
                del source.files[name]
                self.assertIsNotNone(finding(source))
                source.files[name] = b""
                self.assertIsNotNone(finding(source))
        source = self.source.copy()
        source.files["LOCK"] = b"\0"
        self.assertEqual(finding(source).code, "size")


if __name__ == "__main__":
    main()
