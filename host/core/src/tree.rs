//! The Merkle tree of RFC 6962, used twice: over the envelopes of a block, and over all blocks of a ledger.
//!
//! Leaves and inner nodes are hashed under different prefixes, so that no inner node passes for a leaf. Proofs are
//! those of RFC 6962 §2.1; their verification follows RFC 9162 §2.1.3.2 and §2.1.4.2.

use crate::ids::Digest;
use sha2::{Digest as _, Sha256};

/// `SHA-256(0x00 ‖ bytes)`.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(bytes);
    Digest(hasher.finalize().into())
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left.0);
    hasher.update(right.0);
    Digest(hasher.finalize().into())
}

/// Root of no leaves: the hash of nothing.
#[must_use]
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

/// The right edge of a growing tree: enough to append and to know the root, in `O(log n)` space.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    /// Roots of the perfect subtrees, largest first.
    peaks: Vec<Digest>,
    size: u64,
}

impl Frontier {
    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        // Each trailing one bit of the size is a perfect subtree that the new leaf completes.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }
}

/// Root over `leaves`.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// Where RFC 6962 splits `len > 1` leaves: the largest power of two below it.
const fn split(len: usize) -> usize {
    1 << (len - 1).ilog2()
}

/// The audit path of leaf `index`, from the leaf up; `None` if there is no such leaf.
#[must_use]
pub fn inclusion_path(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut part, mut index, mut path) = (leaves, index, Vec::new());
    while part.len() > 1 {
        let (left, right) = part.split_at(split(part.len()));
        if index < left.len() {
            path.push(root(right));
            part = left;
        } else {
            path.push(root(left));
            index -= left.len();
            part = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The root that `path` leads to from leaf `index` of `size`; `None` if the path does not fit.
#[must_use]
pub fn root_from_inclusion(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut node, mut first, mut last) = (leaf, index, size - 1);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if first % 2 == 1 || first == last {
            node = node_hash(sibling, &node);
            while first.is_multiple_of(2) && first != 0 {
                first /= 2;
                last /= 2;
            }
        } else {
            node = node_hash(&node, sibling);
        }
        first /= 2;
        last /= 2;
    }
    (last == 0).then_some(node)
}

/// Proof that the tree of the first `old` leaves is a prefix of the tree over `leaves`.
#[must_use]
pub fn consistency_path(leaves: &[Digest], old: usize) -> Option<Vec<Digest>> {
    if old == 0 || old > leaves.len() {
        return None;
    }
    let (mut part, mut old, mut whole, mut path) = (leaves, old, true, Vec::new());
    while old < part.len() {
        let (left, right) = part.split_at(split(part.len()));
        if old <= left.len() {
            path.push(root(right));
            part = left;
        } else {
            path.push(root(left));
            old -= left.len();
            part = right;
            whole = false;
        }
    }
    if !whole {
        path.push(root(part));
    }
    path.reverse();
    Some(path)
}

/// Checks a consistency proof between two heads.
#[must_use]
pub fn verify_consistency(old: (u64, Digest), new: (u64, Digest), path: &[Digest]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 || old_size > new_size {
        return false;
    }
    let mut nodes = path.iter().copied();
    let (mut first, mut last) = (old_size - 1, new_size - 1);
    while first % 2 == 1 {
        first /= 2;
        last /= 2;
    }
    let start = if old_size.is_power_of_two() { Some(old_root) } else { nodes.next() };
    let Some(start) = start else { return false };
    let (mut from_old, mut from_new) = (start, start);
    for sibling in nodes {
        if last == 0 {
            return false;
        }
        if first % 2 == 1 || first == last {
            from_old = node_hash(&sibling, &from_old);
            from_new = node_hash(&sibling, &from_new);
            while first.is_multiple_of(2) && first != 0 {
                first /= 2;
                last /= 2;
            }
        } else {
            from_new = node_hash(&from_new, &sibling);
        }
        first /= 2;
        last /= 2;
    }
    last == 0 && from_old == old_root && from_new == new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 6962 §2.1 word for word: the oracle.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let k = (1..many.len()).rev().find(|k| k.is_power_of_two()).expect("1 is a power of two");
                node_hash(&naive(&many[..k]), &naive(&many[k..]))
            }
        }
    }

    fn leaves(n: usize) -> Vec<Digest> {
        (0..n).map(|i| leaf_hash(&i.to_le_bytes())).collect()
    }

    #[test]
    fn empty_and_single() {
        assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(leaf_hash(b"").to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_altered_one_does() {
        for n in 1..=33 {
            let all = leaves(n);
            assert_eq!(root(&all), naive(&all));
            for i in 0..n {
                let path = inclusion_path(&all, i).expect("leaf exists");
                let size = n as u64;
                assert_eq!(root_from_inclusion(all[i], i as u64, size, &path), Some(naive(&all)));
                assert_ne!(root_from_inclusion(leaf_hash(b"other"), i as u64, size, &path), Some(naive(&all)));
                let old = i + 1;
                let proof = consistency_path(&all, old).expect("old is in range");
                let old_head = (old as u64, naive(&all[..old]));
                assert!(verify_consistency(old_head, (size, naive(&all)), &proof), "{old} of {n}");
                assert!(!verify_consistency((old as u64, leaf_hash(b"x")), (size, naive(&all)), &proof));
            }
        }
    }

    proptest! {
        #[test]
        fn a_path_proves_nothing_at_another_place(n in 2usize..200, i in 0usize..200, j in 0usize..200) {
            let (all, i, j) = (leaves(n), i % n, j % n);
            prop_assume!(i != j);
            let path = inclusion_path(&all, i).expect("leaf exists");
            prop_assert_eq!(root_from_inclusion(all[i], i as u64, n as u64, &path), Some(naive(&all)));
            prop_assert_ne!(root_from_inclusion(all[j], i as u64, n as u64, &path), Some(naive(&all)));
            prop_assert_ne!(root_from_inclusion(all[i], j as u64, n as u64, &path), Some(naive(&all)));
        }
    }
}
