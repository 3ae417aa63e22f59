"""Sizes over which nothing is read (FORMAT.md, "Limits")."""

LEVELS = 64
SEGMENT_BYTES = 1 << 30
BLOB_BYTES = 1 << 30  # artifacts too
CHECKPOINT_BYTES = 64 << 10
RECEIPT_BYTES = 2 << 30
MAX_U64 = (1 << 64) - 1
