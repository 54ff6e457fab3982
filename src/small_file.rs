//! Reading files that should be small, whole and with a limit: configurations, certificates, lists of users.

use crate::sys;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Reads a file: one of more than `bytes_max` bytes is [`io::ErrorKind::FileTooLarge`]. Anything but a regular
/// file is an error and is not waited for.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    read_with_metadata(path, bytes_max).map(|(bytes, _)| bytes)
}

/// The same, with what the system knows about the file that was read.
pub fn read_with_metadata(path: &Path, bytes_max: usize) -> io::Result<(Vec<u8>, Metadata)> {
    let opened = sys::open_regular(path, File::options().read(true));
    let (file, metadata) = opened.map_err(with_user)?;
    Ok((read_all(file, bytes_max)?, metadata))
}

/// The same for what is read only once, at the start, and may come through a pipe: `/dev/stdin`, `<(decrypt FILE)`.
pub fn read_once(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            read_all(File::open(path).map_err(with_user)?, bytes_max)
        }
        _ => read(path, bytes_max),
    }
}

fn read_all(file: File, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bytes_limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(bytes_limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    match bytes.len() > bytes_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {bytes_max} bytes"),
        )),
        false => Ok(bytes),
    }
}

/// Names the user to whom reading is denied: in a container it is rarely the one who made the file.
fn with_user(error: io::Error) -> io::Error {
    match (error.kind(), sys::user_and_group()) {
        (io::ErrorKind::PermissionDenied, Some((user, _))) => {
            let text = format!(
                "{error}; user {user} must be able to read it, and to reach it through its parent directories"
            );
            io::Error::new(error.kind(), text)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "12345").unwrap();
        for read in [read, read_once] {
            assert_eq!(read(&path, 5).unwrap(), b"12345");
            let kind = read(&path, 4).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::FileTooLarge);
            assert!(read(directory.path(), 5).is_err());
            let missing = read(&directory.path().join("none"), 5).unwrap_err();
            assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        }
        let (bytes, metadata) = read_with_metadata(&path, 5).unwrap();
        assert_eq!(metadata.len(), bytes.len() as u64);
    }

    #[test]
    #[cfg(unix)]
    fn a_device_is_read_only_once() {
        let device = Path::new("/dev/null");
        assert_eq!(
            read(device, 5).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        assert_eq!(read_once(device, 5).unwrap(), b"");
    }
}
