"""The Merkle tree of RFC 6962 (FORMAT.md, "Tree").

Invariant: leaves and nodes are hashed under different prefixes, so no node can be passed off as a leaf. `Tree` keeps one hash
per complete subtree and every root that there ever was, which is what heads and checkpoints are compared with.
"""

import hashlib

EMPTY = hashlib.sha256(b"").digest()


def leaf(content):
    return hashlib.sha256(b"\x00" + content).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf. `roots[n]` is the root of the first n leaves."""

    def __init__(self):
        self.size = 0
        self.roots = [EMPTY]
        self._complete = []  # roots of the complete subtrees, largest first: one for each bit set in `size`

    def append(self, leaf_hash):
        size = self.size
        while size & 1:
            leaf_hash = node(self._complete.pop(), leaf_hash)
            size >>= 1
        self._complete.append(leaf_hash)
        self.size += 1
        root = self._complete[-1]
        for left in reversed(self._complete[:-1]):
            root = node(left, root)
        self.roots.append(root)


def root_of(leaf_hashes):
    """The root over leaf hashes."""
    if not leaf_hashes:
        return EMPTY
    level = list(leaf_hashes)
    while len(level) > 1:
        # Pairing from the left and passing an odd last node up gives the same tree as the split of RFC 6962.
        paired = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) & 1:
            paired.append(level[-1])
        level = paired
    return level[0]


def root_from_path(leaf_hash, index, size, path):
    """The root to which `path` leads (RFC 9162 §2.1.3.2), or None where the path does not fit."""
    if index >= size:
        return None
    fn = index
    sn = size - 1
    result = leaf_hash
    for sibling in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            result = node(sibling, result)
            while not fn & 1 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            result = node(result, sibling)
        fn >>= 1
        sn >>= 1
    return result if sn == 0 else None
