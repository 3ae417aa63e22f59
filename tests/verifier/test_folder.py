"""Artifacts, checkpoints and segments in folders whose keys the test holds."""

import unittest
import unittest.mock

from manes import hashing, limits
from support import HOST, ROOT, SECOND, Memory, Writer, body_of, encode, finding, note, segment_of, verify
from test_rules import EVENT, Case


class Artifacts(Case):
    NAME = hashing.sha256(b"\0asm").hex()

    def deploy(self, body, component=None, files=None):
        commitment, stored = body_of(body)
        writer = Writer()
        record = {0: 2, 1: 0, 3: commitment, 9: "adder"}
        writer.block([{**record, 31: component} if component else record], [stored])
        return writer.folder(files)

    def test_named_in_the_body(self):
        there = {"artifacts/" + self.NAME: b"\0asm"}
        self.refused(self.deploy(encode({"component": self.NAME})), "missing")
        report = verify(self.deploy(encode({"component": self.NAME}), files=there))
        self.assertEqual((report["artifacts"], report["artifacts_unnamed"]), (1, 0))
        for body in (
            b"", b"\xff", encode({"component": self.NAME.upper()}), encode({"component": self.NAME[:62]}),
            encode({b"component": self.NAME}),
            encode({"component": bytes(32)}), encode(["component", self.NAME]), encode({"component": self.NAME}) + b"\0",
        ):
            self.accepted(self.deploy(body))
            self.assertEqual(verify(self.deploy(body, files=there))["artifacts_unnamed"], 1)

    def test_named_in_the_envelope(self):
        there = {"artifacts/" + self.NAME: b"\0asm"}
        self.refused(self.deploy(b"", bytes.fromhex(self.NAME)), "missing")
        self.accepted(self.deploy(b"", bytes.fromhex(self.NAME), there))
        self.refused(self.deploy(encode({"component": "00" * 32}), bytes.fromhex(self.NAME), there), "missing")
        self.refused(self.deploy(b"", bytes.fromhex(self.NAME), {"artifacts/" + self.NAME: b"\0asM"}), "SHA-256")


class Checkpoints(Case):
    def setUp(self):
        self.writer = Writer()
        for _ in range(4):
            self.writer.block([EVENT])

    def with_note(self, data):
        return self.writer.folder({"checkpoint": data})

    def test_every_size(self):
        for size in range(self.writer.tree.size + 1):
            report = verify(self.with_note(self.writer.note(size)))
            self.assertEqual(report["tail"], self.writer.tree.size - size)
            report = verify(self.with_note(self.writer.note(0)), [self.writer.note(size), self.writer.note(1)])
            self.assertEqual((report["tail"], report["tier"]), (self.writer.tree.size - max(size, 1), "extends"))

    def test_not_of_this_ledger(self):
        writer = self.writer
        root = writer.tree.roots[2]
        for data, words in (
            (note(writer.ledger, 6, root, HOST), "cut or rolled back"), (note(writer.ledger, 3, root, HOST), "rewritten"),
            (note(bytes(32), 2, root, HOST), "origin"), (note(writer.ledger, 2, root, SECOND), "not enrolled"),
            (note(writer.ledger, 2, root, ROOT), "not enrolled"), (note(writer.ledger, 2, root[:31], HOST), "31 bytes"),
        ):
            with self.subTest(words):
                self.assertEqual(self.refused(self.with_note(data), words).code, "checkpoint")
                self.assertEqual(self.refused(writer, words, held=[data]).code, "held-checkpoint")

    def test_form(self):
        good = self.writer.note(3)
        lines = good.decode().split("\n")
        signature = lines[4]

        def joined(*changed):
            return "\n".join(changed).encode()

        for data in (
            b"", b"\n", good[:-1], good + b"\n", good + b"x", good.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + good,
            good.replace(b"\n3\n", b"\n03\n"),
            good.replace(b"\n3\n", b"\n+3\n"), good.replace(b"\n3\n", b"\n3 \n"),
            good.replace(b"\n3\n", "\n\u0663\n".encode()),
            joined(*lines[:3], "extension", "", signature, ""), joined(*lines[:3], signature, ""), joined(*lines[:4], ""),
            joined(*lines[:4], signature.replace("\u2014", "-"), ""),
            joined(*lines[:4], signature.replace(" ", "  ", 1), ""),
            joined(*lines[:4], signature + " ", ""), joined(*lines[:4], signature + "=", ""),
            joined(*lines[:4], signature[:-4], ""),
            joined(*lines[:4], signature.rstrip("="), ""), good + b"\xff\n",
            good.replace(b"\n3\n", b"\n" + b"9" * 5000 + b"\n"),
        ):
            with self.subTest(data[-40:]):
                self.assertIsNotNone(finding(self.with_note(data)))
                self.assertIsNotNone(finding(self.writer.folder(), held=[data]))

    def test_lines_of_others(self):
        more = "\u2014 witness.example AAAA\n"
        data = self.writer.note(3, more=more)
        self.refused(self.with_note(data), "2 signature lines")
        self.accepted(self.writer, held=[data])
        text, _, line = self.writer.note(3).decode().rpartition("\n\n")
        self.accepted(self.writer, held=[(text + "\n\n" + more + line).encode()])
        self.refused(self.with_note((text + "\n\n" + more).encode()), "names its origin")
        self.refused(self.writer, "names its origin", held=[(text + "\n\n" + more).encode()])
        self.refused(self.writer, "does not begin", held=[(text + "\n\n" + line + "witness\n").encode()])

    def test_missing_or_large(self):
        source = self.writer.folder()
        del source.files["checkpoint"]
        self.assertEqual(self.refused(source, "missing").code, "missing")
        self.assertEqual(self.refused(self.with_note(b"x" * 65537), "64 KiB").code, "size")


    def test_bad_line_of_its_own(self):
        """Beside a good one it is like one of a stranger, in notes that are held."""
        text, _, line = self.writer.note(3).decode().rpartition("\n\n")
        bad = self.writer.note(2).decode().rpartition("\n\n")[2]
        for lines in (bad + line, line + bad):
            self.accepted(self.writer, held=[(text + "\n\n" + lines).encode()])
        self.assertEqual(self.refused(self.writer, "not valid", held=[(text + "\n\n" + bad).encode()]).code,
            "held-checkpoint")
        self.accepted(self.writer, held=[(text + "\n\n" + line).encode() + b"\xe2\x80\x94 x\n" * 10000])
        self.refused(self.writer, "64 KiB", held=[(text + "\n\n" + line).encode() + b"\xe2\x80\x94 x\n" * 11000])


class Places(Case):
    """The code and the file of what is found: both are fixed (FORMAT.md, "Reports")."""

    NAME = hashing.sha256(b"blob").hex()

    def place(self, source):
        refused = finding(source)
        return refused.code, refused.file

    def test_folder(self):
        source = Writer().folder()
        for change, code, file in (
            ({"x": b""}, "unexpected", "x"), ({"LOCK": b"x"}, "size", "LOCK"), ({"checkpoint": None}, "missing", "checkpoint"),
            ({"checkpoint": b"\xff"}, "checkpoint", "checkpoint"),
            ({"segments/00000000.seg": None}, "missing", "segments/00000000.seg"),
            ({"segments/00000002.seg": segment_of([])}, "missing", "segments/00000001.seg"),
            ({"segments/00000000.seg": segment_of([])}, "chain", "segments/00000000.seg"),
            ({"segments/00000000.seg": b""}, "damaged", "segments/00000000.seg"),
            ({"artifacts/" + self.NAME: b""}, "digest", "artifacts/" + self.NAME),
            ({"blobs/00/%s.new" % self.NAME: b""}, "unexpected", "blobs/00/%s.new" % self.NAME),
        ):
            with self.subTest(file):
                files = {**source.files, **change}
                changed = Memory({name: data for name, data in files.items() if data is not None})
                self.assertEqual(self.place(changed), (code, file))

    def test_missing_parts_of_a_block(self):
        name = bytes.fromhex(self.NAME)
        commitment, _ = body_of(b"blob")
        writer = Writer()
        writer.block([{0: 3, 1: 0, 3: commitment, 5: bytes(16), 6: bytes(32)}], [[b"s" * 16, name, 0]])
        self.assertEqual(self.place(writer.folder()), ("missing", "blobs/%s/%s" % (self.NAME[:2], self.NAME)))
        self.assertIsNone(finding(writer.folder({"blobs/%s/%s" % (self.NAME[:2], self.NAME): b"blob"})))
        writer = Writer()
        writer.block([{0: 2, 1: 0, 9: "a", 31: name}])
        refused = finding(writer.folder())
        self.assertEqual((refused.code, refused.file, refused.record), ("missing", "artifacts/" + self.NAME, 2))

    def test_damage_or_chain(self):
        for code, parts in (
            ("damaged", {"raw_header": b"\xa0"}), ("damaged", {"header": {0: 2}}), ("damaged", {"bodies": []}),
            ("chain", {"header": {8: 3}}), ("chain", {"seal": []}), ("chain", {"header": {4: 0}}),
        ):
            writer = Writer()
            writer.block([EVENT], **parts)
            self.assertEqual(self.place(writer.folder()), (code, "segments/00000000.seg"), parts)
        for code, records in (("damaged", [b"\xa0"]), ("chain", [{0: 3, 1: 0}]), ("chain", [])):
            writer = Writer()
            writer.block(records)
            self.assertEqual(self.place(writer.folder()), (code, "segments/00000000.seg"), records)

    def test_limits(self):
        source = Writer().folder({"artifacts/" + self.NAME: b"blob"})
        self.assertIsNone(finding(source))
        with unittest.mock.patch.object(limits, "BLOB_BYTES", 3):
            self.assertEqual(self.place(source), ("size", "artifacts/" + self.NAME))


class Segments(Case):
    def setUp(self):
        self.writer = Writer()
        self.writer.block([EVENT])
        self.writer.block([EVENT])

    def source(self, *segments):
        files = {"segments/%08d.seg" % index: data for index, data in enumerate(segments)}
        return Memory({**files, "checkpoint": self.writer.note(1)})

    def test_forms(self):
        first, second, third = self.writer.payloads
        whole = segment_of([first, second, third])
        self.accepted(self.source(whole))
        self.accepted(self.source(whole + bytes(100000)))
        self.accepted(self.source(segment_of([first], 5), segment_of([second, third]), segment_of([])))
        self.refused(self.source(segment_of([first]), segment_of([]), segment_of([second])), "no frame")
        self.refused(self.source(segment_of([])), "no block")
        self.refused(self.source(segment_of([first], 1) + whole[16:]), "neither a frame nor zeros")
        for cut in range(len(whole)):
            accepted = finding(self.source(whole[:cut])) is None
            ends = [len(segment_of(self.writer.payloads[:n])) for n in (1, 2)]
            self.assertEqual(accepted, cut in ends, cut)
        for index in range(16):
            bad = bytearray(whole)
            bad[index] ^= 1
            self.refused(self.source(bytes(bad)), "no segment head")
        self.refused(self.source(segment_of([first, b"", second])), "ends early")

    def test_one_byte_behind(self):
        whole = segment_of(self.writer.payloads)
        for at in (0, 1, 3, 15, 16, 17, (1 << 20) + 5):
            tail = bytearray(at + 3)
            tail[at] = 1
            refused = self.refused(self.source(whole + bytes(tail)), "neither a frame nor zeros")
            self.assertEqual((refused.offset, refused.code), (len(whole) + at, "damaged"))


if __name__ == "__main__":
    unittest.main()
