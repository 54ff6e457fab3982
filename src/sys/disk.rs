//! Files and directories where the systems differ: how a path is interpreted, which names are the same, which files are
//! in use, what survives a power loss, who owns a file.

use std::ffi::OsString;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Has the disk begin to write bytes of a file, so that a later sync has less to wait for.
#[cfg(target_os = "linux")]
pub use super::linux::begin_write_back;

/// Nothing: here the bytes are written when the system likes, or at the sync.
#[cfg(not(target_os = "linux"))]
pub fn begin_write_back(_file: &File, _bytes: std::ops::Range<u64>) {}

/// A path as people write it: without the prefix that [`literal`] adds on Windows.
pub fn plain(path: &Path) -> PathBuf {
    let Some(text) = path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) else {
        return path.to_owned();
    };
    match text.strip_prefix(r"UNC\") {
        Some(share) => PathBuf::from(format!(r"\\{share}")),
        None => PathBuf::from(text),
    }
}

/// A path in which every name is taken literally.
#[cfg(unix)]
pub fn literal(path: &Path) -> io::Result<PathBuf> {
    Ok(path.to_owned())
}

/// A path in which every name is taken literally: absolute, in Windows' verbatim form (`\\?\C:\data`,
/// `\\?\UNC\server\share\data`). Without it a path is limited to 260 characters, `nul` and `con` are devices
/// and a dot at the end of a name is dropped.
#[cfg(windows)]
pub fn literal(path: &Path) -> io::Result<PathBuf> {
    use std::path::{Component, Prefix};
    let absolute = std::path::absolute(path)?;
    let mut components = absolute.components();
    let mut literal = OsString::from(r"\\?\");
    match components.next() {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::Disk(_) => literal.push(prefix.as_os_str()),
            Prefix::UNC(server, share) => {
                literal.push(r"UNC\");
                literal.push(server);
                literal.push(r"\");
                literal.push(share);
            }
            Prefix::DeviceNS(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is the name of a device",
                ));
            }
            // Already verbatim.
            _ => return Ok(absolute),
        },
        _ => return Ok(absolute),
    }
    literal.push(components.as_path());
    Ok(literal.into())
}

/// Whether names in a directory that differ only in case are the same.
pub const FOLDS_CASE: bool = cfg!(windows);

/// The spelling on disk of the last component of a path; an error when there is nothing. On unix every spelling is a
/// name of its own.
#[cfg(unix)]
pub fn kept_name(path: &Path) -> io::Result<OsString> {
    path.symlink_metadata()?;
    Ok(path.file_name().unwrap_or_default().to_owned())
}

#[cfg(windows)]
pub use super::windows::kept_name;

/// Whether an error may soon go away, because another program has the file open: on unix only one that
/// holds a lease on it (Samba), since files are opened without waiting.
#[cfg(unix)]
pub fn is_in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether an error may soon go away: another request, or a virus scanner, has the file open in
/// a way that keeps it from being renamed, removed or opened. Windows reports some of that as "access
/// denied".
#[cfg(windows)]
pub fn is_in_use(error: &io::Error) -> bool {
    use windows_sys::Win32::Foundation::{
        ERROR_ACCESS_DENIED, ERROR_DELETE_PENDING, ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION,
        ERROR_USER_MAPPED_FILE,
    };
    let code = error.raw_os_error().map(i32::cast_unsigned);
    matches!(
        code,
        Some(
            ERROR_ACCESS_DENIED
                | ERROR_DELETE_PENDING
                | ERROR_LOCK_VIOLATION
                | ERROR_SHARING_VIOLATION
                | ERROR_USER_MAPPED_FILE
        )
    )
}

/// Makes opening return at once, whatever is at the path: opening a named pipe or a device could wait
/// for ever.
#[cfg(unix)]
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed())
}

/// Opening never waits on Windows: directories contain no pipes.
#[cfg(windows)]
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Opens a regular file and nothing else, without waiting. Anything else is an error that says what it
/// is: `IsADirectory`, or `InvalidData` for a named pipe, a socket or a device.
pub fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    let file = match without_waiting(options).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
        // Sockets and directories are not opened at all, each with an error of its own.
        Err(error) => {
            let found = fs::metadata(path).ok();
            let irregular = found.and_then(|found| regular(&found).err());
            return Err(irregular.unwrap_or(error));
        }
    };
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok((file, metadata))
}

/// An error for anything but a regular file.
fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let text = format!(
        "it is {}, not a regular file",
        special(metadata.file_type())
    );
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// What something is that is neither a regular file nor a directory.
#[cfg(unix)]
pub fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// What something is that is neither a regular file nor a directory.
#[cfg(windows)]
pub fn special(_kind: FileType) -> &'static str {
    "a device or a pipe"
}

/// Opens a directory, to sync it or to set its times.
#[cfg(unix)]
pub fn open_folder(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens a directory, to sync it or to set its times.
#[cfg(windows)]
pub fn open_folder(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_BACKUP_SEMANTICS;
    let mut options = File::options();
    // Directories can be opened only with this flag.
    let options = options.write(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    options.open(path)
}

/// Makes the entries of a directory survive a power loss.
#[cfg(unix)]
pub fn sync_directory(path: &Path) -> io::Result<()> {
    open_folder(path)?.sync_all()
}

/// Makes the entries of a directory survive a power loss: NTFS writes its journal. A
/// directory that may not be opened for that, or a file system without such a call (a network share), is
/// left to the system.
#[cfg(windows)]
pub fn sync_directory(path: &Path) -> io::Result<()> {
    match open_folder(path).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes now the time when a file was last written. Whoever may write to it may do that.
#[cfg(unix)]
pub fn touch(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
    let at = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    let times = Timestamps {
        last_access: at(UTIME_OMIT),
        last_modification: at(UTIME_NOW),
    };
    Ok(utimensat(CWD, path, &times, AtFlags::empty())?)
}

/// Makes now the time when a file was last written.
#[cfg(windows)]
pub fn touch(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_modified(std::time::SystemTime::now())
}

/// Reads some bytes of `file` from `offset`; the file's cursor is not used.
#[cfg(unix)]
pub fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

/// Reads some bytes of `file` from `offset`; moves the file's cursor.
#[cfg(windows)]
pub fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, offset)
}

/// Whether this process may create files in a directory, without trying it.
#[cfg(unix)]
pub fn may_write(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let how = Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(CWD, folder, how, AtFlags::EACCESS)?)
}

/// Windows does not tell without trying: taken as a yes.
#[cfg(windows)]
pub fn may_write(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// The ids of the user and the group of this process.
#[cfg(unix)]
pub fn user_and_group() -> Option<(u32, u32)> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    Some((user.as_raw(), group.as_raw()))
}

/// Users have no numbers on Windows.
#[cfg(windows)]
pub fn user_and_group() -> Option<(u32, u32)> {
    None
}

/// Creates a file that only its owner may read and write; fails when it exists.
#[cfg(unix)]
pub fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Creates a file; fails when it exists. Who may read it is inherited from the directory.
#[cfg(windows)]
pub fn create_private(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

/// Two numbers that distinguish files and their states: the inode
/// and the time of the last change of any kind.
#[cfg(unix)]
pub fn file_identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let changed = metadata.ctime().wrapping_mul(1_000_000_000);
    let changed = changed.wrapping_add(metadata.ctime_nsec());
    (metadata.ino(), changed.cast_unsigned())
}

/// Windows gives no number of a file without opening it: the time of creation, which a file that
/// was renamed into place does not share, and of the last write.
#[cfg(windows)]
pub fn file_identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::windows::fs::MetadataExt;
    (metadata.creation_time(), metadata.last_write_time())
}

/// The identity of an open file, whatever its name, as three numbers: no two files that exist at the same time have
/// the same, and one that is created later hardly ever that of one that was removed.
#[cfg(unix)]
pub fn file_id(_file: &File, metadata: &Metadata) -> io::Result<[u64; 3]> {
    Ok(id_of(metadata))
}

#[cfg(unix)]
fn id_of(metadata: &Metadata) -> [u64; 3] {
    use std::os::unix::fs::MetadataExt;
    let born = metadata
        .created()
        .ok()
        .and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |born| born.as_nanos());
    let born = u64::try_from(born).unwrap_or_default();
    [metadata.dev(), metadata.ino(), born]
}

#[cfg(windows)]
pub use super::windows::file_id;

/// Inspects the file at a path, which unix does not have to open for that.
#[cfg(unix)]
pub fn look_at<T>(path: &Path, look: impl FnOnce([u64; 3], &Metadata) -> T) -> io::Result<T> {
    let metadata = path.metadata()?;
    let id = id_of(&metadata);
    Ok(look(id, &metadata))
}

/// Inspects the file at a path.
#[cfg(windows)]
pub fn look_at<T>(path: &Path, look: impl FnOnce([u64; 3], &Metadata) -> T) -> io::Result<T> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let id = file_id(&file, &metadata)?;
    Ok(look(id, &metadata))
}

/// Gives a file the owner, group and permissions of another. An error when that is not allowed.
#[cfg(unix)]
pub fn copy_owner(file: &File, other: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (other.uid(), other.gid()) {
        fchown(file, Some(other.uid()), Some(other.gid()))?;
    }
    file.set_permissions(other.permissions())
}

/// On Windows, who may read a file is inherited from the directory.
#[cfg(windows)]
pub fn copy_owner(_file: &File, _other: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn what_is_no_regular_file_is_not_opened_and_not_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let socket = folder.path().join("socket");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink(&pipe, folder.path().join("link")).unwrap();
        for (path, said) in [
            (pipe, "a named pipe"),
            (folder.path().join("link"), "a named pipe"),
            (socket, "a socket"),
            ("/dev/null".into(), "a device"),
            (folder.path().to_owned(), "a directory"),
        ] {
            for options in [File::options().read(true), File::options().write(true)] {
                let error = open_regular(&path, options).unwrap_err();
                assert!(error.to_string().contains(said), "{error}");
            }
        }
        let none = open_regular(&folder.path().join("none"), File::options().read(true));
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg(windows)]
    fn a_path_becomes_verbatim_once() {
        for (path, expected) in [
            (r"C:\data", r"\\?\C:\data"),
            (r"C:\\data/x\..\y", r"\\?\C:\data\y"),
            (r"\\server\share\data", r"\\?\UNC\server\share\data"),
            (r"\\?\C:\data", r"\\?\C:\data"),
        ] {
            let found = literal(Path::new(path)).unwrap();
            assert_eq!(found.as_os_str(), expected, "{path}");
        }
    }

    #[test]
    fn a_verbatim_path_is_shown_as_people_write_it() {
        for (path, shown) in [
            (r"\\?\C:\data", r"C:\data"),
            (r"\\?\UNC\server\share\data", r"\\server\share\data"),
            (r"C:\data", r"C:\data"),
            ("/data", "/data"),
        ] {
            assert_eq!(plain(Path::new(path)), Path::new(shown));
        }
    }
}
