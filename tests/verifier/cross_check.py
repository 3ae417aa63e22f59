"""Holds another verifier against this one: `python3 cross_check.py [--count N] [--seed N] PROGRAM [ARGUMENT…]`.

PROGRAM is run as `PROGRAM ARGUMENT… FOLDER --json`, and as `… receipt FILE --json`. It writes pseudo-random ledgers, most of
them wrong in one place but signed well, so that what is compared is the rules and not the signatures. Prints every case in
which the verdicts or the reports differ, keeps its folder, and exits with 1 if there was one. Where both refuse, code and
file may differ if more than one thing is wrong; how often they do is counted.
"""

import argparse
import base64
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

from manes import checkpoint, folder, hashing, receipt, tree
from manes.block import Block
from manes.errors import Refused
from cross_cases import folder_with_bodies, link_somewhere, made_receipt, spread
from support import (
    CACHE, GOLDEN, HOST, SECOND, Memory, Writer, body_of, encode, finding, key_record, load, split_segments, vectors,
)

ACTIVATIONS = (b"A" * 32, b"B" * 32)


def random_records(choose, writer, leaves, count):
    """Records that often follow from each other. `leaves`: kind -> leaf hashes so far."""
    records = []
    for _ in range(count):
        kind = choose.choice((2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7, 8, 9, 9, 12, 40))
        record = {0: kind, 1: choose.randrange(3)}

        def pick(kinds):
            pool = [leaf for k in kinds for leaf in leaves.get(k, ())]
            return choose.choice(pool[-4:]) if pool and choose.random() < 0.97 else bytes(32)

        if kind == 2:
            record[9] = "adder"
        elif kind == 3:
            record.update({5: bytes(16), 6: bytes([choose.randrange(4)]) * 32})
        elif kind == 4:
            record.update({4: pick([3]), 10: ACTIVATIONS[choose.random() < 0.2], 11: choose.randrange(1, 5), 12: pick([2])})
        elif kind == 5:
            record.update({4: pick([4]), 10: ACTIVATIONS[choose.random() < 0.1], 13: choose.randrange(1, 4)})
        elif kind == 6:
            record.update({4: pick([5] if choose.random() < 0.6 else [4]), 10: ACTIVATIONS[choose.random() < 0.1]})
            record[13] = choose.randrange(1, 4)
            if choose.random() < 0.4:
                record[14] = choose.randrange(0, 3)
        elif kind == 7:
            record.update({4: pick([4]), 10: ACTIVATIONS[choose.random() < 0.1], 22: choose.randrange(0, 3)})
        elif kind in (8, 9):
            record[4] = pick([3])
        if choose.random() < 0.04:
            record.pop(choose.choice([key for key in record if key > 1] or [1]))
        data = encode(record)
        leaves.setdefault(kind, []).append(tree.leaf(data))
        records.append(data)
    return records


def random_ledger(choose):
    """Blocks are only kept while this verifier takes them, but for the last: so that the wrong one comes late."""
    writer = Writer()
    leaves = {}
    if choose.random() < 0.3:
        writer.block([key_record(writer.ledger, SECOND)])
    for data in (encode({0: 2, 1: 0, 9: "a"}), encode({0: 3, 1: 0, 5: bytes(16), 6: bytes(32)})):
        leaves.setdefault(data[2], []).append(tree.leaf(data))
        writer.block([data])
    for _ in range(choose.randrange(2, 14)):
        kept = {kind: list(found) for kind, found in leaves.items()}
        before = (list(writer.payloads), writer.records, dict(writer.chains))
        host = SECOND if SECOND.public in writer.chains and choose.random() < 0.3 else HOST
        records = random_records(choose, writer, leaves, choose.randrange(1, 4))
        header = {}
        if choose.random() < 0.15:
            key = choose.choice((0, 1, 4, 5, 7, 8, 10, 11))
            header = {key: choose.choice((0, 1, 2, 3, 2**64 - 1)) if key != 11 else [choose.randrange(4),
                    writer.tree.roots[choose.randrange(2)]]}
        if choose.random() < 0.05:
            records.append(encode(key_record(writer.ledger, choose.choice((HOST, SECOND)), choose.randrange(2))))
        writer.block(records, host=host, header=header)
        if finding(writer.folder()) is None:
            continue
        if choose.random() < 0.5:
            break
        # Take it back, and go on with a ledger that holds.
        leaves = kept
        writer.payloads, writer.records, writer.chains = before
        writer.tree = tree.Tree()
        for payload in writer.payloads:
            writer.tree.append(tree.leaf(Block(payload).header.hash))
    files = dict(writer.folder().files, **spread(choose, writer.payloads))
    return Memory(files), [writer.note(choose.randrange(writer.tree.size + 1)) for _ in range(choose.randrange(3))]


def mutated(choose, data):
    """A few bytes changed, removed or added."""
    data = bytearray(data)
    for _ in range(choose.choice((1, 1, 1, 2, 3))):
        at = choose.randrange(len(data))
        what = choose.randrange(4)
        if what == 0:
            data[at] ^= 1 << choose.randrange(8)
        elif what == 1:
            data[at] = choose.choice((0, 1, 0x17, 0x18, 0x19, 0x1B, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xF4, 0xF6, 0xF7,
                    0xFA, 0xFF))
        elif what == 2:
            del data[at : at + choose.randrange(1, 3)]
        else:
            data[at:at] = bytes([choose.randrange(256)])
        if not data:
            data = bytearray(1)
    return bytes(data)


def near_ledger(choose, golden):
    """A ledger with one envelope, header, body or block mutated as bytes, and everything around it signed again."""
    writer = Writer()
    event = encode({0: 3, 1: 0, 5: bytes(16), 6: bytes(32)})
    writer.block([encode({0: 2, 1: 0, 9: "a"}), event])
    what = choose.randrange(4)
    if what == 0:
        records = [record for record in golden if record.kind not in (0, 1)]
        record = choose.choice(records)
        fields = {0: 77, 1: 5} if choose.random() < 0.7 else None
        data = record.raw
        if fields:  # a kind without rules, so that only the form is judged
            data = data[:1] + b"\x00\x18\x4d" + data[3:] if data[1:2] == b"\x00" and data[2] < 24 else data
        writer.block([mutated(choose, data)])
    elif what == 1:
        writer.block([event])
        raw = mutated(choose, Block(writer.payloads.pop()).header.raw)
        writer.payloads.append(encode([raw, [[1, HOST.public, HOST.sign(hashing.pae(hashing.BLOCK_TYPE, raw))]], [event],
                    [None]]))
    elif what == 2:
        commitment, stored = body_of(b"hello")
        writer.block([{0: 3, 1: 0, 3: commitment, 5: bytes(16), 6: bytes(32)}], [stored])
        writer.payloads[-1] = mutated(choose, writer.payloads[-1])
    else:
        body = mutated(choose, encode({"component": "00" * 32, "x": [1, 2.0 and None]}))
        commitment, stored = body_of(body)
        writer.block([{0: 2, 1: 0, 3: commitment, 9: "a"}], [stored])
    return writer.folder(), []


def near_note(choose):
    """A well-formed note with its text mutated, signed again half of the time."""
    writer = Writer()
    writer.block([encode({0: 77, 1: 0})])
    data = writer.note(choose.randrange(3),
        more=choose.choice(("", "", "\u2014 w AAAA\n", "\u2014 w\n", "\u2014 \n", "\u2014\n", "\n", "x\n")))
    if choose.random() < 0.5:
        text, _, _ = data.decode().partition("\n\n")
        text = mutated(choose, (text + "\n").encode())
        origin = checkpoint.origin_of(writer.ledger)
        signature = base64.b64encode(checkpoint.key_id(origin, HOST.public) + HOST.sign(text)).decode()
        data = text + ("\n\u2014 %s %s\n" % (origin, signature)).encode()
    else:
        data = mutated(choose, data) if choose.random() < 0.8 else data
    if choose.random() < 0.5:
        return writer.folder({"checkpoint": data}), []
    return writer.folder(), [data]


class Other:
    def __init__(self, command):
        self._command = command

    def __call__(self, *arguments):
        done = subprocess.run(self._command + list(arguments) + ["--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def write(source, held, path):
    os.makedirs(path)
    for name in source.folders:
        os.makedirs(os.path.join(path, "ledger", *name.split("/")), exist_ok=True)
    for name, data in source.files.items():
        full = os.path.join(path, "ledger", *name.split("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if not os.path.isdir(full):
            with open(full, "wb") as file:
                file.write(data)
    return [os.path.join(path, "ledger")] + write_held(held, path)


def write_held(held, path):
    arguments = []
    for index, data in enumerate(held):
        with open(os.path.join(path, "held%d" % index), "wb") as file:
            file.write(data)
        arguments += ["--checkpoint", os.path.join(path, "held%d" % index)]
    return arguments


PLACES = "codes or files"


def compare(own, code, theirs):
    """What differs, or None. `own` is a report or a refusal."""
    if isinstance(own, Refused):
        if code != 5:
            return "we refuse (%s), they exit with %d: %s" % (own, code, theirs)
        found = theirs["finding"]
        return PLACES if "code" in found and (found["code"], found["file"]) != (own.code, own.file) else None
    if code != 0:
        return "we verify, they exit with %d: %s" % (code, theirs)
    return None if theirs == own else "reports: %s and %s" % (own, theirs)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--places", action="store_true", help="print and keep where codes or files differ")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if not options.program:
        parser.error("which PROGRAM?")
    other = Other(options.program)
    choose = random.Random(options.seed)
    golden = [record for segment in split_segments(load(GOLDEN)) for payload in segment for record in Block(payload).envelopes]
    text = vectors()["The receipt of its record 2"].strip().encode()
    base = tempfile.mkdtemp(prefix="cross-check-")
    different = 0
    tally = {}
    codes = {}
    for number in range(options.count):
        path = os.path.join(base, "%06d" % number)
        kind = choose.choice(("random", "near", "bodies", "bodies", "note", "receipt", "made receipt"))
        if kind.endswith("receipt"):
            data, held = (text, []) if kind == "receipt" else made_receipt(choose)
            if choose.random() < (0.95 if kind == "receipt" else 0.1):
                data = mutated(choose, data)
            os.makedirs(path)
            with open(os.path.join(path, "receipt.json"), "wb") as file:
                file.write(data)
            arguments = ["receipt", os.path.join(path, "receipt.json")] + write_held(held, path)
            judge = lambda brought: receipt.verify(data, CACHE.verify, None, brought)
        else:
            make = {"random": lambda: random_ledger(choose), "near": lambda: near_ledger(choose, golden),
                "bodies": lambda: folder_with_bodies(choose), "note": lambda: near_note(choose)}
            source, held = make[kind]()
            arguments = write(source, held, path)
            if kind == "bodies" and choose.random() < 0.1:
                link_somewhere(choose, arguments[0])
            judge = lambda brought: folder.verify(folder.Disk(arguments[0]), CACHE, brought)
        try:
            own = judge([("held", note) for note in held])
        except Refused as refused:
            own = refused
        code, theirs = other(*arguments)
        count, verified = tally.get(kind, (0, 0))
        tally[kind] = (count + 1, verified + (code == 0))
        difference = compare(own, code, theirs)
        if difference == PLACES:
            pair = (own.code, theirs["finding"]["code"])
            codes[pair] = codes.get(pair, 0) + 1
            difference = None
            if options.places:
                print("%s: %s; theirs: %s" % (path, own, theirs["finding"]))
                continue
        if difference is None:
            shutil.rmtree(path)
        else:
            different += 1
            print("%s: %s: %s" % (path, kind, difference), flush=True)
    verified = sum(verified for _, verified in tally.values())
    print("%d cases, %d of them verified, %d differences" % (options.count, verified, different))
    for kind, pair in sorted(tally.items()):
        print("  %s: %d, %d verified" % ((kind,) + pair))
    for (ours, theirs), count in sorted(codes.items()):
        print("  both refuse in different places, we with code %s and they with %s: %d times" % (ours, theirs, count))
    if not different and not options.places:
        shutil.rmtree(base)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
