//! Grants of directories: a folder of the host under a name that the guest sees, to read or to read and write.

use crate::lens::Access;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// What may be done in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryAccess {
    /// Reading only.
    Read,
    /// Reading and every change.
    ReadWrite,
}

/// The right to one directory and all below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct DirectoryGrant {
    host: String,
    guest: String,
    access: DirectoryAccess,
}

/// Why a directory cannot be granted like this.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DirectoryGrantError {
    /// The host's folder is not named.
    #[error("the host's folder of {guest:?} is empty")]
    NoHost {
        /// The guest's name for it.
        guest: String,
    },
    /// The guest's name is not a plain absolute path.
    #[error("the guest's path {guest:?} is not absolute and plain; write it as in /data: no ., no .., no / at its end")]
    Guest {
        /// What stands there.
        guest: String,
    },
}

/// A grant as the manifest has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table as in { host = \"data\", guest = \"/data\", access = \"read\" }")]
struct Written {
    host: String,
    guest: String,
    access: DirectoryAccess,
}

impl DirectoryGrant {
    /// A grant of the folder `host` under the name `guest`.
    ///
    /// # Errors
    /// An empty `host`; a `guest` that is not an absolute path, or not in its plainest form.
    pub fn new(
        host: impl Into<String>,
        guest: impl Into<String>,
        access: DirectoryAccess,
    ) -> Result<Self, DirectoryGrantError> {
        let (host, guest) = (host.into(), guest.into());
        let plain = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(char::is_control);
        let is_plain = guest == "/" || guest.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain));
        if !is_plain {
            return Err(DirectoryGrantError::Guest { guest });
        }
        if host.is_empty() {
            return Err(DirectoryGrantError::NoHost { guest });
        }
        Ok(Self { host, guest, access })
    }

    /// The host's folder; a relative one is taken from the manifest's own.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The name that the guest sees.
    #[must_use]
    pub fn guest(&self) -> &str {
        &self.guest
    }

    /// What may be done in it.
    #[must_use]
    pub const fn access(&self) -> DirectoryAccess {
        self.access
    }

    /// The same folder under the same name, to do this in.
    #[must_use]
    pub fn with_access(&self, access: DirectoryAccess) -> Self {
        Self { access, ..self.clone() }
    }

    /// Whether this is `directory`, granted to at least `access`.
    #[must_use]
    pub fn matches(&self, directory: &str, access: Access) -> bool {
        self.guest == directory
            && match (self.access, access) {
                (DirectoryAccess::ReadWrite, Access::Read | Access::Write) | (DirectoryAccess::Read, Access::Read) => {
                    true
                }
                (DirectoryAccess::Read, Access::Write) => false,
            }
    }
}

impl TryFrom<Written> for DirectoryGrant {
    type Error = DirectoryGrantError;

    fn try_from(written: Written) -> Result<Self, DirectoryGrantError> {
        Self::new(written.host, written.guest, written.access)
    }
}

impl From<DirectoryGrant> for Written {
    fn from(grant: DirectoryGrant) -> Self {
        Self { host: grant.host, guest: grant.guest, access: grant.access }
    }
}

impl fmt::Display for DirectoryAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        })
    }
}

/// The least access that includes `access`.
pub(super) const fn least(access: Access) -> DirectoryAccess {
    match access {
        Access::Read => DirectoryAccess::Read,
        Access::Write => DirectoryAccess::ReadWrite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_needs_read_write_and_names_are_exact() {
        let read = DirectoryGrant::new("./in", "/data", DirectoryAccess::Read).unwrap();
        let write = DirectoryGrant::new("./out", "/out", DirectoryAccess::ReadWrite).unwrap();
        assert!(read.matches("/data", Access::Read) && !read.matches("/data", Access::Write));
        assert!(write.matches("/out", Access::Read) && write.matches("/out", Access::Write));
        assert!(!read.matches("/data/sub", Access::Read) && !read.matches("/", Access::Read));
    }

    #[test]
    fn a_guest_path_is_absolute_and_plain() {
        for odd in ["", "data", "./data", "/data/", "/a/../b", "/a/./b", "//a", "/a\n"] {
            let error = DirectoryGrant::new("x", odd, DirectoryAccess::Read).unwrap_err();
            assert_eq!(error, DirectoryGrantError::Guest { guest: odd.into() });
        }
        assert!(DirectoryGrant::new("x", "/", DirectoryAccess::Read).is_ok());
        assert!(DirectoryGrant::new("", "/a", DirectoryAccess::Read).is_err());
    }

    #[test]
    fn unknown_keys_and_accesses_are_errors() {
        let read = |text: &str| serde_json::from_str::<DirectoryGrant>(text);
        let text = r#"{"host":"in","guest":"/data","access":"read-write"}"#;
        assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        assert!(read(r#"{"host":"in","guest":"/data","access":"write"}"#).is_err());
        assert!(read(r#"{"host":"in","guest":"/data","access":"read","mode":1}"#).is_err());
        assert!(
            read(r#"{"host":"in","guest":"data","access":"read"}"#).unwrap_err().to_string().contains("as in /data")
        );
    }
}
