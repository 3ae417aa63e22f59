"""Deterministic CBOR, read strictly (FORMAT.md, "CBOR").

Invariant: an item is accepted only in its one canonical encoding, so that equal values have equal bytes and equal hashes.
Nothing is repaired. The typed methods of `Reader` are for the structures of the format; `item` reads any value.
"""

from .errors import Refused
from .limits import LEVELS as MAX_LEVELS

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
MAJOR_NAMES = (
    "an unsigned integer", "a negative integer", "a byte string", "a text string",
    "an array", "a map", "a tag", "a simple value or float",
)
# The smallest number that needs the head with 1, 2, 4, 8 bytes following.
SMALLEST = (24, 1 << 8, 1 << 16, 1 << 32)


class Float:
    """A float by its bits: every NaN keeps its payload, which Python's own floats do not promise."""

    __slots__ = ("width", "bits")

    def __init__(self, width, bits):
        self.width = width
        self.bits = bits

    def __eq__(self, other):
        return isinstance(other, Float) and (self.width, self.bits) == (other.width, other.bits)

    def __hash__(self):
        return hash((self.width, self.bits))

    def __repr__(self):
        return "Float(%d, 0x%x)" % (self.width, self.bits)


class Map:
    """A map as its pairs in order: keys may be arrays or maps, which Python cannot hash."""

    __slots__ = ("pairs",)

    def __init__(self, pairs):
        self.pairs = pairs

    def get(self, key):
        """The value under `key`, or None; the types must be equal too (Python takes True for 1)."""
        for name, value in self.pairs:
            if type(name) is type(key) and name == key:
                return value
        return None

    def __eq__(self, other):
        return isinstance(other, Map) and self.pairs == other.pairs

    def __repr__(self):
        return "Map(%r)" % (self.pairs,)


class Reader:
    """Reads items one after another. Offsets in refusals count from the start of `data`."""

    __slots__ = ("data", "pos")

    def __init__(self, data):
        self.data = data
        self.pos = 0

    def finish(self, what):
        """Nothing may follow the outermost item."""
        if self.pos != len(self.data):
            raise Refused("%d bytes after the end of %s" % (len(self.data) - self.pos, what), self.pos)

    def peek(self):
        """The next initial byte, or None at the end."""
        return self.data[self.pos] if self.pos < len(self.data) else None

    def head(self, what):
        """One head: major type and number. Refuses the majors whose additional information is not a number."""
        at = self.pos
        data = self.data
        if at >= len(data):
            raise Refused("%s ends early" % what, at)
        initial = data[at]
        major = initial >> 5
        info = initial & 31
        if major == TAG:
            raise Refused("%s: tags (%02x) are not in use" % (what, initial), at)
        if major == SIMPLE:
            raise Refused("%s: %02x is not expected here" % (what, initial), at)
        if info < 24:
            self.pos = at + 1
            return major, info
        if info >= 28:
            raise Refused(
                "%s: %02x is %s" % (what, initial, "an indefinite length" if info == 31 else "reserved"), at
            )
        end = at + 1 + (1 << (info - 24))
        if end > len(data):
            raise Refused("%s ends early, within a head" % what, at)
        number = int.from_bytes(data[at + 1 : end], "big")
        if number < SMALLEST[info - 24]:
            raise Refused("%s: %d is not written with its shortest head" % (what, number), at)
        self.pos = end
        return major, number

    def _expect(self, wanted, what):
        at = self.pos
        initial = self.peek()
        if initial is not None and initial >> 5 != wanted:
            raise Refused("%s is %s, not %s" % (what, MAJOR_NAMES[initial >> 5], MAJOR_NAMES[wanted]), at)
        return self.head(what)[1]

    def uint(self, what):
        return self._expect(UINT, what)

    def boolean(self, what):
        initial = self.peek()
        if initial not in (0xF4, 0xF5):
            raise Refused("%s is not a boolean" % what, self.pos)
        self.pos += 1
        return initial == 0xF5

    def _take(self, length, what):
        start = self.pos
        if length > len(self.data) - start:
            raise Refused("%s ends early: %d bytes announced, %d there" % (what, length, len(self.data) - start), start)
        self.pos = start + length
        return self.data[start : self.pos]

    def byte_string(self, what, length=None):
        at = self.pos
        announced = self._expect(BYTES, what)
        if length is not None and announced != length:
            raise Refused("%s has %d bytes, not %d" % (what, announced, length), at)
        return self._take(announced, what)

    def text(self, what):
        length = self._expect(TEXT, what)
        at = self.pos
        try:
            return self._take(length, what).decode("utf-8")
        except UnicodeDecodeError as bad:
            raise Refused("%s is not valid UTF-8" % what, at + bad.start) from None

    def array(self, what, count=None):
        at = self.pos
        announced = self._expect(ARRAY, what)
        if count is not None and announced != count:
            raise Refused("%s has %d items, not %d" % (what, announced, count), at)
        return announced

    def map(self, what, count=None):
        at = self.pos
        announced = self._expect(MAP, what)
        if count is not None and announced != count:
            raise Refused("%s has %d pairs, not %d" % (what, announced, count), at)
        return announced

    def item(self, what, level=1):
        """Any canonical item. `level` is that of this item; the outermost is level 1."""
        at = self.pos
        if level > MAX_LEVELS:
            raise Refused("%s is nested over %d levels" % (what, MAX_LEVELS), at)
        initial = self.peek()
        if initial is not None and initial >> 5 == SIMPLE:
            return self._simple(initial, what)
        major, number = self.head(what)
        if major == UINT:
            return number
        if major == NEGATIVE:
            return -1 - number
        if major == BYTES:
            return self._take(number, what)
        if major == TEXT:
            self.pos = at  # the typed method reads the head again, and checks the UTF-8
            return self.text(what)
        if major == ARRAY:
            # Not a comprehension over range(number) that allocates first: the number is the writer's claim.
            items = []
            while len(items) < number:
                items.append(self.item(what, level + 1))
            return items
        pairs = []
        last = None
        while len(pairs) < number:
            start = self.pos
            key = self.item(what, level + 1)
            encoded = self.data[start : self.pos]
            # Python compares bytes as the format does: bytewise, a prefix first.
            if last is not None and encoded <= last:
                raise Refused("%s: map keys are not strictly ascending" % what, start)
            last = encoded
            pairs.append((key, self.item(what, level + 1)))
        return Map(pairs)

    def _simple(self, initial, what):
        at = self.pos
        self.pos += 1
        if initial == 0xF4:
            return False
        if initial == 0xF5:
            return True
        if initial == 0xF6:
            return None
        if initial == 0xFA:
            return Float(32, int.from_bytes(self._take(4, what), "big"))
        if initial == 0xFB:
            return Float(64, int.from_bytes(self._take(8, what), "big"))
        raise Refused("%s: the simple value or float %02x is not in use" % (what, initial), at)


def decode(data, what="the item"):
    """The one item that `data` is, all of it."""
    reader = Reader(data)
    value = reader.item(what)
    reader.finish(what)
    return value
