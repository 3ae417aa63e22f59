//! Links between pages: each leads to a file that is there, and to a heading that is in it.

use super::{pages, parser};
use pulldown_cmark::{Event, Tag, TagEnd};
use std::collections::BTreeSet;
use std::path::Path;

/// Links of the repository's pages that lead nowhere.
///
/// # Panics
/// A page that cannot be read.
#[must_use]
pub fn broken(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for page in pages(root) {
        let text = std::fs::read_to_string(&page).expect("a page");
        let shown = page.strip_prefix(root).unwrap_or(&page).display().to_string();
        for (event, range) in parser(&text).into_offset_iter() {
            let (Event::Start(Tag::Link { dest_url, .. }) | Event::Start(Tag::Image { dest_url, .. })) = event else {
                continue;
            };
            let line = text[..range.start].matches('\n').count() + 1;
            if let Some(why) = wrong(&page, &text, &dest_url) {
                found.push(format!("{shown}:{line}: {dest_url}: {why}"));
            }
        }
    }
    found
}

fn wrong(page: &Path, text: &str, link: &str) -> Option<&'static str> {
    if link.starts_with("https://") || link.starts_with("http://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { page.to_owned() } else { page.parent()?.join(file) };
    if !target.exists() {
        return Some("there is no such file");
    }
    let anchor = anchor?;
    let there = if file.is_empty() { text.to_owned() } else { std::fs::read_to_string(target).ok()? };
    (!headings(&there).contains(anchor)).then_some("there is no such heading")
}

/// The anchors of a page's headings.
fn headings(text: &str) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), None::<String>);
    for event in parser(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => open = Some(String::new()),
            Event::Text(more) | Event::Code(more) => {
                if let Some(title) = &mut open {
                    title.push_str(&more);
                }
            }
            Event::End(TagEnd::Heading(_)) => found.extend(open.take().map(|title| slug(&title))),
            _ => {}
        }
    }
    found
}

/// A heading as an anchor, as code hosts make them.
pub(super) fn slug(title: &str) -> String {
    let kept = title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "# One `two`, three\n[a](b.md) [c](#one-two-three) [d](#four) [e](a.md#one-two-three) [f](https://x.y/)\n";
        std::fs::write(folder.path().join("a.md"), text).unwrap();
        let found = broken(folder.path());
        assert_eq!(found, ["a.md:2: b.md: there is no such file", "a.md:2: #four: there is no such heading"]);
    }
}
