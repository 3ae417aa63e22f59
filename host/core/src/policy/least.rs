//! The least that would have to be granted for what was done.

use super::decision::quoted;
use super::directory::least as least_access;
use super::http::suggestion;
use crate::function::unversioned;
use crate::lens::{Access, Facts};
use std::collections::{BTreeMap, BTreeSet};

/// Gathers what was done, and says which grants are enough for it and for nothing more that a manifest can leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Least {
    publish: BTreeSet<String>,
    http: BTreeSet<String>,
    directories: BTreeMap<String, Access>,
    env: BTreeSet<String>,
    capabilities: BTreeSet<String>,
}

impl Least {
    /// A call that was allowed.
    pub fn called(&mut self, facts: &Facts) {
        match facts {
            Facts::Http { method, scheme, host, port, path } => {
                self.http.insert(suggestion(method, scheme, host, *port, path));
            }
            Facts::File { directory, access, .. } => {
                let most = self.directories.entry(directory.clone()).or_insert(*access);
                *most = (*most).max(*access);
            }
            Facts::Capability { interface } => {
                self.capabilities.insert(unversioned(interface).to_owned());
            }
            Facts::Many(all) => all.iter().for_each(|facts| self.called(facts)),
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

    /// As lines of a section; `host` knows which folder of the host a directory's name stands for.
    #[must_use]
    pub fn lines(&self, host: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let list = |key: &str, items: &BTreeSet<String>| {
            let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
            (!items.is_empty()).then(|| format!("{key} = [{}]", items.join(", ")))
        };
        let directory = |(guest, access): (&String, &Access)| {
            let host = quoted(&host(guest).unwrap_or_else(|| "…".to_owned()));
            format!("{{ host = {host}, guest = {}, access = \"{}\" }}", quoted(guest), least_access(*access))
        };
        let directories: Vec<String> = self.directories.iter().map(directory).collect();
        let directories = (!directories.is_empty()).then(|| format!("directories = [{}]", directories.join(", ")));
        let lists = [list("publish", &self.publish), list("http", &self.http), directories];
        lists.into_iter().chain([list("env", &self.env), list("capabilities", &self.capabilities)]).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::request_facts;
    use crate::policy::Grants;

    /// What is suggested allows what was done, and leaving any of it out does not.
    #[test]
    fn it_is_enough_and_no_more() {
        let file = |directory: &str, access| Facts::File { directory: directory.into(), path: "x".into(), access };
        let done = [
            request_facts("GET", Some("https"), Some("example.com"), Some("/v1/a?key=1")),
            request_facts("POST", Some("http"), Some("127.0.0.1:8080"), Some("/b")),
            file("/data", Access::Read),
            file("/out", Access::Read),
            file("/out", Access::Write),
            Facts::Capability { interface: "manes:table/table@0.1".into() },
            Facts::Base,
        ];
        let mut least = Least::default();
        done.iter().for_each(|facts| least.called(facts));
        least.published("a.done");
        let lines = least.lines(|guest| Some(format!("host{guest}")));
        let grants = |lines: &[String]| -> Grants {
            let pairs = lines.iter().map(|line| line.split_once(" = ").expect("a line"));
            let json = pairs.map(|(key, value)| {
                let value = value.replace(" = ", ": ").replace("host:", "\"host\":");
                let value = value.replace("guest:", "\"guest\":").replace("access:", "\"access\":");
                format!("\"{key}\": {value}")
            });
            serde_json::from_str(&format!("{{{}}}", json.collect::<Vec<_>>().join(", "))).expect("grants")
        };
        let allows = |grants: &Grants| {
            let seen = |facts: &Facts| crate::lens::Seen { facts: facts.clone(), ..crate::lens::Seen::local() };
            done.iter().all(|facts| grants.decide(&seen(facts)).is_allowed())
                && grants.may_publish("a.done").is_allowed()
        };
        assert!(allows(&grants(&lines)), "{lines:#?}");
        for out in 0..lines.len() {
            let mut fewer = lines.clone();
            fewer.remove(out);
            assert!(!allows(&grants(&fewer)), "{} is not needed", lines[out]);
        }
        assert_eq!(lines[1], "http = [\"GET example.com/v1/a\", \"POST http://127.0.0.1:8080/b\"]");
        assert!(lines[2].contains("guest = \"/out\", access = \"read-write\""), "{}", lines[2]);
    }
}
