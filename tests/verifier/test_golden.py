"""The golden ledger: accepted as it is, with the expected report, and refused after every kind of tampering.

`python3 test_golden.py --all-bits` flips all eight bits of each byte instead of one.
"""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import manes_verify
from manes import receipt
from manes.block import Block
from manes.errors import Refused
from support import (
    CACHE, GOLDEN, GOLDEN_EXPECTED, HERE, HOST, Writer, encode, finding, load, note, segment_of, split_segments, vectors, verify,
    with_segments,
)

ALL_BITS = False
SEED = 20240229


def flips(data, seed):
    """(byte, bit) to flip: one pseudo-random bit of each byte, or all."""
    choose = random.Random(seed)
    for at in range(len(data)):
        for bit in range(8) if ALL_BITS else [choose.randrange(8)]:
            yield at, bit


def flipped(data, at, bit):
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


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
        from manes import tree

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
                self.refused(self.resplit(self.payloads[:at] + [payload] + self.payloads[at:]), "block %d is at %d again" % (index, at))

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
            parts.append([block.header.raw, [list(entry) for entry in block.seal], [record.raw for record in block.envelopes], bodies])
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
            0: 1, 1: 1, 2: self.ledger, 3: HOST.public, 4: last.incarnation, 5: last.number, 6: last.previous, 7: last.first, 8: 1,
            10: 0, 11: [0, self.roots[0]],
        }
        writer.ledger, writer.payloads, writer.records, writer.chains = self.ledger, list(self.payloads[:-1]), last.first, {}
        from manes import tree

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
            payloads[index] = encode([block.header.raw, seal, [record.raw for record in block.envelopes], [None] * len(block.bodies)])
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
            "x", ".hidden", "segments/x", "segments/0000000.seg", "segments/%08d.seg" % (last + 1), "segments/%08d.seg.new" % last,
            "segments/%08d.SEG" % last, "segments/000000000.seg", "blobs/x", "blobs/" + zeros, "blobs/00/x", "blobs/11/" + zeros,
            "blobs/00/" + zeros, "blobs/0/" + zeros, "blobs/AA/" + "A" * 64, "artifacts/" + zeros, "artifacts/x", "artifacts/00/" + zeros,
            "artifacts/" + "A" * 64, "checkpoint.bak", "LOCK.new", "checkpoint.new.new", "blobs.new", "blobs/00.new", "blobs/11/" + zeros + ".new",
            "checkpoint.new/x", "segments/00000000.seg.new", "keys/host", "LOCK/x" if "LOCK" not in self.source.files else "lock",
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
            ("checkpoint.new", "leftovers"), ("blobs/00/" + zeros + ".new", "leftovers"), ("artifacts/" + zeros + ".new", "leftovers"),
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


@unittest.skipIf(os.name == "nt", "symbolic links")
class OnDisk(unittest.TestCase):
    """The command, and what only a file system has."""

    def setUp(self):
        self.base = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.base)
        self.path = os.path.join(self.base, "ledger")
        shutil.copytree(GOLDEN, self.path)

    def run_main(self, *arguments):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = manes_verify.main(list(arguments))
        return code, out.getvalue()

    def refused(self, words):
        code, out = self.run_main(self.path)
        self.assertEqual(code, 5, out)
        self.assertIn(words, out)

    def test_command(self):
        code, out = self.run_main("--json", self.path)
        with open(GOLDEN_EXPECTED, encoding="utf-8") as file:
            expected = json.load(file)
        self.assertEqual((code, json.loads(out)), (0, expected))
        self.assertEqual(self.run_main("--ledger-id", expected["ledger"], self.path)[0], 0)
        code, out = self.run_main("--json", "--ledger-id", "00" * 32, self.path)
        self.assertEqual((code, json.loads(out)["finding"]["code"]), (5, "other-ledger"))
        code, out = self.run_main("--json", "--checkpoint", os.path.join(self.path, "checkpoint"), self.path)
        self.assertEqual((code, json.loads(out)["tier"], len(json.loads(out)["held"])), (0, "extends", 1))
        self.assertEqual(self.run_main("--json", os.path.join(self.base, "nothing"))[0], 5)
        self.assertEqual(self.run_main("--json", os.path.join(self.path, "checkpoint"))[0], 5)
        self.assertEqual(self.run_main("--checkpoint", os.path.join(self.base, "nothing"), self.path)[0], 5)
        for wrong in ([], ["a", "b"], ["--ledger-id", "xy", "a"], ["--no-such", "a"], ["--batch", "a"], ["--checkpoint", "a", "receipt", "b"]):
            with self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()):
                self.run_main(*wrong)
            self.assertEqual(caught.exception.code, 2)

    def test_links(self):
        for name in ("checkpoint", "LOCK", "segments/00000000.seg", "segments", "blobs", "artifacts"):
            full = os.path.join(self.path, name)
            kept = os.path.join(self.base, "kept")
            os.rename(full, kept)
            os.symlink(kept, full)
            self.refused("neither a file nor a folder")
            os.remove(full)
            os.rename(kept, full)
        os.symlink("checkpoint", os.path.join(self.path, "checkpoint.new"))
        self.refused("checkpoint.new")

    def test_other_kinds(self):
        for name, make in (("LOCK", os.mkdir), ("checkpoint", os.mkdir), ("checkpoint", os.mkfifo), ("blobs/00", os.mkfifo)):
            full = os.path.join(self.path, name)
            kept = os.path.join(self.base, "kept")
            if os.path.exists(full):
                os.rename(full, kept)
            make(full)
            self.refused(name)
            os.rmdir(full) if make is os.mkdir else os.remove(full)
            if os.path.exists(kept):
                os.rename(kept, full)
        os.mkdir(os.path.join(self.path, "extra"))
        self.refused("extra")

    def test_names_that_are_not_text(self):
        with open(os.path.join(os.fsencode(self.path), b"\xff\x1b[31m"), "wb"):
            pass
        self.refused("\\udcff\\x1b[31m")

    def test_batch(self):
        os.mkdir(os.path.join(self.base, "empty"))
        lines = [self.path, os.path.join(self.base, "empty"), os.path.join(self.base, "none"), self.path]
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "manes_verify.py"), "--batch"], input="\n".join(lines).encode(), stdout=subprocess.PIPE, check=True
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([answer["ok"] for answer in answers], [True, False, False, True])
        self.assertEqual([bool(answer["finding"]) for answer in answers], [False, True, True, False])

    def test_receipt(self):
        path = os.path.join(self.base, "receipt.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(vectors()["The receipt of its record 2"])
        code, out = self.run_main("--json", "receipt", path)
        self.assertEqual((code, json.loads(out)["verified"]), (0, True))
        code, out = self.run_main("--json", "--ledger-id", "00" * 32, "receipt", path)
        self.assertEqual((code, json.loads(out)["verified"]), (5, False))


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
        self.assertEqual(self.judge(self.receipt)["body"], "present")
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
                for value in (None, True, -1, 1.5, "", "AA", [], {}, [None], good.upper() if isinstance(good, str) else str(good)):
                    if value != good:
                        self.assertIsNone(self.judge({**self.receipt, outer: {**self.receipt[outer], key: value}}), (key, value))
            self.assertIsNone(self.judge({**self.receipt, outer: {**self.receipt[outer], "more": 1}}))
        self.assertIsNone(self.judge({**self.receipt, "more": 1}))
        self.assertIsNone(self.judge({**self.receipt, "keys": self.receipt["keys"] * 2}))
        self.assertIsNone(self.judge({**self.receipt, "keys": []}))

    def test_json(self):
        text = self.text
        for data in (
            b"", b"{}", b"[]", b"null", b"NaN", text + b"x", text + text, b"\xef\xbb\xbf" + text, text.decode().encode("utf-16"), b"[" * 100000,
            text.replace(b'"index": 2', b'"index": 2.0'), text.replace(b'"index": 2', b'"index": 2e0'), text.replace(b'"index": 2', b'"index": 02'),
            text.replace(b'"index": 2', b'"index": -0'), text.replace(b'"index": 2', b'"index": 2, "index": 2'),
            text.replace(b'"index": 2', b'"index": ' + b"9" * 10000), text.replace(b'"index": 2', b'"index": NaN'),
            text[:-1].rstrip() + b', "format": "manes-receipt/1"}', text.replace(b'"place": 1', b'"place": 18446744073709551616'),
        ):
            self.assertIsNone(self.judge(data), data[:60])

    def test_two_keys_and_long_paths(self):
        """A block of one host under a checkpoint of another, in ledgers of many sizes."""
        from manes import tree
        from support import SECOND, key_record

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
            signer.public: {"key": signer.public.hex(), "signature": key_record(writer.ledger, signer)[25].hex()} for signer in (HOST, SECOND)
        }
        for place, block in enumerate(blocks):
            leaves = [record.leaf for record in block.envelopes]
            for index, record in enumerate(block.envelopes):
                by = SECOND if place % 3 else HOST
                keys = [vouched[block.header.host]] + ([vouched[by.public]] if by.public != block.header.host else [])
                made = {
                    "format": "manes-receipt/1", "ledger": writer.ledger.hex(), "genesis": writer.genesis.hex(), "keys": keys,
                    "record": {
                        "index": block.header.first + index, "envelope": record.raw.hex(), "path": [h.hex() for h in path(index, leaves)],
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
    if "--all-bits" in sys.argv:
        sys.argv.remove("--all-bits")
        ALL_BITS = True
    unittest.main()
