//! The granted folder, and a file of it as a stream.
//!
//! Straight on WASI instead of `std::fs`: every call through the sandbox is recorded and counted, and one stream read
//! in chunks as large as the host gives needs the fewest, about 16 for a megabyte.

use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip2::io::streams::{InputStream, StreamError};

use crate::reader::Source;
use crate::wit::Error;

/// Where the manifest mounts the folder.
const FOLDER: &str = "/data";

/// More than hosts give in one read.
const CHUNK_BYTES: u64 = 1 << 20;

/// An open file, read from its start. Fields drop in order: the stream before the file it belongs to.
pub(crate) struct FileStream {
    stream: InputStream,
    _file: Descriptor,
}

/// Opens a file of the granted folder by its plain name. Symbolic links are not followed.
pub(crate) fn open(name: &str) -> Result<FileStream, Error> {
    check_name(name)?;
    let folders = preopens::get_directories();
    let Some((folder, _)) = folders.iter().find(|(_, path)| path == FOLDER) else {
        return Err(Error::NotFound(format!(
            "the table capability has no folder: grant it one in the manifest, as directories = [{{ host = \"data\", guest = \"{FOLDER}\", access = \"read\" }}]"
        )));
    };
    let file = folder
        .open_at(PathFlags::empty(), name, OpenFlags::empty(), DescriptorFlags::READ)
        .map_err(|code| failed(name, code))?;
    let stream = file.read_via_stream(0).map_err(|code| failed(name, code))?;
    Ok(FileStream { stream, _file: file })
}

impl Source for FileStream {
    fn read(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            match self.stream.blocking_read(CHUNK_BYTES) {
                // An empty chunk is not the end of a stream.
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => return Ok(chunk),
                Err(StreamError::Closed) => return Ok(Vec::new()),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(Error::Io(format!("reading the file failed: {}", error.to_debug_string())));
                }
            }
        }
    }
}

/// The folder's own check, whatever the caller checked: no path leaves it.
fn check_name(name: &str) -> Result<(), Error> {
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
    if plain {
        Ok(())
    } else {
        Err(Error::InvalidName(format!(
            "“{}” is not a plain file name: name a file in the granted folder, without a path",
            name.escape_debug()
        )))
    }
}

fn failed(name: &str, code: ErrorCode) -> Error {
    match code {
        ErrorCode::Access | ErrorCode::NotPermitted => Error::AccessDenied,
        ErrorCode::NoEntry => Error::NotFound(format!("there is no file “{name}” in the granted folder")),
        ErrorCode::IsDirectory => Error::NotFound(format!("“{name}” is a folder, not a file")),
        ErrorCode::Loop => Error::NotFound(format!("“{name}” is a symbolic link; those are not followed")),
        other => Error::Io(format!("opening “{name}” failed: {other:?}")),
    }
}
