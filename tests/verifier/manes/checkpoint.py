"""Checkpoints: C2SP signed notes over the head of the ledger's tree (FORMAT.md, "Checkpoints").

Invariant: a `Checkpoint` that `open_note` returned was signed by one of the keys it was opened with, over exactly the size
and root it carries.
"""

from .errors import Refused
from .hashing import base64_exact, sha256
from .limits import CHECKPOINT_BYTES, MAX_U64

DASH = "\u2014 "


class Checkpoint:
    """Size and root of the tree, and the key that signed them."""

    __slots__ = ("size", "root", "key")

    def __init__(self, size, root, key):
        self.size = size
        self.root = root
        self.key = key


def origin_of(ledger):
    return "manes.ledger/" + ledger.hex()


def key_id(origin, key):
    return sha256(origin.encode() + b"\n\x01" + key)[:4]


def open_note(data, ledger, keys, verify, single):
    """The checkpoint in the bytes `data`, of `ledger`, signed by one of `keys`. `single`: exactly one signature line."""
    if len(data) > CHECKPOINT_BYTES:
        raise Refused("the note is over 64 KiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as bad:
        raise Refused("the note is not valid UTF-8", bad.start) from None
    if not text.endswith("\n"):
        raise Refused("the last line of the note does not end with a line break", len(data))
    # Only 0a breaks a line, so not splitlines().
    lines = text[:-1].split("\n")
    if len(lines) < 5 or lines[3] != "":
        raise Refused("the note is not three lines, an empty one and signatures")
    origin = origin_of(ledger)
    if lines[0] != origin:
        raise Refused("the note's origin is %s, not %s" % (ascii(lines[0]), origin), 0)
    size = _size(lines[1])
    root = base64_exact(lines[2], "the note's root")
    if len(root) != 32:
        raise Refused("the note's root has %d bytes, not 32" % len(root))
    signatures = lines[4:]
    if single and len(signatures) != 1:
        raise Refused("the note has %d signature lines, not one" % len(signatures))
    for line in signatures:
        if not line.startswith(DASH):
            raise Refused("a line after the note's empty line does not begin with a dash and a space")
    signed = "\n".join(lines[:3]).encode() + b"\n"
    finding = Refused("no signature line of the note names its origin")
    for line in signatures:
        try:
            return Checkpoint(size, root, _signer(line, origin, keys, signed, verify))
        except Refused as refused:
            # Lines of others are no finding while one line holds; the last of them says why where none does.
            if line.startswith(DASH + origin + " "):
                finding = refused
    raise finding


def _size(text):
    if not text or any(c not in "0123456789" for c in text) or (text[0] == "0" and text != "0"):
        raise Refused("the note's size is not a decimal number without leading zeros")
    # The length first: Python refuses to convert very long numbers with an exception of its own.
    if len(text) > 20 or int(text) > MAX_U64:
        raise Refused("the note's size is over 64 bits")
    return int(text)


def _signer(line, origin, keys, signed, verify):
    """The key by which this signature line is valid."""
    parts = line[len(DASH):].split(" ")
    if len(parts) != 2 or parts[0] != origin:
        raise Refused("a signature line of the note is not dash, origin and base64")
    signature = base64_exact(parts[1], "a signature of the note")
    if len(signature) != 68:
        raise Refused("a signature of the note has %d bytes, not 4 + 64" % len(signature))
    known = False
    for key in keys:
        if key_id(origin, key) == signature[:4]:
            known = True
            if verify(key, signed, signature[4:]):
                return key
    raise Refused(
        "the note's signature is not valid" if known else "the note is signed by a key that this ledger has not enrolled"
    )
