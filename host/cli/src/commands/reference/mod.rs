//! The pages of the documentation that are made of the code: one of each command, and that of the manifest.

mod commands;
mod manifest;

use crate::args::{Global, ReferenceArgs};
use crate::exit::Exit;
use crate::files;
use crate::output::say;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Writes the pages, or says which are not what the code says.
pub(crate) fn reference(_global: &Global, args: &ReferenceArgs) -> anyhow::Result<Exit> {
    let mut stale = 0;
    for (path, text) in pages()? {
        let path = args.folder.join(path);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        say!("{}", path.display());
        stale += 1;
        if !args.check {
            files::write(&path, &text)?;
        }
    }
    Ok(if args.check && stale > 0 { Exit::Failed } else { Exit::Done })
}

/// Every page with its path below the folder of the documentation.
fn pages() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut pages = commands::pages();
    pages.insert(PathBuf::from("manifest.md"), manifest::page()?);
    Ok(pages)
}
