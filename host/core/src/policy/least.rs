//! The least that would have to be granted for what was done.

use super::capability::CapabilityGrant;
use super::directory::{DirectoryGrant, least};
use super::grants::Grants;
use super::http::{HttpGrant, suggestion};
use crate::function::unversioned;
use crate::lens::{Access, Facts};
use crate::topic::Pattern;
use std::collections::{BTreeMap, BTreeSet};

/// Gathers what was done under some grants, and says which ones are enough for it and for nothing more that a manifest
/// can leave out. What the operator said beside the right itself, as `on-unknown`, stays said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Least {
    publish: BTreeSet<String>,
    /// With what was asked for.
    http: BTreeMap<String, (Facts, HttpGrant)>,
    directories: BTreeMap<String, DirectoryGrant>,
    env: BTreeSet<String>,
    capabilities: BTreeMap<String, CapabilityGrant>,
}

impl Least {
    /// A call that `granted` allowed.
    pub fn called(&mut self, facts: &Facts, granted: &Grants) {
        match facts {
            Facts::Http { method, scheme, host, port, path } => {
                let text = suggestion(method, scheme, host, *port, path);
                let rule = granted.http.iter().find(|grant| grant.matches(facts));
                let exact = text.parse::<HttpGrant>().ok();
                let exact = exact.map(|grant| grant.saying(rule.and_then(HttpGrant::on_unknown)));
                let grant = exact.or_else(|| rule.cloned());
                self.http.extend(grant.map(|grant| (text, (facts.clone(), grant))));
            }
            Facts::File { directory, access, .. } => {
                let Some(rule) = granted.directories.iter().find(|grant| grant.guest() == directory) else { return };
                let writes =
                    self.directories.get(directory).is_some_and(|grant| grant.matches(directory, Access::Write));
                let access = least(if writes { Access::Write } else { *access });
                self.directories.insert(directory.clone(), rule.with_access(access));
            }
            Facts::Capability { interface } => {
                let rule = granted.capabilities.iter().find(|grant| grant.matches(interface)).cloned();
                let name = unversioned(interface);
                self.capabilities.extend(rule.or_else(|| name.parse().ok()).map(|grant| (name.to_owned(), grant)));
            }
            Facts::Many(all) => all.iter().for_each(|facts| self.called(facts, granted)),
            Facts::Base | Facts::Preopens | Facts::Timer | Facts::Socket { .. } | Facts::Refused { .. } => {}
        }
    }

    /// An event that was emitted.
    pub fn published(&mut self, topic: &str) {
        self.publish.insert(topic.to_owned());
    }

    /// A variable that may have been looked at.
    pub fn variable(&mut self, name: &str) {
        self.env.insert(name.to_owned());
    }

    /// Grants of requests, without those that another one includes.
    fn requests(&self) -> Vec<HttpGrant> {
        let includes = |other: &HttpGrant, facts: &Facts, grant: &HttpGrant| {
            other != grant && other.on_unknown() == grant.on_unknown() && other.matches(facts)
        };
        let all = || self.http.values();
        let needed = |(facts, grant): &&(Facts, HttpGrant)| !all().any(|(_, other)| includes(other, facts, grant));
        all().filter(needed).map(|(_, grant)| grant.clone()).collect()
    }

    /// The grants, in an order that is always the same.
    #[must_use]
    pub fn grants(&self) -> Grants {
        Grants {
            publish: self.publish.iter().filter_map(|topic| topic.parse::<Pattern>().ok()).collect(),
            http: self.requests(),
            directories: self.directories.values().cloned().collect(),
            env: self.env.iter().cloned().collect(),
            capabilities: self.capabilities.values().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::request_facts;
    use crate::policy::{DirectoryAccess, OnUnknown};

    /// What is suggested allows what was done, and leaving any of it out does not.
    #[test]
    fn it_is_enough_and_no_more() {
        let file = |directory: &str, access| Facts::File { directory: directory.into(), path: "x".into(), access };
        let done = [
            request_facts("GET", Some("https"), Some("example.com"), Some("/v1/a?key=1")),
            request_facts("GET", Some("https"), Some("example.com"), Some("/v1/a/b")),
            request_facts("POST", Some("http"), Some("127.0.0.1:8080"), Some("/b")),
            file("/data", Access::Read),
            file("/out", Access::Read),
            file("/out", Access::Write),
            Facts::Capability { interface: "manes:table/table@0.1".into() },
            Facts::Base,
        ];
        let granted: Grants = serde_json::from_value(serde_json::json!({
            "publish": ["a.>"],
            "http": [{ "request": "POST http://127.0.0.1:8080/", "on-unknown": "ask" }, "GET example.com/"],
            "directories": [
                { "host": "h/out", "guest": "/out", "access": "read-write" },
                { "host": "h/data", "guest": "/data", "access": "read-write" },
                { "host": "h/more", "guest": "/more", "access": "read" },
            ],
            "env": ["LEVEL", "OTHER"],
            "capabilities": [{ "interface": "manes:table/table", "on-unknown": "repeat" }, "manes:more/more"],
        }))
        .expect("grants");
        let mut least = Least::default();
        done.iter().for_each(|facts| least.called(facts, &granted));
        least.published("a.done");
        least.variable("LEVEL");
        let least = least.grants();
        let allows = |grants: &Grants| {
            let seen = |facts: &Facts| crate::lens::Seen { facts: facts.clone(), ..crate::lens::Seen::local() };
            done.iter().all(|facts| grants.decide(&seen(facts)).is_allowed())
                && grants.may_publish("a.done").is_allowed()
                && grants.env == ["LEVEL"]
        };
        assert!(allows(&least), "{least:#?}");
        let without = |leave: fn(&mut Grants)| {
            let mut fewer = least.clone();
            leave(&mut fewer);
            assert!(!allows(&fewer), "not needed: {fewer:#?}");
        };
        without(|grants| drop(grants.publish.pop()));
        without(|grants| drop(grants.http.pop()));
        without(|grants| drop(grants.http.remove(0)));
        without(|grants| drop(grants.directories.pop()));
        without(|grants| drop(grants.directories.remove(0)));
        without(|grants| drop(grants.env.pop()));
        without(|grants| drop(grants.capabilities.pop()));
        let counts = (least.publish.len(), least.http.len(), least.directories.len(), least.capabilities.len());
        assert_eq!(counts, (1, 2, 2, 1));
        assert_eq!(
            serde_json::to_value(&least).expect("grants")["http"],
            serde_json::json!([
                "GET https://example.com/v1/a",
                { "request": "POST http://127.0.0.1:8080/b", "on-unknown": "ask" },
            ])
        );
        let [data, out] = least.directories.as_slice() else { panic!("{least:?}") };
        assert_eq!((data.host(), data.access()), ("h/data", DirectoryAccess::Read));
        assert_eq!((out.host(), out.access()), ("h/out", DirectoryAccess::ReadWrite));
        assert!(done.iter().all(|facts| least.on_unknown(facts) == granted.on_unknown(facts)));
        assert_eq!(least.capabilities[0].on_unknown(), OnUnknown::Repeat);
    }
}
