//! Zip archives.

use super::unpack::Unpacking;
use crate::source::SourceError;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use zip::ZipArchive;

/// The mark of an entry in the directory.
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const SYMBOLIC_LINK: u32 = 0o120_000;

/// Unpacks a zip archive.
///
/// # Errors
/// It is damaged, or more than was agreed.
pub fn read(unpacking: &mut Unpacking<'_>, file: &mut File) -> Result<(), SourceError> {
    // The directory is read into memory whole: its size is looked at before.
    for _ in 0..entries(file).map_err(|error| unpacking.broken(&error.to_string()))? {
        unpacking.entry()?;
    }
    let mut archive = ZipArchive::new(BufReader::new(&*file)).map_err(|error| unpacking.broken(&error.to_string()))?;
    for at in 0..archive.len() {
        unpacking.count(0)?;
        let Some(Ok(name)) = archive.name_for_index(at).map(|name| name.map(|name| name.into_owned())) else {
            unpacking.skip(&format!("entry {}", at + 1), "its name cannot be read");
            continue;
        };
        let mut entry = match archive.by_index(at) {
            Ok(entry) => entry,
            Err(error) => {
                unpacking.skip(&name, format!("it cannot be unpacked: {error}"));
                continue;
            }
        };
        if entry.is_dir() {
            continue;
        }
        match entry.unix_mode().map_or(0, |mode| mode & FILE_TYPE) {
            0 | REGULAR => {}
            SYMBOLIC_LINK => {
                let mut target = String::new();
                let text = Read::by_ref(&mut entry).take(4_096).read_to_string(&mut target);
                if text.is_err() || crate::source::git::leads_out(name.rfind('/').map_or("", |slash| &name[..=slash]), &target) {
                    unpacking.skip(&name, "it is a link that leads out of the source");
                }
                continue;
            }
            _ => {
                unpacking.skip(&name, "it is neither a file nor a folder");
                continue;
            }
        }
        if unpacking.wants(&name, entry.size()) {
            let read = unpacking.file(&name, &mut entry)?;
            unpacking.count(read)?;
        }
    }
    Ok(())
}

/// How many entries the archive may have at most, by the marks in it.
fn entries(file: &mut File) -> std::io::Result<usize> {
    file.rewind()?;
    let mut buffer = vec![0_u8; 256 * 1024];
    let (mut kept, mut count) = (0, 0);
    loop {
        let read = file.read(&mut buffer[kept..])?;
        if read == 0 {
            break;
        }
        let end = kept + read;
        count += buffer[..end].windows(ENTRY.len()).filter(|window| *window == ENTRY).count();
        // A mark may be cut by the end of the buffer.
        kept = end.min(ENTRY.len() - 1);
        buffer.copy_within(end - kept..end, 0);
    }
    file.rewind()?;
    Ok(count)
}
