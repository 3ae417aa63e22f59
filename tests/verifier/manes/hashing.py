"""Digests and encodings that more than one module needs (FORMAT.md, "Hashes and ids", "Signatures").

Invariant: pure functions of bytes. `Cache` remembers results of pure functions only, so it can never change a verdict.
"""

import base64
import binascii
import hashlib

from . import ed25519
from .errors import Refused

ZEROS = bytes(32)
BLOCK_TYPE = b"application/vnd.manes.block+cbor"
KEY_TYPE = b"application/vnd.manes.key+cbor"


def sha256(data):
    return hashlib.sha256(data).digest()


def derive(word, *parts):
    """H(word, p1, p2, …) of FORMAT.md: parts are bytes, text or integers."""
    digest = hashlib.sha256(b"manes/" + word.encode() + b"/1\x00")
    for part in parts:
        if isinstance(part, int):
            part = part.to_bytes(8, "little")
        elif isinstance(part, str):
            part = part.encode()
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def pae(kind, payload):
    """The pre-authentication encoding of DSSE."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key_statement(ledger, status, key):
    """The CBOR that the root key signs: [ledger, status, key]. Status is 0 or 1, so its head is one byte."""
    return b"\x83\x58\x20" + ledger + bytes([status]) + b"\x58\x20" + key


def commitment_hasher(salt):
    """A SHA-256 that has taken all of a commitment but the body."""
    return hashlib.sha256(b"manes/p1" + salt)


def base64_exact(text, what):
    """RFC 4648 §4: padded, no other characters, zero trailing bits; so one value has one text."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise Refused("%s is not base64" % what) from None
    # Encoding back catches the trailing bits and all that the decoder lets pass.
    if base64.b64encode(data).decode() != text:
        raise Refused("%s is not canonical base64" % what)
    return data


def is_hex(text, size=None):
    """Is this lower-case hex (of `size` bytes)?"""
    if len(text) % 2 or (size is not None and len(text) != 2 * size):
        return False
    return all(c in "0123456789abcdef" for c in text)


class Cache:
    """Remembers signature verdicts and decoded blocks, for judging many folders that are almost the same."""

    LIMIT = 1 << 14

    def __init__(self):
        self._signatures = {}
        self._blocks = {}

    def verify(self, key, message, signature):
        case = (key, message, signature)
        verdict = self._signatures.get(case)
        if verdict is None:
            if len(self._signatures) >= self.LIMIT:
                self._signatures.clear()
            verdict = self._signatures[case] = ed25519.verify(key, message, signature)
        return verdict

    def block(self, payload, decode):
        block = self._blocks.get(payload)
        if block is None:
            if len(self._blocks) >= self.LIMIT:
                self._blocks.clear()
            block = self._blocks[payload] = decode(payload)
        return block


class NoCache:
    """For one folder: nothing comes twice, and memory stays small."""

    verify = staticmethod(ed25519.verify)

    @staticmethod
    def block(payload, decode):
        return decode(payload)
