//! What this capability keeps in memory at most. Together they stay well under the 64 MiB an instance may have.

/// One record: far more than a row of data, and the point where an unclosed quote is noticed.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Columns: as many as anybody's wide table, few enough that one record's offsets stay small.
pub const COLUMNS_MAX: usize = 16_384;

/// Groups of a summary, with about 100 bytes each.
pub const GROUPS_MAX: usize = 100_000;

/// Values kept over all groups, with about 40 bytes each.
pub const ACCUMULATORS_MAX: usize = 200_000;

/// Texts of group keys and of distinct values: 8 MiB.
pub const KEY_BYTES_MAX: usize = 8 << 20;

/// Different values kept for `distinct`, over all groups.
pub const DISTINCT_MAX: usize = 200_000;

/// Numbers kept for medians, over all groups: 16 MiB, up to twice that while a list grows.
pub const MEDIAN_VALUES_MAX: usize = 2_000_000;

/// Rows of a result; it crosses to the agent in one call.
pub const RESULT_ROWS_MAX: usize = 10_000;

/// Text in a result: a quarter of what one call may carry.
pub const RESULT_BYTES_MAX: usize = 1 << 20;

/// One page of a scan.
pub const PAGE_BYTES_MAX: usize = 256 << 10;

/// Records that tell a column's kind.
pub const SAMPLE_RECORDS: u64 = 1_000;
