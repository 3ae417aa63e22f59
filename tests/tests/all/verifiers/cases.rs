//! Many folders, each with one thing changed, and what both verifiers must say of it.

use super::judge::{Verdict, python, rust};
use super::tamper::Image;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tempfile::TempDir;

/// What must be said of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Must {
    Accept,
    Refuse,
}

struct Case {
    what: String,
    folder: PathBuf,
    must: Must,
}

/// Cases that are judged against the same held checkpoints.
pub(crate) struct Cases<'a> {
    home: TempDir,
    original: &'a Path,
    image: &'a Image,
    held: Vec<String>,
    cases: Vec<Case>,
}

impl<'a> Cases<'a> {
    pub(crate) fn new(original: &'a Path, image: &'a Image, held: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { home, original, image, held: held.iter().map(|note| (*note).to_owned()).collect(), cases: Vec::new() }
    }

    /// A folder with these files.
    pub(crate) fn add(&mut self, must: Must, what: impl Into<String>, image: &Image) {
        self.add_folder(must, what, image, |_| {});
    }

    /// A folder with these files, and then changed on disk.
    pub(crate) fn add_folder(
        &mut self,
        must: Must,
        what: impl Into<String>,
        image: &Image,
        change: impl FnOnce(&Path),
    ) {
        let folder = self.home.path().join(self.cases.len().to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, bytes) in image {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            match self.image.get(name) {
                // What is unchanged is linked: a copy of every component for every case would fill the disk.
                Some(known) if Rc::ptr_eq(known, bytes) => {
                    std::fs::hard_link(self.original.join(name), path).expect("a link")
                }
                _ => std::fs::write(path, bytes).expect("written"),
            }
        }
        change(&folder);
        self.cases.push(Case { what: what.into(), folder, must });
    }

    /// Has both judge every case.
    #[track_caller]
    pub(crate) fn judge(self) {
        let folders: Vec<_> = self.cases.iter().map(|case| case.folder.clone()).collect();
        let theirs = python(&folders, &self.held, self.home.path());
        let mut wrong = Vec::new();
        for (place, case) in self.cases.iter().enumerate() {
            let ours = rust(&case.folder, &self.held);
            let as_it_must = |verdict: &Verdict| matches!(verdict, Verdict::Accepted(_)) == (case.must == Must::Accept);
            if !as_it_must(&ours) {
                wrong.push(format!("{}: must {:?}, and Rust says {ours:?}", case.what, case.must));
            }
            let Some(theirs) = theirs.as_ref().map(|all| &all[place]) else { continue };
            match (&ours, theirs) {
                (Verdict::Accepted(ours), Verdict::Accepted(theirs)) if ours != theirs => {
                    wrong.push(format!("{}: reports differ:\n{ours}\n{theirs}", case.what));
                }
                _ if !as_it_must(theirs) => {
                    wrong.push(format!("{}: must {:?}, and Python says {theirs:?}", case.what, case.must))
                }
                _ => {}
            }
        }
        let shown: Vec<_> = wrong.iter().take(10).map(String::as_str).collect();
        assert!(wrong.is_empty(), "{} of {} cases are wrong:\n{}", wrong.len(), self.cases.len(), shown.join("\n"));
    }

    pub(crate) fn len(&self) -> usize {
        self.cases.len()
    }
}
