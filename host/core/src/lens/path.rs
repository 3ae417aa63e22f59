//! Paths under a preopened directory.
//!
//! A path is joined by its text. The sandbox of the provider resolves symbolic links, and none leads out of the
//! directory; since a grant is for a whole directory, the text decides no right, it says what was asked for.

use super::handle::Parsed;

/// Longest path that is kept, in bytes: `PATH_MAX` of Linux, so that no path that works is refused.
const PATH_BYTES_MAX: usize = 4096;

/// `path` as seen from `base`, both under the same directory, without `.`, `..` and empty segments.
pub(super) fn join(base: &str, path: &str) -> Parsed<String> {
    if path.starts_with('/') {
        return Err("a path is relative to its directory");
    }
    if path.contains('\0') {
        return Err("a path contains a zero byte");
    }
    if base.len() + path.len() > PATH_BYTES_MAX {
        return Err("a path is longer than 4096 bytes");
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in base.split('/').chain(path.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop().ok_or("a path leads out of its directory")?;
            }
            name => segments.push(name),
        }
    }
    Ok(segments.join("/"))
}

/// The directory that holds `path`.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dots_are_folded_and_never_escape() {
        assert_eq!(join("", "a/./b//c/"), Ok("a/b/c".into()));
        assert_eq!(join("a", "../b"), Ok("b".into()));
        assert_eq!(join("", "."), Ok(String::new()));
        assert_eq!(join("a/b", "../../.."), Err("a path leads out of its directory"));
        assert_eq!(join("", "a/../../b"), Err("a path leads out of its directory"));
        assert!(join("a", "/etc/passwd").is_err());
        assert!(join("", "a\0b").is_err());
        assert!(join("", &"x".repeat(5000)).is_err());
        assert_eq!((parent("a/b/c"), parent("a")), ("a/b", ""));
    }

    proptest! {
        #[test]
        fn joining_agrees_with_walking(
            base in prop::collection::vec("[ab]", 0..3),
            path in prop::collection::vec(prop::sample::select(vec!["a", "b", ".", "..", ""]), 1..8),
        ) {
            let (base, path) = (base.join("/"), path.join("/"));
            if path.starts_with('/') {
                prop_assert!(join(&base, &path).is_err());
                return Ok(());
            }
            // The oracle walks a depth and refuses the first step below the root.
            let mut depth = base.split('/').filter(|s| !s.is_empty()).count() as i64;
            let mut escaped = false;
            for step in path.split('/') {
                depth += match step { "" | "." => 0, ".." => -1, _ => 1 };
                escaped |= depth < 0;
            }
            match join(&base, &path) {
                Ok(joined) => {
                    prop_assert!(!escaped);
                    prop_assert!(joined.split('/').all(|s| s != "." && s != ".."));
                    prop_assert_eq!(joined.split('/').filter(|s| !s.is_empty()).count() as i64, depth);
                    prop_assert_eq!(join("", &joined), Ok(joined.clone()));
                }
                Err(_) => prop_assert!(escaped),
            }
        }
    }
}
