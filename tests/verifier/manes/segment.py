"""Segment files: a head, frames, then zeros (FORMAT.md, "Segments").

Invariant: every byte of the file is either part of the head, part of a frame whose digest was compared, or zero. A refusal
without a code of its own is damage.
"""

from .errors import Refused
from .hashing import sha256
from .limits import SEGMENT_BYTES

HEAD = b"MANES-SEGMENT\x01\x00\x00"
MAGIC = b"MNSB"
FRAME_HEAD = 16
CHUNK = 1 << 20


def frames(stream, size):
    """Yields (offset of the payload, payload) for each frame of the segment in `stream`, which is `size` bytes long."""
    if size > SEGMENT_BYTES:
        raise Refused("%d bytes; a segment has at most 1 GiB" % size, code="size")
    head = stream.read(len(HEAD))
    if head != HEAD:
        raise Refused("no segment head of format 1", _first_difference(head, HEAD))
    at = len(HEAD)
    while True:
        frame = stream.read(FRAME_HEAD)
        if not frame.startswith(MAGIC):
            _only_zeros(stream, frame, at)
            return
        if len(frame) < FRAME_HEAD:
            raise Refused("the file ends within the head of a frame", at)
        length = int.from_bytes(frame[4:8], "little")
        there = size - at - FRAME_HEAD
        if length > there:
            raise Refused("a frame of %d bytes, and %d are left in the file" % (length, there), at)
        payload = stream.read(length)
        if len(payload) != length:
            raise Refused("the file became shorter while it was read", at)
        if sha256(payload)[:8] != frame[8:]:
            raise Refused("the payload of the frame does not have the frame's digest", at)
        yield at + FRAME_HEAD, payload
        at += FRAME_HEAD + length


def _first_difference(have, want):
    for index, byte in enumerate(want):
        if have[index : index + 1] != bytes([byte]):
            return index
    return len(want)


def _only_zeros(stream, chunk, at):
    """After the last frame only zeros may follow."""
    while chunk:
        rest = chunk.lstrip(b"\x00")
        if rest:
            raise Refused("neither a frame nor zeros", at + len(chunk) - len(rest))
        at += len(chunk)
        chunk = stream.read(CHUNK)
