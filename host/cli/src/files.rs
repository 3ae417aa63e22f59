//! Files, with errors that name them.

use anyhow::Context as _;
use std::path::Path;

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

/// Copies a folder with all that is in it; links are followed.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let failed = |path: &Path| format!("failed to copy {}", path.display());
    std::fs::create_dir_all(to).with_context(|| failed(to))?;
    for entry in std::fs::read_dir(from).with_context(|| failed(from))? {
        let path = entry.with_context(|| failed(from))?.path();
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if std::fs::metadata(&path).with_context(|| failed(&path))?.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, target).with_context(|| failed(&path))?;
        }
    }
    Ok(())
}
