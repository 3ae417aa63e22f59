//! Topics, patterns and times.

use crate::testing::time::rfc3339;
use crate::testing::topic::{check_pattern, check_topic, matches};

#[test]
fn wildcards_are_those_of_nats() {
    for (pattern, topic) in [
        ("csv.parsed", "csv.parsed"),
        ("csv.*", "csv.parsed"),
        ("*.b", "a.b"),
        ("*.*", "a.b"),
        ("csv.>", "csv.parsed"),
        ("csv.>", "csv.parsed.twice"),
        ("*.b.>", "a.b.c"),
        (">", "anything.at.all"),
    ] {
        assert!(matches(pattern, topic), "{pattern} {topic}");
    }
    for (pattern, topic) in [
        ("a", "A"),
        ("a", "a.b"),
        ("a.b", "a"),
        ("csv.*", "csv"),
        ("csv.*", "csv.parsed.twice"),
        ("csv.>", "csv"),
        ("csv.>", "csvs.parsed"),
        ("*.b.>", "a.b"),
    ] {
        assert!(!matches(pattern, topic), "{pattern} {topic}");
    }
}

#[test]
fn a_topic_is_literal_and_a_pattern_whole() {
    let [long, longest] = [257, 256].map(|bytes| "x".repeat(bytes));
    let [deep, deepest] = [17, 16].map(|tokens| vec!["t"; tokens].join("."));
    for topic in ["a", "a.b-c_d.9", "ä-free", &longest, &deepest].map(|topic| topic.replace('ä', "a")) {
        assert_eq!(check_topic(&topic), Ok(()), "{topic}");
        assert_eq!(check_pattern(&topic), Ok(()), "{topic}");
    }
    for (text, why) in [
        ("", "not empty"),
        (".a", "no empty token"),
        ("a.", "no empty token"),
        ("a..b", "no empty token"),
        ("a b", "not ' '"),
        ("ä", "not 'ä'"),
        (&long, "at most 256 bytes"),
        (&deep, "at most 16 tokens"),
    ] {
        assert!(check_topic(text).unwrap_err().contains(why), "{text}");
        assert!(check_pattern(text).unwrap_err().contains(why), "{text}");
    }
    for pattern in ["*", ">", "a.*", "a.>", "*.*.>"] {
        assert_eq!(check_pattern(pattern), Ok(()), "{pattern}");
        assert!(check_topic(pattern).unwrap_err().contains("literal"), "{pattern}");
    }
    for (pattern, why) in [(">.a", "only come last"), ("a.b*", "token of its own"), ("a.>>", "token of its own")] {
        assert!(check_pattern(pattern).unwrap_err().contains(why), "{pattern}");
    }
}

#[test]
fn times_are_written_as_a_host_writes_them() {
    const DAY: u64 = 86_400_000;
    assert_eq!(rfc3339(0), "2026-01-01T00:00:00.000000000Z");
    assert_eq!(rfc3339(250), "2026-01-01T00:00:00.250000000Z");
    assert_eq!(rfc3339(DAY - 1), "2026-01-01T23:59:59.999000000Z");
    assert_eq!(rfc3339(58 * DAY), "2026-02-28T00:00:00.000000000Z");
    assert_eq!(rfc3339(59 * DAY), "2026-03-01T00:00:00.000000000Z");
    assert_eq!(rfc3339((365 * 2 + 59) * DAY + 3_661_000), "2028-02-29T01:01:01.000000000Z");
    assert_eq!(rfc3339((365 * 2 + 366) * DAY), "2029-01-01T00:00:00.000000000Z");
}
