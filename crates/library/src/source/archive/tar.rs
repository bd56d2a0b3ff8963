//! Tar archives. Headers are read one by one, so that a long name cannot take more memory than a name may.

use super::unpack::Unpacking;
use crate::source::SourceError;
use std::io::Read;
use tar::{Archive, EntryType};

/// Of a name, and of the attributes of an entry.
const MAX_NAME: u64 = 64 * 1024;

/// Counts what is read, for the archive's bounds.
struct Counted<R> {
    from: R,
    bytes: std::rc::Rc<std::cell::Cell<u64>>,
    limit: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // A large entry that is passed over is read all the same: it ends here and the bounds are looked at outside.
        if self.bytes.get() > self.limit {
            return Err(std::io::Error::other("more than was agreed"));
        }
        let count = self.from.read(buffer)?;
        self.bytes.set(self.bytes.get().saturating_add(count as u64));
        Ok(count)
    }
}

/// Unpacks a tar archive.
///
/// # Errors
/// It is damaged, or more than was agreed.
pub fn read(unpacking: &mut Unpacking<'_>, from: impl Read) -> Result<(), SourceError> {
    let bytes = std::rc::Rc::new(std::cell::Cell::new(0_u64));
    let limit = unpacking.most();
    let mut archive = Archive::new(Counted { from, bytes: bytes.clone(), limit });
    let mut counted = 0_u64;
    let entries = archive.entries().map_err(|error| unpacking.broken(&error.to_string()))?.raw(true);
    let mut long_name: Option<String> = None;
    for entry in entries {
        unpacking.count(bytes.get() - counted)?;
        counted = bytes.get();
        let mut entry = entry.map_err(|error| unpacking.broken(&error.to_string()))?;
        unpacking.entry()?;
        let kind = entry.header().entry_type();
        let size = entry.size();
        match kind {
            EntryType::GNULongName | EntryType::XHeader => {
                let mut text = Vec::new();
                Read::by_ref(&mut entry).take(MAX_NAME).read_to_end(&mut text).map_err(|error| unpacking.broken(&error.to_string()))?;
                let name = if kind == EntryType::XHeader { attribute(&text, "path") } else { Some(text.as_slice()) };
                if let Some(name) = name {
                    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                    long_name = Some(String::from_utf8_lossy(name).into_owned());
                }
                continue;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            _ => {}
        }
        let own = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = long_name.take().unwrap_or(own);
        match kind {
            EntryType::Regular | EntryType::Continuous if path.ends_with('/') => {}
            EntryType::Regular | EntryType::Continuous => {
                if path.contains('\u{fffd}') {
                    unpacking.skip(&path, "its name is not UTF-8");
                } else if unpacking.wants(&path, size) {
                    unpacking.file(&path, &mut entry)?;
                }
            }
            EntryType::Directory => {}
            EntryType::Symlink | EntryType::Link => {
                // What a link inside of the archive leads to is there under its own name.
                let target = entry.link_name_bytes().map(|target| String::from_utf8_lossy(&target).into_owned()).unwrap_or_default();
                if target.starts_with('/')
                    || target.split('/').any(|part| part == "..") && crate::source::git::leads_out(folder(&path), &target)
                {
                    unpacking.skip(&path, "it is a link that leads out of the source");
                }
            }
            _ => unpacking.skip(&path, "it is neither a file nor a folder"),
        }
    }
    unpacking.count(bytes.get() - counted)
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

/// A value of a `length key=value\n` list.
fn attribute<'a>(text: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let mut rest = text;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        let record = rest.get(space + 1..length.checked_sub(1)?)?;
        if let Some(value) = record.strip_prefix(wanted.as_bytes()).and_then(|record| record.strip_prefix(b"=")) {
            return Some(value);
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_and_broken_ones_are_none() {
        assert_eq!(attribute(b"11 a=bcdef\n16 path=abc/def\n", "path"), Some(b"abc/def".as_slice()));
        for broken in [&b"99 path=x\n"[..], b"0 path=x\n", b"x path=x\n", b"3 \n", b"", b" ", b"18446744073709551615 path=x\n"] {
            assert_eq!(attribute(broken, "path"), None);
        }
    }
}
