//! Names of functions and the versions under which they are recorded.
//!
//! Every toolchain imports another patch level of WASI (`wasi:io@0.2.3`, `@0.2.6`). What is compatible by
//! semantic versioning is recorded under one name, so that replay and policy do not care which toolchain was used.

use std::fmt;

/// A function of an interface: `wasi:io/streams@0.2` and `[method]input-stream.read`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId {
    /// Interface with its compatible version.
    pub interface: String,
    /// The function's component-model name, `[method]`, `[constructor]`, `[static]` or `[resource-drop]` included.
    pub name: String,
}

impl FunctionId {
    /// The id of `name` in `interface`, whatever its patch level.
    #[must_use]
    pub fn new(interface: &str, name: &str) -> Self {
        Self { interface: compatible(interface), name: name.to_owned() }
    }

    /// Reads `interface#name`, as records write it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.split_once('#').map(|(interface, name)| Self { interface: interface.to_owned(), name: name.to_owned() })
    }

    /// The interface without its version: `wasi:io/streams`.
    #[must_use]
    pub fn unversioned(&self) -> &str {
        unversioned(&self.interface)
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.interface, self.name)
    }
}

/// An interface id without its version.
#[must_use]
pub fn unversioned(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

/// The compatible version by semantic versioning: `0.2.6` → `0.2`, `1.4.2` → `1`, `0.0.3` and pre-releases whole.
#[must_use]
pub fn compatible(interface: &str) -> String {
    let Some((name, version)) = interface.split_once('@') else { return interface.to_owned() };
    if version.contains('-') {
        return interface.to_owned();
    }
    let mut parts = version.split('.');
    match (parts.next(), parts.next()) {
        (Some("0"), Some("0")) | (_, None) | (None, _) => interface.to_owned(),
        (Some("0"), Some(minor)) => format!("{name}@0.{minor}"),
        (Some(major), Some(_)) => format!("{name}@{major}"),
    }
}

#[cfg(test)]
mod tests {
    use super::compatible;

    #[test]
    fn patch_levels_fold_and_incompatible_versions_do_not() {
        assert_eq!(compatible("wasi:io/streams@0.2.6"), "wasi:io/streams@0.2");
        assert_eq!(compatible("a:b/c@1.4.2"), "a:b/c@1");
        assert_eq!(compatible("a:b/c@0.0.3"), "a:b/c@0.0.3");
        assert_eq!(compatible("a:b/c@0.2.0-rc.1"), "a:b/c@0.2.0-rc.1");
        assert_eq!(compatible("a:b/c"), "a:b/c");
        assert_eq!(compatible("a:b/c@1"), "a:b/c@1");
    }
}
