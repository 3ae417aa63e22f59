//! All that one agent may do, and the judgement of a call by it.
//!
//! Serialised as part of a deployment's record: unknown keys are errors, and what is written back reads the same.

use super::capability::{CapabilityGrant, OnUnknown};
use super::decision::{Decision, quoted};
use super::directory::{DirectoryGrant, least};
use super::effects::EffectClaims;
use super::http::{HttpGrant, suggestion};
use crate::function::{FunctionId, unversioned};
use crate::lens::{Access, Effect, Facts, Seen, excerpt};
use crate::topic::{Pattern, Topic};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;

/// What one agent may do. Empty lists grant the base world alone.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Topics on which it may publish.
    pub publish: Vec<Pattern>,
    /// Requests that it may send.
    pub http: Vec<HttpGrant>,
    /// Directories that it sees. No two have the same name for the guest.
    #[serde(deserialize_with = "distinct_directories")]
    pub directories: Vec<DirectoryGrant>,
    /// Names of variables of the host's environment that it sees.
    #[serde(deserialize_with = "variable_names")]
    pub env: Vec<String>,
    /// Interfaces of capability components that it may call.
    pub capabilities: Vec<CapabilityGrant>,
}

impl Grants {
    /// Decides about a call on what the lens saw of it.
    #[must_use]
    pub fn decide(&self, seen: &Seen) -> Decision {
        self.decide_facts(&seen.facts)
    }

    /// Decides about publishing on `topic`.
    #[must_use]
    pub fn may_publish(&self, topic: &str) -> Decision {
        let topic: Topic = match topic.parse() {
            Ok(topic) => topic,
            Err(error) => return Decision::never(format!("the topic \"{}\": {error}", excerpt(topic))),
        };
        match self.publish.iter().enumerate().find(|(_, pattern)| pattern.matches(&topic)) {
            Some((index, pattern)) => Decision::by("publish", index, pattern.as_str()),
            None => {
                Decision::missing(format!("publishing on {topic}"), format!("publish = [{}]", quoted(topic.as_str())))
            }
        }
    }

    /// Whether some grant is for `interface` in a compatible version.
    #[must_use]
    pub fn grants_interface(&self, interface: &str) -> bool {
        self.capabilities.iter().any(|grant| grant.matches(interface))
    }

    /// The effect under which a call is recorded: what the lens saw or, for a capability, what its component claims,
    /// raised by every grant that covers it.
    #[must_use]
    pub fn effect(&self, function: &FunctionId, seen: &Seen, claims: &EffectClaims) -> Effect {
        match &seen.facts {
            Facts::Capability { interface } => {
                let grants = self.capabilities.iter().filter(|grant| grant.matches(interface));
                grants.map(|grant| grant.raised(function)).fold(claims.effect(function), Effect::max)
            }
            Facts::Base
            | Facts::Http { .. }
            | Facts::File { .. }
            | Facts::Preopens
            | Facts::Timer
            | Facts::Socket { .. }
            | Facts::Many(_)
            | Facts::Refused { .. } => seen.effect,
        }
    }

    /// What to do about a write whose outcome is unknown: what the first grant that covers it says. Where that says
    /// nothing, a request follows what its method promises (RFC 9110, section 9.2.2), and a file is written again.
    #[must_use]
    pub fn on_unknown(&self, facts: &Facts) -> OnUnknown {
        match facts {
            Facts::Capability { interface } => {
                let grant = self.capabilities.iter().find(|grant| grant.matches(interface));
                grant.map_or_else(OnUnknown::default, CapabilityGrant::on_unknown)
            }
            Facts::Http { method, .. } => {
                let grant = self.http.iter().find(|grant| grant.matches(facts));
                grant.and_then(HttpGrant::on_unknown).unwrap_or(match method.as_str() {
                    "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE" => OnUnknown::Repeat,
                    _ => OnUnknown::Fail,
                })
            }
            Facts::File { .. } | Facts::Base | Facts::Preopens | Facts::Timer => OnUnknown::Repeat,
            Facts::Many(all) => {
                let choices = all.iter().map(|facts| self.on_unknown(facts));
                choices.max_by_key(|choice| choice.caution()).unwrap_or_default()
            }
            Facts::Socket { .. } | Facts::Refused { .. } => OnUnknown::Fail,
        }
    }

    fn decide_facts(&self, facts: &Facts) -> Decision {
        match facts {
            Facts::Base | Facts::Preopens | Facts::Timer => Decision::base(),
            Facts::Http { method, scheme, host, port, path } => {
                self.http_decision(facts, &suggestion(method, scheme, host, *port, path))
            }
            Facts::File { directory, access, .. } => self.file_decision(facts, directory, *access),
            Facts::Capability { interface } => self.capability_decision(interface),
            Facts::Socket { .. } => Decision::never("sockets are off".to_owned()),
            Facts::Refused { why } => Decision::never((*why).to_owned()),
            Facts::Many(all) => match all.split_first() {
                Some((first, rest)) => {
                    rest.iter().fold(self.decide_facts(first), |so_far, next| so_far.and(self.decide_facts(next)))
                }
                None => Decision::never("the call is about nothing".to_owned()),
            },
        }
    }

    fn http_decision(&self, facts: &Facts, suggestion: &str) -> Decision {
        match self.http.iter().enumerate().find(|(_, grant)| grant.matches(facts)) {
            Some((index, grant)) => Decision::by("http", index, &grant.to_string()),
            None => Decision::missing(facts.to_string(), format!("http = [{}]", quoted(suggestion))),
        }
    }

    /// The host's folder stays out of the message, which the guest can read.
    fn file_decision(&self, facts: &Facts, directory: &str, access: Access) -> Decision {
        match self.directories.iter().enumerate().find(|(_, grant)| grant.matches(directory, access)) {
            Some((index, grant)) => Decision::by("directories", index, grant.guest()),
            None => {
                let (guest, access) = (quoted(directory), least(access));
                let line = format!("directories = [{{ host = \"…\", guest = {guest}, access = \"{access}\" }}]");
                Decision::missing(facts.to_string(), line)
            }
        }
    }

    fn capability_decision(&self, interface: &str) -> Decision {
        match self.capabilities.iter().enumerate().find(|(_, grant)| grant.matches(interface)) {
            Some((index, grant)) => Decision::by("capabilities", index, grant.interface()),
            None => {
                Decision::missing(excerpt(interface), format!("capabilities = [{}]", quoted(unversioned(interface))))
            }
        }
    }
}

/// Reads grants of directories. Two of one name would leave open which of them a path means.
///
/// # Errors
/// A name that is granted twice.
pub fn distinct_directories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DirectoryGrant>, D::Error> {
    let grants = Vec::<DirectoryGrant>::deserialize(deserializer)?;
    let mut names = BTreeSet::new();
    match grants.iter().find(|grant| !names.insert(grant.guest())) {
        Some(twice) => Err(D::Error::custom(format_args!("{:?} is granted twice", twice.guest()))),
        None => Ok(grants),
    }
}

/// Reads names of variables. One that no variable can have would grant nothing.
///
/// # Errors
/// Such a name.
pub fn variable_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find(|name| name.is_empty() || name.contains(['=', '*', '\0', ' '])) {
        Some(odd) => Err(D::Error::custom(format_args!("{odd:?} is no name of a variable; write each name by itself"))),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::request_facts;
    use crate::policy::denial_message;

    fn grants(json: &str) -> Grants {
        serde_json::from_str(json).unwrap()
    }

    fn full() -> Grants {
        grants(
            r#"{
                "publish": ["csv.*"],
                "http": ["GET example.com/", "POST api.example.com/v1/"],
                "directories": [
                    { "host": "in", "guest": "/data", "access": "read" },
                    { "host": "out", "guest": "/out", "access": "read-write" }
                ],
                "env": ["HOME"],
                "capabilities": [
                    "a:b/c@1",
                    { "interface": "manes:table/table", "effects": { "query": "write" }, "on-unknown": "ask" }
                ]
            }"#,
        )
    }

    fn decide(grants: &Grants, facts: Facts) -> Decision {
        grants.decide(&Seen { effect: Effect::Write, facts })
    }

    fn get(host: &str) -> Facts {
        request_facts("GET", None, Some(host), None)
    }

    fn file(directory: &str, access: Access) -> Facts {
        Facts::File { directory: directory.into(), path: "x".into(), access }
    }

    fn denied(grants: &Grants, facts: Facts) -> (String, Option<String>) {
        match decide(grants, facts) {
            Decision::Deny { rule, allow_with, .. } => (rule, allow_with),
            Decision::Allow { rule } => panic!("allowed by {rule}"),
        }
    }

    #[test]
    fn an_empty_list_grants_the_base_world_alone() {
        let none = Grants::default();
        for facts in [Facts::Base, Facts::Preopens, Facts::Timer] {
            assert_eq!(decide(&none, facts), Decision::Allow { rule: "base".into() });
        }
        let missing = |facts, line: &str| assert_eq!(denied(&none, facts), ("default".into(), Some(line.into())));
        missing(get("example.com"), r#"http = ["GET https://example.com/"]"#);
        missing(file("/data", Access::Read), r#"directories = [{ host = "…", guest = "/data", access = "read" }]"#);
        missing(
            file("/data", Access::Write),
            r#"directories = [{ host = "…", guest = "/data", access = "read-write" }]"#,
        );
        missing(
            Facts::Capability { interface: "manes:table/table@0.1".into() },
            r#"capabilities = ["manes:table/table"]"#,
        );
        let never = |facts| assert_eq!(denied(&none, facts), ("never".into(), None));
        never(Facts::Socket { operation: "tcp".into() });
        never(Facts::Refused { why: "odd" });
        never(Facts::Many(vec![]));
        never(get("a@b"));
    }

    #[test]
    fn a_decision_names_its_rule() {
        let grants = full();
        let rule = |facts| decide(&grants, facts).rule().to_owned();
        assert_eq!(rule(get("example.com")), "http[0] GET example.com/");
        assert_eq!(rule(file("/out", Access::Write)), "directories[1] /out");
        assert_eq!(
            rule(Facts::Capability { interface: "manes:table/table@0.1".into() }),
            "capabilities[1] manes:table/table"
        );
        assert_eq!(rule(Facts::Capability { interface: "a:b/c@2".into() }), "default");
        assert_eq!(grants.may_publish("csv.parsed").rule(), "publish[0] csv.*");
    }

    #[test]
    fn all_of_many_facts_must_be_granted() {
        let grants = full();
        let both =
            |one, other| decide(&grants, Facts::Many(vec![file(one, Access::Write), file(other, Access::Write)]));
        assert_eq!(both("/out", "/out").rule(), "directories[1] /out");
        assert!(!both("/out", "/data").is_allowed() && !both("/data", "/out").is_allowed());
        let mixed = Facts::Many(vec![file("/data", Access::Read), file("/out", Access::Write)]);
        assert_eq!(decide(&grants, mixed).rule(), "directories[0] /data, directories[1] /out");
    }

    #[test]
    fn publishing_is_on_literal_topics_under_a_grant() {
        let grants = full();
        assert!(grants.may_publish("csv.parsed").is_allowed());
        assert!(matches!(grants.may_publish("csv.*"), Decision::Deny { allow_with: None, .. }));
        let Decision::Deny { allow_with, .. } = grants.may_publish("other\"]#") else { panic!() };
        assert_eq!(allow_with.unwrap(), r#"publish = ["other\"]#"]"#);
        let line = denial_message(&FunctionId::new("a:b/c", "d"), &Grants::default().may_publish("csv.parsed"));
        assert_eq!(line, r#"publishing on csv.parsed is not granted; allow with: publish = ["csv.parsed"]"#);
    }

    #[test]
    fn an_operator_raises_effects_and_never_lowers_them() {
        let claims = |effect| EffectClaims::new([("table.*", effect)]);
        let effect = |grants: &Grants, name: &str, claim| {
            let function = FunctionId::new("manes:table/table@0.1.0", name);
            let seen = crate::lens::Lens::new().see(&function, &[]);
            grants.effect(&function, &seen, &claims(claim))
        };
        assert_eq!(effect(&full(), "query", Effect::Read), Effect::Write);
        assert_eq!(effect(&full(), "size", Effect::Read), Effect::Read);
        let lower = grants(r#"{"capabilities":[{"interface":"manes:table/table","effects":{"query":"local"}}]}"#);
        assert_eq!(effect(&lower, "query", Effect::Write), Effect::Write);
        assert_eq!(effect(&Grants::default(), "[resource-drop]rows", Effect::Write), Effect::Local);
        let capability = |interface: &str| Facts::Capability { interface: interface.into() };
        assert_eq!(full().on_unknown(&capability("manes:table/table@0.1")), OnUnknown::Ask);
        assert_eq!(full().on_unknown(&capability("x:y/z")), OnUnknown::Fail);
        let request = |method: &str| {
            let (scheme, host, path) = ("https".into(), "example.com".into(), "/".into());
            Facts::Http { method: method.into(), scheme, host, port: 443, path }
        };
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert_eq!(full().on_unknown(&request(method)), OnUnknown::Repeat, "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT", "get", "BREW"] {
            assert_eq!(full().on_unknown(&request(method)), OnUnknown::Fail, "{method}");
        }
        let both = Facts::Many(vec![request("GET"), capability("x:y/z")]);
        assert_eq!(full().on_unknown(&both), OnUnknown::Fail, "the greater caution counts");
    }

    #[test]
    fn grants_are_written_as_they_are_read() {
        let grants = full();
        let written = serde_json::to_string(&grants).unwrap();
        assert_eq!(serde_json::from_str::<Grants>(&written).unwrap(), grants);
        assert_eq!(serde_json::from_str::<Grants>("{}").unwrap(), Grants::default());
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Grants>(&written).unwrap()).unwrap(), written);
    }

    #[test]
    fn what_grants_nothing_is_an_error() {
        let error = |json: &str| serde_json::from_str::<Grants>(json).unwrap_err().to_string();
        assert!(error(r#"{"htpp": []}"#).contains("unknown field `htpp`"));
        assert!(error(r#"{"env": ["A=B"]}"#).contains("\"A=B\" is no name of a variable"));
        let twice = r#"{"host":"a","guest":"/d","access":"read"}"#;
        assert!(error(&format!(r#"{{"directories":[{twice},{twice}]}}"#)).contains("\"/d\" is granted twice"));
        assert!(error(r#"{"publish": ["a..b"]}"#).contains("empty token"));
    }
}
