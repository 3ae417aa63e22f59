//! The pages as HTML, with nothing but a style sheet around them.

use super::links::slug;
use super::{pages, parser};
use pulldown_cmark::{CowStr, Event, Tag, TagEnd, html};
use std::path::{Path, PathBuf};

const STYLE: &str = "body{max-width:52rem;margin:2rem auto;padding:0 1rem;font:16px/1.55 system-ui,sans-serif;color:#1b1f24}\
pre,code{font:14px/1.45 ui-monospace,monospace;background:#f4f5f7;border-radius:4px}code{padding:.1em .3em}\
pre{padding:.8rem 1rem;overflow-x:auto}pre code{padding:0}table{border-collapse:collapse;display:block;overflow-x:auto}\
td,th{border:1px solid #d5d9de;padding:.3rem .6rem;text-align:left;vertical-align:top}a{color:#0a58a6}\
nav{margin-bottom:2rem;font-size:14px}@media(prefers-color-scheme:dark){body{background:#15181c;color:#d9dde2}\
pre,code{background:#22262c}td,th{border-color:#3a4048}a{color:#7ab8f5}}";

/// Writes every page of the repository below `to`; returns their number.
///
/// # Errors
/// A file that cannot be read or written.
pub fn render(root: &Path, to: &Path) -> std::io::Result<usize> {
    let pages = pages(root);
    for page in &pages {
        let below = page.strip_prefix(root).unwrap_or(page);
        let depth = below.components().count() - 1;
        let text = std::fs::read_to_string(page)?;
        let path = to.join(renamed(below));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, document(&text, &"../".repeat(depth)))?;
    }
    Ok(pages.len())
}

/// `docs/README.md` is `docs/index.html`.
fn renamed(path: &Path) -> PathBuf {
    match path.file_name().is_some_and(|name| name == "README.md") {
        true => path.with_file_name("index.html"),
        false => path.with_extension("html"),
    }
}

fn document(text: &str, up: &str) -> String {
    let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("Manes");
    let mut body = String::new();
    html::push_html(&mut body, linked(text).into_iter());
    let nav = format!(
        "<nav><a href=\"{up}index.html\">Manes</a> · <a href=\"{up}docs/index.html\">Documentation</a> · \
         <a href=\"{up}docs/commands/index.html\">Commands</a></nav>"
    );
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{}</title><style>{STYLE}</style>{nav}<main>{body}</main></html>\n",
        title.replace('&', "&amp;").replace('<', "&lt;").replace('`', "")
    )
}

/// A page's events, with links to pages as they are called here, and an id on each heading.
fn linked(text: &str) -> Vec<Event<'_>> {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut heading: Option<(usize, String)> = None;
    for event in parser(text) {
        match &event {
            Event::Start(Tag::Heading { .. }) => heading = Some((events.len(), String::new())),
            Event::Text(more) | Event::Code(more) => {
                if let Some((_, title)) = &mut heading {
                    title.push_str(more);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((at, title)) = heading.take()
                    && let Some(Event::Start(Tag::Heading { id, .. })) = events.get_mut(at)
                {
                    *id = Some(CowStr::from(slug(&title)));
                }
            }
            _ => {}
        }
        events.push(match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                Event::Start(Tag::Link { link_type, dest_url: page(&dest_url).into(), title, id })
            }
            other => other,
        });
    }
    events
}

fn page(link: &str) -> String {
    if link.contains("://") {
        return link.to_owned();
    }
    let (file, anchor) = link.split_once('#').map_or((link, String::new()), |(file, at)| (file, format!("#{at}")));
    if file.ends_with(".md") { format!("{}{anchor}", renamed(Path::new(file)).display()) } else { link.to_owned() }
}
