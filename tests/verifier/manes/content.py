"""Bodies as JSON for people (FORMAT.md, "Bodies as JSON").

Invariant: every body has such a form, and it is for showing only: nothing is judged by it, and it cannot be turned back.
"""

import json
import math
import struct

from . import cbor
from .errors import Refused

SHOWN_BYTES = 64
LOWEST = -(1 << 63)


def for_people(body):
    """What to print of a body; bytes where it is not one canonical item."""
    try:
        return json_of(cbor.decode(body))
    except Refused:
        return json_of(body)


def json_of(value):
    if isinstance(value, bytes):
        return {"bytes": len(value), "hex": value[:SHOWN_BYTES].hex()}
    if isinstance(value, list):
        return [json_of(item) for item in value]
    if isinstance(value, cbor.Map):
        # Of two keys that become the same text, the later pair stays.
        return {_key(key): json_of(item) for key, item in value.pairs}
    if isinstance(value, cbor.Float):
        return _float(value)
    if isinstance(value, int) and value < LOWEST:
        return "-1-%d" % (-1 - value)
    return value


def _key(key):
    if isinstance(key, str):
        return key
    return json.dumps(json_of(key), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _float(value):
    data = value.bits.to_bytes(value.width // 8, "big")
    number = struct.unpack(">f" if value.width == 32 else ">d", data)[0]
    return number if math.isfinite(number) else "f%d:0x%s" % (value.width, data.hex())
