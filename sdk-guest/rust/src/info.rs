//! What an agent says of itself. A wish, never a right: the operator's manifest grants.

use crate::bindings::agent::manes::agent::types::{Description, Need};

/// An agent's description, built as a constant.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    name: &'static str,
    version: &'static str,
    summary: &'static str,
    subscribes: &'static [&'static str],
    publishes: &'static [&'static str],
    needs: &'static [(&'static str, &'static str)],
    labels: &'static [(&'static str, &'static str)],
}

impl Info {
    /// Name, version and one line that says what the agent does.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self { name, version, summary, subscribes: &[], publishes: &[], needs: &[], labels: &[] }
    }

    /// Topics the agent wants to receive; `*` and `>` as in NATS.
    #[must_use]
    pub const fn subscribes(self, topics: &'static [&'static str]) -> Self {
        Self { subscribes: topics, ..self }
    }

    /// Topics the agent wants to emit to.
    #[must_use]
    pub const fn publishes(self, topics: &'static [&'static str]) -> Self {
        Self { publishes: topics, ..self }
    }

    /// Capabilities it wants, each with the reason: `("manes:table/table", "to read the columns")`.
    #[must_use]
    pub const fn needs(self, needs: &'static [(&'static str, &'static str)]) -> Self {
        Self { needs, ..self }
    }

    /// Free labels, for tools.
    #[must_use]
    pub const fn labels(self, labels: &'static [(&'static str, &'static str)]) -> Self {
        Self { labels, ..self }
    }

    /// The agent's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn description(&self) -> Description {
        let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Description {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            summary: self.summary.to_owned(),
            subscribes: own(self.subscribes),
            publishes: own(self.publishes),
            needs: self
                .needs
                .iter()
                .map(|&(name, reason)| Need { name: name.to_owned(), reason: reason.to_owned() })
                .collect(),
            labels: self.labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }
}
