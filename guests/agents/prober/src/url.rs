//! The parts of an address that a request needs.

/// A parsed `http` or `https` address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) secure: bool,
    pub(crate) authority: String,
    pub(crate) path_with_query: String,
}

impl Url {
    /// Splits an address; a fragment stays with the client, as browsers do it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.split('#').next().unwrap_or_default();
        let (secure, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err("the address has to start with http:// or https://".to_owned()),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.is_empty()
            || authority.contains('@')
            || text.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err("the address needs a host, and no user name, spaces or control characters".to_owned());
        }
        let path_with_query = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, authority: authority.to_owned(), path_with_query })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let url = |text| Url::parse(text).map(|url| (url.secure, url.authority, url.path_with_query));
        assert_eq!(url("http://example.com/"), Ok((false, "example.com".to_owned(), "/".to_owned())));
        assert_eq!(url("https://h:8080?q=1#top"), Ok((true, "h:8080".to_owned(), "/?q=1".to_owned())));
        for bad in ["", "example.com", "ftp://x/", "http:///x", "http://u@h/", "http://h/a b", "http://h/\n"] {
            assert!(Url::parse(bad).is_err(), "{bad:?}");
        }
    }
}
