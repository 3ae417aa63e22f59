//! The clock of a bus: milliseconds that pass only where something waits.
//!
//! Invariant: times are written as a host writes them, with nine digits, so that their texts sort as they do.

/// 2026-01-01T00:00:00Z, in milliseconds since 1970.
const START_MS: u64 = 1_767_225_600_000;

/// The RFC 3339 text of so many milliseconds after the start of 2026.
pub(super) fn rfc3339(since_start_ms: u64) -> String {
    let ms = START_MS.saturating_add(since_start_ms);
    let (seconds, nanos) = (ms / 1000, ms % 1000 * 1_000_000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of a count of days since 1970, by Hinnant's `civil_from_days` for dates after 1970.
const fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}
