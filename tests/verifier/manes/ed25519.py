"""Strict ed25519 verification (FORMAT.md, "Signatures"), in plain integers.

Invariant: `verify` accepts exactly what the five steps of FORMAT.md accept, whichever of the two ways of multiplying is
used. Only public data passes through here, so nothing is constant time.

Points are kept in extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, x·y = T/Z; table entries that are only ever added
are kept as (y − x, y + x, 2·d·x·y) with Z = 1, which saves multiplications.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
D2 = 2 * D % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
LOW_255 = (1 << 255) - 1
IDENTITY = (0, 1, 1, 0)

# A key that verified this often gets a table of its own: building one costs about as much as a few plain verifications.
HOT = 4
MAX_TABLES = 64


def _double(point):
    """Twice a point. T of the input is not used."""
    x, y, z, _ = point
    a = x * x % P
    b = y * y % P
    h = a + b
    e = h - (x + y) * (x + y) % P
    g = a - b
    f = (2 * z * z + g) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def _add(left, right):
    """The sum of two points; complete, so it holds for equal points and the identity too."""
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a = (y1 - x1) * (y2 - x2) % P
    b = (y1 + x1) * (y2 + x2) % P
    c = t1 * t2 % P * D2 % P
    d = 2 * z1 * z2 % P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _add_entry(left, entry):
    """The sum of a point and a table entry."""
    x1, y1, z1, t1 = left
    minus, plus, product = entry
    a = (y1 - x1) * minus % P
    b = (y1 + x1) * plus % P
    c = t1 * product % P
    d = z1 + z1
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _negate(point):
    x, y, z, t = point
    return -x % P, y, z, -t % P


def encode(point):
    """The canonical 32 bytes of a point."""
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    return ((y * inverse % P) | ((x * inverse % P & 1) << 255)).to_bytes(32, "little")


def decode(data):
    """The point that 32 bytes stand for, or None. y is below p, so that a point has one encoding."""
    number = int.from_bytes(data, "little")
    sign = number >> 255
    y = number & LOW_255
    if y >= P:
        return None
    u = (y * y - 1) % P
    v = (D * y * y + 1) % P
    # The candidate root of u/v for p = 5 (mod 8), RFC 8032 §5.1.3.
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * x * x % P
    if check != u:
        if check != P - u:
            return None
        x = x * SQRT_M1 % P
    if x & 1 != sign:
        # For x = 0 with the sign bit set this gives x = 0 again: a point of small order, refused by its order.
        x = -x % P
    return x, y, 1, x * y % P


def small_order(point):
    """Is 8·point the identity?"""
    x, y, z, _ = _double(_double(_double(point)))
    return x == 0 and (y - z) % P == 0


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


class Table:
    """All multiples j·2^(width·i)·point, so that a multiplication needs no doublings."""

    def __init__(self, point, width):
        self.width = width
        self.rows = []
        projective = []
        for _ in range(-(-256 // width)):
            multiple = IDENTITY
            for _ in range((1 << width) - 1):
                multiple = _add(multiple, point)
                projective.append(multiple)
            point = _add(multiple, point)
        entries = self._affine(projective)
        step = (1 << width) - 1
        for start in range(0, len(entries), step):
            self.rows.append([None] + entries[start : start + step])

    @staticmethod
    def _affine(points):
        """All entries with one inversion (Montgomery's trick)."""
        products = [1]
        for point in points:
            products.append(products[-1] * point[2] % P)
        inverse = pow(products[-1], -1, P)
        entries = [None] * len(points)
        for index in range(len(points) - 1, -1, -1):
            x, y, z, _ = points[index]
            own = inverse * products[index] % P
            inverse = inverse * z % P
            x = x * own % P
            y = y * own % P
            entries[index] = ((y - x) % P, (y + x) % P, D2 * x % P * y % P)
        return entries

    def multiply_into(self, scalar, total):
        """total + scalar·point."""
        mask = (1 << self.width) - 1
        for row in self.rows:
            digit = scalar & mask
            if digit:
                total = _add_entry(total, row[digit])
            scalar >>= self.width
            if not scalar:
                break
        return total


def multiply(point, scalar):
    """scalar·point, four bits at a time, for keys that are seldom used."""
    multiples = [IDENTITY, point]
    for _ in range(14):
        multiples.append(_add(multiples[-1], point))
    total = IDENTITY
    for shift in range((max(scalar.bit_length(), 1) + 3) // 4 * 4 - 4, -4, -4):
        total = _double(_double(_double(_double(total))))
        digit = scalar >> shift & 15
        if digit:
            total = _add(total, multiples[digit])
    return total


class _Key:
    """A decoded public key, negated, and how often it was used."""

    __slots__ = ("negative", "uses", "table")

    def __init__(self, data):
        point = decode(data)
        # None stands for a key by which nothing verifies: not on the curve, or of small order.
        self.negative = None if point is None or small_order(point) else _negate(point)
        self.uses = 0
        self.table = None


_keys = {}
_base_table = []


def base_table():
    """The table of B, built when it is first needed."""
    if not _base_table:
        _base_table.append(Table(BASE, 7))
    return _base_table[0]


def verify(key, message, signature):
    """Is `signature` (64 bytes) a valid signature of `message` by `key` (32 bytes)? Steps 1 to 5 of FORMAT.md."""
    if len(key) != 32 or len(signature) != 64:
        return False
    encoded_r = signature[:32]
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    known = _keys.get(key)
    if known is None:
        if len(_keys) >= MAX_TABLES:
            _keys.clear()
        known = _keys[key] = _Key(key)
    if known.negative is None:
        return False
    # Not the same as k itself where the key has a component of small order, and FORMAT.md says which.
    k = int.from_bytes(hashlib.sha512(encoded_r + key + message).digest(), "little") % L
    known.uses += 1
    if known.table is None and known.uses > HOT:
        known.table = Table(known.negative, 5)
    if known.table is None:
        total = multiply(known.negative, k)
    else:
        total = known.table.multiply_into(k, IDENTITY)
    total = base_table().multiply_into(s, total)
    # R need not be decoded: if it equals a canonical encoding then it decodes, and to this very point, whose order is
    # checked in its place; if it does not, it is refused either way.
    return encode(total) == encoded_r and not small_order(total)
