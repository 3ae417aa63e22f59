#!/usr/bin/env python3
"""Verifies Manes ledgers and receipts, by FORMAT.md and without the host's code.

    manes_verify.py [--json] [--ledger-id HEX] [--checkpoint FILE]... LEDGER_DIR
    manes_verify.py [--json] [--ledger-id HEX] [--checkpoint FILE]... receipt FILE
    manes_verify.py --batch [--json] [--ledger-id HEX] [--checkpoint FILE]...

Exit code 0: verified. 2: the arguments make no sense, or name a receipt or checkpoint that cannot be read. 5: not verified,
be it for what is there or because the folder cannot be read. In batch mode, lines on the standard input are paths of folders; one line of JSON answers each at once, and the exit
code is 0 whatever the answers are.

Invariant: "verified" is printed only after everything was checked; a fault of this program is never a verdict.
"""

import argparse
import json
import os
import sys

from manes import folder, receipt
from manes.errors import Refused, printable
from manes.hashing import Cache, NoCache, is_hex
from manes.limits import CHECKPOINT_BYTES, RECEIPT_BYTES

USAGE = 2
NOT_VERIFIED = 5
CHUNK = 1 << 20


class Usage(Exception):
    """A command that cannot be carried out."""


def main(arguments):
    parser = argparse.ArgumentParser(prog="manes_verify.py", description="Verifies Manes ledgers and receipts.")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--ledger-id", metavar="HEX", help="the ledger must be this one")
    parser.add_argument("--checkpoint", metavar="FILE", action="append", default=[],
                        help="held elsewhere: the ledger must extend it, a receipt be of its tree; may be repeated")
    parser.add_argument("--batch", action="store_true", help="judge the folders named on the standard input")
    parser.add_argument("what", nargs="*", metavar="LEDGER_DIR | receipt FILE")
    options = parser.parse_args(arguments)
    ledger_id = None
    if options.ledger_id is not None:
        if not is_hex(options.ledger_id.lower(), 32):
            parser.error("--ledger-id takes 64 hex digits")
        ledger_id = bytes.fromhex(options.ledger_id)
    is_receipt = len(options.what) == 2 and options.what[0] == "receipt"
    if options.batch and options.what:
        parser.error("--batch takes its paths from the standard input")
    if not options.batch and not is_receipt and len(options.what) != 1:
        parser.error("one LEDGER_DIR, or receipt and one FILE")
    try:
        if options.batch:
            return batch(options, ledger_id)
        if is_receipt:
            report = receipt.verify(read(options.what[1], RECEIPT_BYTES), NoCache.verify, ledger_id, held(options))
        else:
            report = folder.verify(folder.Disk(options.what[0]), NoCache, held(options), ledger_id)
    except Refused as refused:
        return refuse(refused, options.json, is_receipt)
    except Usage as usage:
        print("manes_verify.py: %s" % usage, file=sys.stderr)
        return USAGE
    if options.json:
        print(json.dumps(report, indent=2, sort_keys=True))
    else:
        print_report(report)
    return 0


def read(path, limit):
    """A file's bytes; of one that is too large a little more than the limit, enough to see that it is."""
    chunks = []
    try:
        with open(path, "rb") as file:
            while limit >= 0:
                chunk = file.read(min(CHUNK, limit + 1))
                if not chunk:
                    break
                chunks.append(chunk)
                limit -= len(chunk)
    except OSError as error:
        raise Usage("cannot read %s: %s" % (printable(path), error.strerror)) from None
    return b"".join(chunks)


def held(options):
    return [(path, read(path, CHECKPOINT_BYTES)) for path in options.checkpoint]


def refuse(refused, as_json, is_receipt):
    if as_json:
        report = {"finding": {"message": str(refused)}, "verified": False} if is_receipt else refused.report()
        print(json.dumps(report, indent=2, sort_keys=True))
    else:
        print("not verified: %s" % refused)
    return NOT_VERIFIED


def print_report(report):
    print("verified")
    for name, value in sorted(report.items()):
        if name == "verified":
            continue
        if isinstance(value, dict):
            value = "%d blocks, root %s" % (value["size"], value["root"])
        elif isinstance(value, list):
            value = ", ".join("%d blocks" % item["size"] if isinstance(item, dict) else item for item in value) or "none"
        print("  %-18s %s" % (name, value))


def batch(options, ledger_id):
    """One answer for each line. The caches remember pure functions only, so the order of the lines does not matter."""
    cache = Cache()
    notes = held(options)
    for line in sys.stdin.buffer:
        path = os.fsdecode(line.rstrip(b"\n"))
        try:
            if "\0" in path:
                raise Refused("no path has a zero byte", code="unreadable")
            report = folder.verify(folder.Disk(path), cache, notes, ledger_id)
            answer = {"finding": "", "ok": True}
            if options.json:
                answer["report"] = report
        except Refused as refused:
            answer = {"finding": str(refused), "ok": False}
        print(json.dumps(answer, sort_keys=True), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
