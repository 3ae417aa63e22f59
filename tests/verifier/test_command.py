"""The command, and what only a file system has: links, pipes, names that are not text."""

import base64
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import manes_verify
from support import GOLDEN, GOLDEN_EXPECTED, HERE, HOST, SECOND, Writer, note, vectors


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
        for name, code in (("nothing", "missing"), ("ledger/checkpoint", "unreadable")):
            found = json.loads(self.run_main("--json", os.path.join(self.base, name))[1])["finding"]
            self.assertEqual((found["code"], found["file"]), (code, ""))
        for absent in (["--checkpoint", "/no/such/file", self.path], ["receipt", "/no/such/file"], ["receipt", self.path]):
            with contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertEqual(self.run_main(*absent), (2, ""))
            self.assertIn("cannot read", said.getvalue())
        for wrong in ([], ["a", "b"], ["--ledger-id", "xy", "a"], ["--no-such", "a"], ["--batch", "a"]):
            with self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()):
                self.run_main(*wrong)
            self.assertEqual(caught.exception.code, 2)

    def test_link_to_the_folder(self):
        link = os.path.join(self.base, "link")
        os.symlink(self.path, link)
        self.assertEqual(self.run_main(link)[0], 0)

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
        self.refused("\\ufffd\\x1b[31m")
        found = json.loads(self.run_main("--json", self.path)[1])["finding"]
        self.assertEqual((found["code"], found["file"]), ("unexpected", "\ufffd\x1b[31m"))

    def test_files_that_are_not_text(self):
        receipt = os.path.join(self.base, "receipt.json")
        with open(receipt, "w", encoding="utf-8") as file:
            file.write(vectors()["The receipt of its record 2"])
        held = os.path.join(self.base, "held")
        for data in (b"\xff", b"x" * 65537):
            with open(held, "wb") as file:
                file.write(data)
            code, out = self.run_main("--json", "--checkpoint", held, self.path)
            self.assertEqual((code, json.loads(out)["finding"]["code"]), (5, "held-checkpoint"))
            self.assertIsNone(json.loads(out)["finding"]["file"])
            self.assertEqual(self.run_main("--json", "--checkpoint", held, "receipt", receipt)[0], 5)
            self.assertEqual(self.run_main("--json", "receipt", held)[0], 5)

    def test_batch(self):
        os.mkdir(os.path.join(self.base, "empty"))
        lines = [self.path, os.path.join(self.base, "empty"), os.path.join(self.base, "none"), self.path, "", "a\0b"]
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "manes_verify.py"), "--batch"], input="\n".join(lines).encode(),
            stdout=subprocess.PIPE, check=True
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([answer["ok"] for answer in answers], [True, False, False, True, False, False])
        self.assertEqual([bool(answer["finding"]) for answer in answers], [False, True, True, False, True, True])

    @staticmethod
    def other_size():
        writer = Writer({0: 0, 1: 0, 24: HOST.public, 26: bytes(16)}, begin=False)
        writer.ledger = bytes.fromhex(json.loads(vectors()["The receipt of its record 2"])["ledger"])
        return writer.note(0)

    @staticmethod
    def other_signer():
        """The receipt's tree, signed by a key that the receipt does not show."""
        _, size, root = vectors()["Its checkpoint"].split("\n")[:3]
        ledger = bytes.fromhex(json.loads(vectors()["The receipt of its record 2"])["ledger"])
        return note(ledger, int(size), base64.b64decode(root), SECOND)

    def test_receipt(self):
        path = os.path.join(self.base, "receipt.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(vectors()["The receipt of its record 2"])
        code, out = self.run_main("--json", "receipt", path)
        self.assertEqual((code, json.loads(out)["verified"], json.loads(out)["tier"]), (0, True, "consistent"))
        held = os.path.join(self.base, "held")
        text = vectors()["Its checkpoint"].encode()
        for data, expected in ((text, 0), (text.replace(b"\n2\n", b"\n3\n"), 5), (self.other_size(), 5),
            (self.other_signer(), 5)):
            with open(held, "wb") as file:
                file.write(data)
            code, out = self.run_main("--json", "--checkpoint", held, "receipt", path)
            self.assertEqual(code, expected)
            self.assertEqual(json.loads(out).get("tier"), None if expected else "extends")
        code, out = self.run_main("--json", "--ledger-id", "00" * 32, "receipt", path)
        self.assertEqual((code, json.loads(out)["verified"]), (5, False))


if __name__ == "__main__":
    unittest.main()
