"""Receipts: one record, provable on its own (FORMAT.md, "Receipts").

Invariant: a receipt is accepted only if all nine steps hold, and only in the one shape: no key twice, unknown or missing.
"""

import json
import re

from . import content, tree
from .block import Header
from .checkpoint import open_note
from .envelope import GENESIS, Envelope, kind_name, require
from .errors import Refused, printable
from .hashing import BLOCK_TYPE, KEY_TYPE, ZEROS, base64_exact, commitment_hasher, is_hex, key_statement, pae
from .limits import MAX_U64, RECEIPT_BYTES

FORMAT = "manes-receipt/1"
INTEGER = re.compile(r"(0|[1-9][0-9]{0,19})\Z", re.ASCII)


def verify(data, verify_signature, ledger_id=None, held=()):
    """Judges the receipt in the bytes `data`; returns the report, or raises `Refused`. `held` are pairs of (name, note's
    bytes): checkpoints kept elsewhere, under whose very tree the record must be proved."""
    try:
        return _verify(data, verify_signature, ledger_id, held)
    except Refused as refused:
        raise refused.at(code="receipt")


def _verify(data, verify_signature, ledger_id, held):
    receipt = _object(_parse(data), "the receipt", (
        "format", "ledger", "genesis", "keys", "record", "block", "checkpoint"), ("body",))
    shape = _shape(receipt)
    # 1
    if shape["format"] != FORMAT:
        raise Refused("format is %s, not %s" % (ascii(shape["format"]), FORMAT))
    # 2
    ledger = shape["ledger"]
    genesis = _envelope(shape["genesis"], "genesis")
    if genesis.kind != GENESIS:
        raise Refused("genesis is a record of kind %s" % kind_name(genesis.kind))
    require(genesis, "key", "nonce")
    if genesis.leaf != ledger:
        raise Refused("ledger is not the leaf hash of genesis")
    if ledger_id is not None and ledger != ledger_id:
        raise Refused("the ledger is %s, not the one expected" % ledger.hex(), code="other-ledger")
    # 3
    keys = shape["keys"]
    if len(keys) not in (1, 2):
        raise Refused("keys has %d items, not 1 or 2" % len(keys))
    for index, (key, signature) in enumerate(keys):
        if not verify_signature(genesis.key, pae(KEY_TYPE, key_statement(ledger, 0, key)), signature):
            raise Refused("keys[%d] is not signed by the root key" % index)
    if len(keys) == 2 and keys[0][0] == keys[1][0]:
        raise Refused("the two keys are the same")
    # 4
    try:
        header = Header(shape["header"])
    except Refused as refused:
        raise refused.at(file="block.header")
    if header.ledger != ledger:
        raise Refused("block.header is of another ledger")
    if header.host != keys[0][0]:
        raise Refused("block.header is of another host than keys[0]")
    if not verify_signature(header.host, pae(BLOCK_TYPE, header.raw), shape["signature"]):
        raise Refused("block.signature is not valid")
    # 5
    record = _envelope(shape["envelope"], "record.envelope")
    index = shape["index"] - header.first
    if index < 0 or tree.root_from_path(record.leaf, index, header.count, shape["record_path"]) != header.root:
        raise Refused("record.path does not lead to the root of the block")
    # 6
    try:
        note = open_note(shape["checkpoint"], ledger, [keys[-1][0]], verify_signature, True)
    except Refused as refused:
        raise refused.at(file="checkpoint")
    # 7
    if tree.root_from_path(tree.leaf(header.hash), shape["place"], note.size, shape["block_path"]) != note.root:
        raise Refused("block.path does not lead to the root of the checkpoint")
    # 8
    _check_place(shape, header, record, genesis)
    # 9
    body = "none" if record.body is None else "withheld"
    shown = None
    if shape["body"] is not None:
        salt, shown = shape["body"]
        hasher = commitment_hasher(salt)
        hasher.update(shown)
        if record.body != (hasher.digest(), len(shown)):
            raise Refused("body is not what the envelope commits to")
        body = "verified"
    for name, brought in held:
        _compare(note, brought, name, ledger, [key for key, _ in keys], verify_signature)
    return {
        "block": shape["place"],
        "body": body,
        "checkpoint": {"root": note.root.hex(), "size": note.size},
        "content": None if shown is None else content.for_people(shown),
        "host": header.host.hex(),
        "index": shape["index"],
        "kind": kind_name(record.kind),
        "leaf": record.leaf.hex(),
        "ledger": ledger.hex(),
        "tier": "extends" if held else "consistent",
        "time_ns": record.time_ns,
        "verified": True,
    }


def _check_place(shape, header, record, genesis):
    """What holds in every ledger of the numbers that a receipt shows."""
    index, place = shape["index"], shape["place"]
    if header.first < place or (header.first == 0) != (place == 0):
        raise Refused("record %d cannot be the first of block %d" % (header.first, place))
    if header.number > place or (header.number == 0) != (header.previous == ZEROS):
        raise Refused("block %d cannot be number %d of its host's chain" % (place, header.number))
    if header.incarnation == 0:
        raise Refused("incarnation 0")
    if header.head_size > place or (header.head_size == 0 and header.head_root != tree.EMPTY):
        raise Refused("block %d names a head that was not before it" % place)
    if (record.kind == GENESIS) != (index == 0) or (index == 0 and record.leaf != genesis.leaf):
        raise Refused("the ledger's first record, and only that, is its genesis")


def _compare(note, brought, name, ledger, keys, verify_signature):
    """A held checkpoint says nothing of a tree of another size, so another size is refused like another root."""
    try:
        other = open_note(brought, ledger, keys, verify_signature, False)
        if other.size != note.size:
            raise Refused("not comparable: it is of %d blocks, the receipt's of %d" % (other.size, note.size))
        if other.root != note.root:
            raise Refused("it has another root at %d blocks: one of the two ledgers was rewritten" % note.size)
    except Refused as refused:
        raise refused.at(file=printable(name))


def _envelope(raw, name):
    try:
        return Envelope(raw)
    except Refused as refused:
        raise refused.at(file=name)


def _shape(receipt):
    """All members with their types, before anything is believed."""
    record = _object(receipt["record"], "record", ("index", "envelope", "path"))
    block = _object(receipt["block"], "block", ("place", "header", "signature", "path"))
    keys = []
    for index, item in enumerate(_list(receipt["keys"], "keys")):
        name = "keys[%d]" % index
        item = _object(item, name, ("key", "signature"))
        keys.append((_hex(item["key"], name + ".key", 32), _hex(item["signature"], name + ".signature", 64)))
    body = None
    if "body" in receipt:
        members = _object(receipt["body"], "body", ("salt", "bytes"))
        body = (
            _hex(members["salt"], "body.salt", 16),
            base64_exact(_text(members["bytes"], "body.bytes"), "body.bytes"),
        )
    return {
        "format": _text(receipt["format"], "format"),
        "ledger": _hex(receipt["ledger"], "ledger", 32),
        "genesis": _hex(receipt["genesis"], "genesis"),
        "keys": keys,
        "index": _integer(record["index"], "record.index"),
        "envelope": _hex(record["envelope"], "record.envelope"),
        "record_path": _path(record["path"], "record.path"),
        "place": _integer(block["place"], "block.place"),
        "header": _hex(block["header"], "block.header"),
        "signature": _hex(block["signature"], "block.signature", 64),
        "block_path": _path(block["path"], "block.path"),
        "checkpoint": _text(receipt["checkpoint"], "checkpoint").encode(),
        "body": body,
    }


class _Number(str):
    """A JSON number by its text, so that 1.0, 1e0 and -0 are not taken for integers."""


class _Pairs(list):
    """A JSON object by its members, so that a member that comes twice is seen."""


def _parse(data):
    def refuse_constant(name):
        raise Refused("%s is not JSON" % name)

    try:
        if len(data) > RECEIPT_BYTES:
            raise Refused("it is over 2 GiB")
        text = data.decode("utf-8")
        # Python's reader is strict about white space and control characters, and tolerates only the constants.
        return json.loads(
            text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=refuse_constant
        )
    except UnicodeDecodeError as bad:
        raise Refused("not valid UTF-8", bad.start) from None
    except json.JSONDecodeError as bad:
        raise Refused("not JSON: %s" % bad.msg, len(text[: bad.pos].encode("utf-8", "replace"))) from None
    except RecursionError:
        raise Refused("not a receipt: nested too deeply") from None


def _object(value, name, members, optional=()):
    if not isinstance(value, _Pairs):
        raise Refused("%s is not an object" % name)
    found = {}
    for key, member in value:
        if key in found:
            raise Refused("%s has the member %s twice" % (name, ascii(key)))
        if key not in members and key not in optional:
            raise Refused("%s has the unknown member %s" % (name, ascii(key)))
        found[key] = member
    for key in members:
        if key not in found:
            raise Refused("%s has no member %s" % (name, ascii(key)))
    return found


def _list(value, name):
    if not isinstance(value, list) or isinstance(value, _Pairs):
        raise Refused("%s is not an array" % name)
    return value


def _text(value, name):
    if not isinstance(value, str) or isinstance(value, _Number):
        raise Refused("%s is not a string" % name)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("%s holds half of a surrogate pair" % name) from None
    return value


def _hex(value, name, size=None):
    text = _text(value, name)
    if not is_hex(text, size):
        raise Refused("%s is not lower-case hex%s" % (name, "" if size is None else " of %d bytes" % size))
    return bytes.fromhex(text)


def _path(value, name):
    return [_hex(item, "%s[%d]" % (name, index), 32) for index, item in enumerate(_list(value, name))]


def _integer(value, name):
    if not isinstance(value, _Number) or not INTEGER.match(value) or int(value) > MAX_U64:
        raise Refused("%s is not an integer from 0 to 2^64-1" % name)
    return int(value)
