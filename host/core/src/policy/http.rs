//! Grants of outgoing HTTP: `"GET example.com/v1"`.
//!
//! ```text
//! METHOD [scheme://]host[:port]/path
//! ```
//!
//! * The method is upper case, or `*` for any.
//! * Without a scheme both are meant: https on 443 and http on 80, or both on the port that is named.
//! * A host is a name, `*.name` for one or more labels below a name (never the name itself, never an address), an
//!   IPv4 address, or an IPv6 address in brackets.
//! * A path is a prefix at a segment's boundary: `/v1` is `/v1`, `/v1/x` and `/v1?q`, not `/v10`; `/v1/` is what lies
//!   below.
//!
//! As a table, `{ request = "POST example.com/v1", on-unknown = "repeat" }`, it also says what to do about a request
//! whose outcome is unknown; without that its method says it.

use super::capability::OnUnknown;
use crate::lens::{Facts, Host, host_of, method_of, origin, path_of, port_of};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// Why a text is no grant of outgoing HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpGrantError {
    /// No space between a method and the rest.
    #[error("write METHOD host/path, as in GET example.com/")]
    Form,
    /// The method could match no request.
    #[error("the method {method:?} can match nothing: {why}; use upper case, as in GET, or * for any")]
    Method {
        /// What stands there.
        method: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The scheme could match no request.
    #[error("the scheme {scheme:?} can match nothing: only http:// and https:// are sent")]
    Scheme {
        /// What stands there.
        scheme: String,
    },
    /// There is no path.
    #[error("the grant has no path: end it in / for the whole host, as in GET example.com/")]
    NoPath,
    /// The host could match no request.
    #[error("the host {host:?} can match nothing: {why}")]
    Host {
        /// What stands there.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The port could match no request.
    #[error("the port {port:?} can match nothing: {why}")]
    Port {
        /// What stands there.
        port: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The path could match no request.
    #[error("the path {path:?} can match nothing: {why}")]
    Path {
        /// What stands there.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Which hosts a grant is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    One(Host),
    /// Every name that ends in a dot and this one.
    Below(String),
}

/// The right to send requests of one method to one host under one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    /// `None` for any.
    method: Option<String>,
    /// `None` for both.
    scheme: Option<String>,
    hosts: Hosts,
    /// `None` for the scheme's own.
    port: Option<u16>,
    /// A normalised prefix.
    path: String,
    /// `None` for what the method says.
    on_unknown: Option<OnUnknown>,
}

impl HttpGrant {
    /// What the operator says about a request whose outcome is unknown, if anything.
    #[must_use]
    pub const fn on_unknown(&self) -> Option<OnUnknown> {
        self.on_unknown
    }

    /// The same right, with another word on unknown outcomes.
    #[must_use]
    pub(super) fn saying(self, on_unknown: Option<OnUnknown>) -> Self {
        Self { on_unknown, ..self }
    }

    /// Whether a request with these facts is covered.
    #[must_use]
    pub fn matches(&self, facts: &Facts) -> bool {
        let Facts::Http { method, scheme, host, port, path } = facts else { return false };
        let default_port = if scheme == "http" { 80 } else { 443 };
        self.method.as_ref().is_none_or(|m| m == method)
            && self.scheme.as_ref().is_none_or(|s| s == scheme)
            && self.hosts.matches(host)
            && self.port.unwrap_or(default_port) == *port
            && is_under(path.split('?').next().unwrap_or_default(), &self.path)
    }
}

impl Hosts {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::One(one) => one.to_string() == host,
            Self::Below(name) => {
                let below = host.strip_suffix(name.as_str()).and_then(|rest| rest.strip_suffix('.'));
                below.is_some_and(|rest| !rest.is_empty()) && matches!(host_of(host), Ok(Host::Name(_)))
            }
        }
    }
}

fn is_under(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

impl FromStr for HttpGrant {
    type Err = HttpGrantError;

    fn from_str(text: &str) -> Result<Self, HttpGrantError> {
        let (method, rest) = text.split_once(' ').ok_or(HttpGrantError::Form)?;
        let (scheme, rest) = match rest.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => (Some(scheme), rest),
            Some(_) | None => (None, rest),
        };
        if let Some(scheme) = scheme.filter(|s| !matches!(*s, "http" | "https")) {
            return Err(HttpGrantError::Scheme { scheme: scheme.to_owned() });
        }
        let slash = rest.find('/').ok_or(HttpGrantError::NoPath)?;
        let (authority, path) = rest.split_at(slash);
        let (hosts, port) = hosts_and_port(authority)?;
        let (method, scheme, path) = (method_or_any(method)?, scheme.map(str::to_owned), prefix(path)?);
        Ok(Self { method, scheme, hosts, port, path, on_unknown: None })
    }
}

fn method_or_any(method: &str) -> Result<Option<String>, HttpGrantError> {
    if method == "*" {
        return Ok(None);
    }
    method_of(method).map(Some).map_err(|why| HttpGrantError::Method { method: method.to_owned(), why })
}

fn hosts_and_port(authority: &str) -> Result<(Hosts, Option<u16>), HttpGrantError> {
    let end = authority.rfind(']').map_or_else(|| authority.find(':'), |end| Some(end + 1));
    let (host, port) = authority.split_at(end.unwrap_or(authority.len()));
    let port = match port.strip_prefix(':') {
        Some(digits) => Some(port_of(digits).map_err(|why| HttpGrantError::Port { port: digits.to_owned(), why })?),
        None => None,
    };
    Ok((hosts(host)?, port))
}

fn hosts(text: &str) -> Result<Hosts, HttpGrantError> {
    let wrong = |why| HttpGrantError::Host { host: text.to_owned(), why };
    let Some(name) = text.strip_prefix("*.") else {
        if text.contains('*') {
            return Err(wrong("name the host, or write *.name for all hosts below a name"));
        }
        let host = host_of(text).map_err(wrong)?;
        return if is_nowhere(&host) {
            Err(wrong("nothing can be reached at this address"))
        } else {
            Ok(Hosts::One(host))
        };
    };
    match host_of(name).map_err(wrong)? {
        Host::Name(name) => Ok(Hosts::Below(name)),
        Host::V4(_) | Host::V6(_) => Err(wrong("there are no names below an address")),
    }
}

/// Addresses that no connection goes to, or that stand for something else.
fn is_nowhere(host: &Host) -> bool {
    let address: IpAddr = match host {
        Host::Name(_) => return false,
        Host::V4(address) => (*address).into(),
        Host::V6(address) => (*address).into(),
    };
    super::egress::is_never(address)
}

fn prefix(path: &str) -> Result<String, HttpGrantError> {
    let wrong = |why| HttpGrantError::Path { path: path.to_owned(), why };
    if path.contains('?') {
        return Err(wrong("a grant is for a path, whatever the query"));
    }
    if path.contains('*') {
        return Err(wrong("a path is a prefix as it stands; leave the * out"));
    }
    path_of(path).map_err(wrong)
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.method.as_deref().unwrap_or("*"))?;
        if let Some(scheme) = &self.scheme {
            write!(f, "{scheme}://")?;
        }
        match &self.hosts {
            Hosts::One(host) => write!(f, "{host}")?,
            Hosts::Below(name) => write!(f, "*.{name}")?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

impl Serialize for HttpGrant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.on_unknown {
            None => serializer.collect_str(self),
            on_unknown => Table { request: self.to_string(), on_unknown }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for HttpGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

/// A grant as a table.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    request: String,
    on_unknown: Option<OnUnknown>,
}

/// Reads a string or a table. Unlike an untagged enum it says what is wrong inside of them.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = HttpGrant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request as in \"GET example.com/\", or a table with request and on-unknown")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HttpGrant, E> {
        text.parse().map_err(|error| E::custom(format_args!("{text:?}: {error}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HttpGrant, A::Error> {
        let Table { request, on_unknown } = Table::deserialize(MapAccessDeserializer::new(map))?;
        let grant: HttpGrant =
            request.parse().map_err(|error| A::Error::custom(format_args!("{request:?}: {error}")))?;
        Ok(HttpGrant { on_unknown, ..grant })
    }
}

/// The grant that would cover a request and, beyond it, only what lies below its path.
pub(super) fn suggestion(method: &str, scheme: &str, host: &str, port: u16, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    // A grant cannot say `*` in a path; the directory above it can be said.
    let path = match path.split_once('*') {
        Some((plain, _)) => plain.rsplit_once('/').map_or("/".to_owned(), |(above, _)| format!("{above}/")),
        None => path.to_owned(),
    };
    // Without a scheme a grant is for both.
    let origin = if scheme == "https" && port == 443 { format!("https://{host}") } else { origin(scheme, host, port) };
    format!("{method} {origin}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::request_facts;
    use proptest::prelude::*;

    fn allows(grant: &str, method: &str, url: &str) -> bool {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_at(rest.find('/').unwrap());
        let facts = request_facts(method, Some(scheme), Some(authority), Some(path));
        grant.parse::<HttpGrant>().unwrap().matches(&facts)
    }

    #[test]
    fn a_grant_without_a_scheme_is_both_on_their_own_ports() {
        for (url, expected) in [
            ("https://example.com/", true),
            ("http://example.com/", true),
            ("https://EXAMPLE.com:443/x?y", true),
            ("http://example.com:443/", false),
            ("https://example.com:80/", false),
            ("https://example.com:8443/", false),
            ("https://example.org/", false),
            ("https://www.example.com/", false),
            ("https://example.com.evil.com/", false),
        ] {
            assert_eq!(allows("GET example.com/", "GET", url), expected, "{url}");
        }
        assert!(allows("GET example.com:8080/", "GET", "http://example.com:8080/"));
        assert!(allows("GET example.com:8080/", "GET", "https://example.com:8080/"));
        assert!(!allows("GET example.com:8080/", "GET", "http://example.com/"));
        assert!(allows("GET http://127.0.0.1:8080/", "GET", "http://127.0.0.1:8080/a"));
        assert!(!allows("GET http://127.0.0.1:8080/", "GET", "https://127.0.0.1:8080/a"));
        assert!(allows("GET http://[::1]:8080/", "GET", "http://[0::1]:8080/a"));
    }

    #[test]
    fn methods_are_exact() {
        assert!(!allows("GET example.com/", "POST", "https://example.com/"));
        assert!(!allows("GET example.com/", "HEAD", "https://example.com/"));
        assert!(allows("* example.com/", "DELETE", "https://example.com/"));
        assert!(!allows("* example.com/", "CONNECT", "https://example.com/"));
        assert!(!allows("* example.com/", "get", "https://example.com/"));
    }

    #[test]
    fn a_path_is_a_prefix_at_a_boundary() {
        for (path, bare, slash) in [
            ("/v1", true, false),
            ("/v1?q=/v2", true, false),
            ("/v1/", true, true),
            ("/v1/x/y", true, true),
            ("/%761/x", true, true),
            ("/v10", false, false),
            ("/v1x/", false, false),
            ("/V1", false, false),
            ("/v2?/v1/", false, false),
            ("/", false, false),
            ("/v1/../admin", false, false),
            ("/v1/%2e%2e/admin", false, false),
            ("/v1/..%2fadmin", false, false),
            ("/v1//../admin", false, false),
            ("/v1/..;/admin", false, false),
        ] {
            let url = format!("https://a.b{path}");
            assert_eq!(allows("GET a.b/v1", "GET", &url), bare, "{path}");
            assert_eq!(allows("GET a.b/v1/", "GET", &url), slash, "{path}");
        }
    }

    #[test]
    fn a_wildcard_is_names_below_a_name() {
        for (host, expected) in [
            ("a.example.com", true),
            ("a.b.example.com", true),
            ("example.com", false),
            ("aexample.com", false),
            (".example.com", false),
            ("a.example.com.", false),
            ("127.0.0.1", false),
            ("a.example.com@evil.com", false),
        ] {
            assert_eq!(allows("GET *.example.com/", "GET", &format!("https://{host}/")), expected, "{host}");
        }
    }

    #[test]
    fn a_grant_that_can_match_nothing_is_an_error_that_helps() {
        for (text, part) in [
            ("example.com/", "METHOD host/path"),
            ("get example.com/", "upper case"),
            ("CONNECT example.com/", "CONNECT opens a tunnel"),
            (" example.com/", "upper case"),
            ("GET example.com", "end it in /"),
            ("GET /path", "names no host"),
            ("GET https:///path", "names no host"),
            ("GET example.com:/", "port \"\" can match nothing"),
            ("GET example.com:99999/", "1 to 65535"),
            ("GET ftp://example.com/", "only http:// and https://"),
            ("GET user@example.com/", "neither a plain name nor an address"),
            ("GET example.com./", "ends in a dot"),
            ("GET bücher.example/", "xn--"),
            ("GET 127.1/", "odd spelling"),
            ("GET 0.0.0.0/", "nothing can be reached"),
            ("GET [::ffff:127.0.0.1]/", "IPv4 address in IPv6 spelling"),
            ("GET */", "*.name"),
            ("GET a.*.com/", "*.name"),
            ("GET *.127.0.0.1/", "no names below an address"),
            ("GET example.com/v1*", "leave the * out"),
            ("GET example.com/?q", "whatever the query"),
            ("GET example.com/a/../b", ".. segments"),
            ("GET  example.com/", "neither a plain name"),
            ("GET example.com/ ", "percent-encoded"),
        ] {
            let error = text.parse::<HttpGrant>().unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_grant_is_written_as_it_is_read() {
        for text in ["GET example.com/", "* http://[::1]:80/v1/", "POST https://*.a.b/x", "GET 10.0.0.1:1/"] {
            let json = serde_json::to_string(text).unwrap();
            let grant: HttpGrant = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&grant).unwrap(), json);
        }
        let error = serde_json::from_str::<HttpGrant>("\"GET example.com\"").unwrap_err().to_string();
        assert!(error.starts_with("\"GET example.com\": the grant has no path"), "{error}");
    }

    proptest! {
        #[test]
        fn a_suggestion_allows_exactly_what_was_denied(
            method in "(GET|POST|M-SEARCH)",
            scheme in "https?",
            authority in "([a-z]{1,5}\\.[a-z]{2,3}|10\\.0\\.0\\.[1-9]|\\[fd00::[1-9]\\])(:[1-9][0-9]{0,3})?",
            path in "(/[a-zA-Z*%20:;@=-]{0,6}){0,4}(\\?[a-z*]{0,4})?",
        ) {
            let facts = request_facts(&method, Some(&scheme), Some(&authority), Some(&path));
            if let Facts::Http { method, scheme, host, port, path } = &facts {
                let grant: HttpGrant = suggestion(method, scheme, host, *port, path).parse().unwrap();
                prop_assert!(grant.matches(&facts), "{} {:?}", grant, facts);
                let elsewhere = request_facts(method, Some(scheme), Some("other.example"), Some(path));
                prop_assert!(!grant.matches(&elsewhere));
            }
        }
    }
}
