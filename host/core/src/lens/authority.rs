//! Hosts and authorities, read so strictly that no second reader can differ.
//!
//! Most ways around an egress filter are two parsers that disagree: `allowed@evil`, `evil#@allowed`, a backslash, a
//! trailing dot, `127.1`, full-width digits. What is read here is a lower-case ASCII name, a dotted quad or a
//! bracketed IPv6 address, and nothing else; the rest is refused, not repaired.

use super::handle::Parsed;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest host name in bytes (RFC 1035, in its text form).
const NAME_BYTES_MAX: usize = 253;
/// Longest label of a host name in bytes (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;

/// A host in its normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Host {
    /// Lower-case ASCII labels; internationalised names in their `xn--` form.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address that is not a disguised IPv4 address.
    V6(Ipv6Addr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Splits `host[:port]`; userinfo and everything else that may stand there is refused.
pub(crate) fn authority_of(text: &str) -> Parsed<(Host, Option<u16>)> {
    if text.is_empty() {
        return Err("the request names no host");
    }
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => Some(port_of(digits)?),
        None if port.is_empty() => None,
        None => return Err("the authority is not host or host:port"),
    };
    Ok((host_of(host)?, port))
}

/// A port in decimal without leading zeros, 1 to 65535.
pub(crate) fn port_of(digits: &str) -> Parsed<u16> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    let port = if plain { digits.parse().ok() } else { None };
    port.ok_or("the port is not a plain number from 1 to 65535")
}

/// A host: a name, a dotted quad, or an IPv6 address in brackets.
pub(crate) fn host_of(text: &str) -> Parsed<Host> {
    if let Some(inner) = text.strip_prefix('[') {
        return v6_of(inner.strip_suffix(']').ok_or("the host has a bracket too few")?);
    }
    if text.is_empty() {
        return Err("the request names no host");
    }
    if !text.is_ascii() {
        return Err("the host is not ASCII; write an internationalised name in its xn-- form");
    }
    if text.ends_with('.') {
        return Err("the host ends in a dot");
    }
    if text.len() > NAME_BYTES_MAX || !text.split('.').all(is_label) {
        return Err("the host is neither a plain name nor an address");
    }
    let text = text.to_ascii_lowercase();
    if text.rsplit('.').next().is_some_and(is_number) {
        return text.parse().map(Host::V4).map_err(|_| "the host is an address in an odd spelling");
    }
    Ok(Host::Name(text))
}

fn v6_of(inner: &str) -> Parsed<Host> {
    let address: Ipv6Addr = inner.parse().map_err(|_| "the host is not a plain IPv6 address")?;
    match address.to_ipv4_mapped() {
        Some(_) => Err("the host is an IPv4 address in IPv6 spelling"),
        None => Ok(Host::V6(address)),
    }
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether some reader of addresses takes a name's last label for a number: then all of it is one, or nothing.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").map(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hex.unwrap_or_else(|| label.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        authority_of(text).ok().map(|(host, port)| (host.to_string(), port))
    }

    #[test]
    fn plain_authorities_have_one_normal_form() {
        let plain = |text: &str, host: &str, port| assert_eq!(read(text), Some((host.into(), port)), "{text}");
        plain("example.com", "example.com", None);
        plain("EXAMPLE.Com:8443", "example.com", Some(8443));
        plain("localhost:1", "localhost", Some(1));
        plain("127.0.0.1:65535", "127.0.0.1", Some(65535));
        plain("[::1]", "[::1]", None);
        plain("[0:0:0:0:0:0:0:1]:80", "[::1]", Some(80));
        plain("[FD00::A]:80", "[fd00::a]", Some(80));
        plain("xn--bcher-kva.example", "xn--bcher-kva.example", None);
        plain("a_b.example-1.com", "a_b.example-1.com", None);
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for text in [
            "",
            ":80",
            "example.com:",
            "example.com:0",
            "example.com:080",
            "example.com:65536",
            "example.com:+80",
            "example.com:80:80",
            "example.com: 80",
            "allowed@evil.com",
            "user:pass@evil.com",
            "evil.com#@allowed.com",
            "evil.com\\@allowed.com",
            "evil.com\\.allowed.com",
            "evil.com/allowed.com",
            "evil.com?allowed.com",
            "example.com.",
            "example..com",
            ".example.com",
            "example.com\r\nhost: evil",
            "example.com\t",
            " example.com",
            "exa mple.com",
            "example.com%2eevil.com",
            "bücher.example",
            "１２７.0.0.1",
            "127。0。0。1",
            "127.1",
            "0",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0x",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.0x1",
            "1.2.3.4.5",
            "256.1.1.1",
            "foo.1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "[]",
            "[[::1]]",
            "-a.com",
            "a-.com",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read(&"a".repeat(64)), None);
        assert_eq!(read(&["a"; 200].join(".")), None);
    }

    proptest! {
        #[test]
        fn a_normal_form_reads_as_itself(text in "[a-zA-Z0-9.:\\[\\]x_-]{0,24}") {
            if let Ok((host, port)) = authority_of(&text) {
                let port_text = port.map(|p| format!(":{p}")).unwrap_or_default();
                prop_assert_eq!(authority_of(&format!("{host}{port_text}")), Ok((host, port)));
            }
        }

        #[test]
        fn nothing_outside_the_small_alphabet_passes(text in "\\PC{1,16}") {
            if authority_of(&text).is_ok() {
                prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:[]".contains(&b)));
            }
        }
    }
}
