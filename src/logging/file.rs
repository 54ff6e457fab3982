//! A log file that cannot fill a disk: at [`FILE_BYTES_MAX`] it is renamed, replacing
//! the file that was renamed before, and a new one is started.

use crate::sys;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How large the file grows, in bytes. There are at most two, so they take at most twice as much.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file to which lines are appended.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    open: OpenLog,
}

#[derive(Debug)]
struct OpenLog {
    file: File,
    bytes: u64,
}

impl LogFile {
    /// Appends to the file at `path`, or creates it. Its directory must exist. Anything but a regular file, such as a device
    /// or a pipe, is an error: it would be renamed once enough has gone through it.
    pub fn open(path: &Path) -> io::Result<LogFile> {
        LogFile::bounded(path, FILE_BYTES_MAX)
    }

    fn bounded(path: &Path, bytes_max: u64) -> io::Result<LogFile> {
        // The current directory may have changed when the file is renamed.
        let path = std::path::absolute(path)?;
        let open = OpenLog::at(&path)?;
        Ok(LogFile {
            // A link keeps leading to the log. Some volumes of Windows containers do not know where.
            path: fs::canonicalize(&path).unwrap_or(path),
            bytes_max,
            open,
        })
    }

    /// How many bytes of whole lines the file has room for. A line that is longer than the file may be gets a file
    /// of its own.
    fn room_for(&self, lines: &[u8]) -> usize {
        let room = self.bytes_max.saturating_sub(self.open.bytes);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let is_end = |byte: &u8| *byte == b'\n';
        let after = |at: Option<usize>| at.map_or(0, |at| at + 1);
        match lines.get(..room) {
            None => lines.len(),
            Some(some) => match after(some.iter().rposition(is_end)) {
                0 if self.open.bytes == 0 => after(lines.iter().position(is_end)),
                fits => fits,
            },
        }
    }

    /// Renames the full file and starts a new one. If that fails, the full one is truncated: a
    /// bound that holds is worth more than old lines.
    fn rotate(&mut self) -> io::Result<()> {
        // On Windows too a file can be renamed while it is open here; another program that has it open may not
        // allow that.
        let renamed = fs::rename(&self.path, previous(&self.path));
        let new = renamed.and_then(|()| OpenLog::at(&self.path));
        self.open = new.or_else(|error| {
            File::create(&self.path)?;
            let mut emptied = OpenLog::at(&self.path)?;
            let text = format!("truncated the full log, because it cannot be renamed: {error}\n");
            emptied.file.write_all(text.as_bytes())?;
            emptied.bytes = text.len() as u64;
            io::Result::Ok(emptied)
        })?;
        Ok(())
    }
}

impl Write for LogFile {
    /// Appends as many of these whole lines as there is room for.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.room_for(lines) == 0 {
            self.rotate()?;
        }
        let (fitting, _) = lines.split_at(self.room_for(lines));
        let written = self.open.file.write(fitting)?;
        self.open.bytes = self.open.bytes.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OpenLog {
    fn at(path: &Path) -> io::Result<OpenLog> {
        let mut options = File::options();
        let file = sys::without_waiting(options.create(true).append(true)).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            let message = "it is not a regular file; a log is renamed when it is full";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let bytes = metadata.len();
        Ok(OpenLog { file, bytes })
    }
}

/// The name of the renamed file: the name with `.1` appended.
fn previous(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".1");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn write(log: &mut LogFile, lines: &str) {
        log.write_all(lines.as_bytes()).unwrap();
    }

    #[test]
    fn a_full_file_is_renamed_and_there_are_two_at_most() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.log");
        let mut log = LogFile::bounded(&path, 10).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
            write(&mut log, line);
        }
        assert_eq!(text(&path), "four\nfive\n");
        assert_eq!(text(&previous(&path)), "three\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn lines_are_appended_and_existing_ones_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.log");
        fs::write(&path, "12345678\n").unwrap();
        let mut log = LogFile::bounded(&path, 12).unwrap();
        write(&mut log, "a\n");
        assert_eq!(text(&path), "12345678\na\n");
        write(&mut log, "bc\n");
        assert_eq!(text(&path), "bc\n");
        assert_eq!(text(&previous(&path)), "12345678\na\n");
    }

    #[test]
    fn a_line_that_is_longer_than_the_file_may_be_gets_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.log");
        let mut log = LogFile::bounded(&path, 4).unwrap();
        write(&mut log, "a long line\n");
        write(&mut log, "b\n");
        assert_eq!(text(&path), "b\n");
        assert_eq!(text(&previous(&path)), "a long line\n");
    }

    #[test]
    fn a_file_that_cannot_be_renamed_is_truncated() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.log");
        // No rename replaces a directory that is not empty.
        fs::create_dir_all(previous(&path).join("x")).unwrap();
        let mut log = LogFile::bounded(&path, 200).unwrap();
        write(&mut log, &("x".repeat(199) + "\n"));
        write(&mut log, "next\n");
        let found = text(&path);
        assert!(found.starts_with("truncated the full log, "), "{found}");
        assert!(found.ends_with("\nnext\n"), "{found}");
    }

    #[test]
    fn lines_that_are_written_together_are_split_between_two_files_and_none_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.log");
        let mut log = LogFile::bounded(&path, 5_000).unwrap();
        let lines: String = (0..800).map(|n| format!("line {n:03}\n")).collect();
        for part in [&lines[..9 * 300], &lines[9 * 300..]] {
            write(&mut log, part);
        }
        assert_eq!(text(&previous(&path)) + &text(&path), lines);
        assert!(fs::metadata(previous(&path)).unwrap().len() > 4_990);
    }

    #[test]
    #[cfg(unix)]
    fn a_device_is_refused_and_a_link_is_renamed_where_it_leads() {
        // Root could rename it, and every other program would miss it.
        let refused = LogFile::open(Path::new("/dev/null")).unwrap_err();
        assert!(
            refused.to_string().contains("not a regular file"),
            "{refused}"
        );
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (
            directory.path().join("real.log"),
            directory.path().join("link"),
        );
        std::os::unix::fs::symlink("real.log", &link).unwrap();
        let mut log = LogFile::bounded(&link, 4).unwrap();
        write(&mut log, "one\n");
        write(&mut log, "two\n");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(
            (text(&previous(&path)), text(&link)),
            ("one\n".into(), "two\n".into())
        );
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(LogFile::open(&directory.path().join("no/registry.log")).is_err());
    }
}
