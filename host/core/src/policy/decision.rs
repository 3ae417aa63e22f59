//! The outcome of a judgement.

/// Whether a call may be made, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allow {
        /// The grant that says so, as in `http[0] GET example.com/`; `base` for what all agents may do.
        rule: String,
    },
    /// It may not.
    Deny {
        /// `default` where a grant is missing, `never` where none could help.
        rule: String,
        /// What was asked for: `GET example.com/`.
        what: String,
        /// The manifest line that would allow it; `None` if no line could.
        allow_with: Option<String>,
    },
}

impl Decision {
    /// Allowed to all.
    pub(super) fn base() -> Self {
        Self::Allow { rule: "base".to_owned() }
    }

    /// Allowed by grant number `index` of a list in the manifest.
    pub(super) fn by(list: &str, index: usize, grant: &str) -> Self {
        Self::Allow { rule: format!("{list}[{index}] {grant}") }
    }

    /// Denied for want of a grant.
    pub(super) fn missing(what: String, allow_with: String) -> Self {
        Self::Deny { rule: "default".to_owned(), what, allow_with: Some(allow_with) }
    }

    /// Denied whatever is granted.
    pub(super) fn never(what: String) -> Self {
        Self::Deny { rule: "never".to_owned(), what, allow_with: None }
    }

    /// Whether the call may be made.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// The rule that decided.
    #[must_use]
    pub fn rule(&self) -> &str {
        match self {
            Self::Allow { rule } | Self::Deny { rule, .. } => rule,
        }
    }

    /// Allowed only if both are. Rules of two allowances stand side by side; the first denial counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Allow { rule }, Self::Allow { rule: same }) if rule == same => Self::Allow { rule },
            (Self::Allow { rule: one }, Self::Allow { rule: other }) => Self::Allow { rule: format!("{one}, {other}") },
            (denied @ Self::Deny { .. }, Self::Allow { .. } | Self::Deny { .. }) => denied,
            (Self::Allow { .. }, denied @ Self::Deny { .. }) => denied,
        }
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
