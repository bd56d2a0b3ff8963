//! A folder as a source: read where it is.

use super::{SourceError, Tree};
use std::path::Path;

/// Opens a folder.
///
/// # Errors
/// It is missing, not a folder, empty, or may not be read.
pub fn open(path: &Path) -> Result<Tree, SourceError> {
    let shown = path.display().to_string();
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SourceError::Missing(shown)),
        Err(error) => return Err(SourceError::Io { path: shown, reason: error.to_string() }),
    };
    if !metadata.is_dir() {
        return Err(SourceError::NotADirectory(shown));
    }
    let io = |error: std::io::Error| SourceError::Io { path: shown.clone(), reason: error.to_string() };
    if std::fs::read_dir(path).map_err(io)?.next().is_none() {
        return Err(SourceError::Empty(shown));
    }
    let root = path.canonicalize().map_err(io)?;
    Ok(Tree::new(root, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open(&folder.path().join("none")), Err(SourceError::Missing(_))));
        assert!(matches!(open(folder.path()), Err(SourceError::Empty(_))));
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(open(&file), Err(SourceError::NotADirectory(_))));
        assert!(open(folder.path()).is_ok());
    }
}
