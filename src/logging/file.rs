//! A log in a file that cannot fill a disk: at [`FILE_BYTES_MAX`] it gets a second name, in the place of
//! the file that had it before, and a new one begins.

use crate::sys;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How large the file grows, in bytes. There are two at most, so twice this is taken in all.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file that lines are added to.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    open: Open,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl LogFile {
    /// Goes on with the file at `path`, or begins it. Its folder must be there. What is no file, as a device
    /// or a pipe, is an error: it would be renamed when so much has gone through it.
    pub fn open(path: &Path) -> io::Result<LogFile> {
        LogFile::bounded(path, FILE_BYTES_MAX)
    }

    fn bounded(path: &Path, bytes_max: u64) -> io::Result<LogFile> {
        // The current folder may be another one when the file is renamed.
        let path = std::path::absolute(path)?;
        let open = Open::at(&path)?;
        Ok(LogFile {
            // A link goes on to lead to the log. Some volumes of Windows containers cannot tell where.
            path: fs::canonicalize(&path).unwrap_or(path),
            bytes_max,
            open,
        })
    }

    /// How many bytes of whole lines the file has room for. A line that is longer than the file may be stands alone
    /// in one.
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

    /// Renames the full file and begins a new one. Where that cannot be done, the full one is emptied: a
    /// bound that holds is worth more than old lines.
    fn begin_anew(&mut self) -> io::Result<()> {
        // On Windows too a file can be renamed while it is open here; whoever else has it open may not
        // allow that.
        let renamed = fs::rename(&self.path, previous(&self.path));
        let new = renamed.and_then(|()| Open::at(&self.path));
        self.open = new.or_else(|error| {
            File::create(&self.path)?;
            let mut emptied = Open::at(&self.path)?;
            let text = format!("the log was full and is emptied: it cannot be renamed: {error}\n");
            emptied.file.write_all(text.as_bytes())?;
            emptied.bytes = text.len() as u64;
            io::Result::Ok(emptied)
        })?;
        Ok(())
    }
}

impl Write for LogFile {
    /// Adds as many of these whole lines as there is room for.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.room_for(lines) == 0 {
            self.begin_anew()?;
        }
        let fitting = lines.get(..self.room_for(lines)).unwrap_or_default();
        let written = self.open.file.write(fitting)?;
        self.open.bytes = self.open.bytes.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Open> {
        let mut options = File::options();
        let file = sys::without_waiting(options.create(true).append(true)).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            let message = "it is no file, and a log is renamed when it is full";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let bytes = metadata.len();
        Ok(Open { file, bytes })
    }
}

/// The name of the file before: `.1` behind the name.
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
    fn a_full_file_gets_a_second_name_and_there_are_two_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.log");
        let mut log = LogFile::bounded(&path, 10).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
            write(&mut log, line);
        }
        assert_eq!(text(&path), "four\nfive\n");
        assert_eq!(text(&previous(&path)), "three\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn it_goes_on_where_it_was_and_counts_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.log");
        fs::write(&path, "12345678\n").unwrap();
        let mut log = LogFile::bounded(&path, 12).unwrap();
        write(&mut log, "a\n");
        assert_eq!(text(&path), "12345678\na\n");
        write(&mut log, "bc\n");
        assert_eq!(text(&path), "bc\n");
        assert_eq!(text(&previous(&path)), "12345678\na\n");
    }

    #[test]
    fn a_line_that_is_longer_than_the_file_may_be_stands_alone_in_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.log");
        let mut log = LogFile::bounded(&path, 4).unwrap();
        write(&mut log, "a long line\n");
        write(&mut log, "b\n");
        assert_eq!(text(&path), "b\n");
        assert_eq!(text(&previous(&path)), "a long line\n");
    }

    #[test]
    fn a_file_that_cannot_be_renamed_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.log");
        // A folder with something in it is replaced by no rename.
        fs::create_dir_all(previous(&path).join("x")).unwrap();
        let mut log = LogFile::bounded(&path, 200).unwrap();
        write(&mut log, &("x".repeat(199) + "\n"));
        write(&mut log, "next\n");
        let found = text(&path);
        assert!(
            found.starts_with("the log was full and is emptied: "),
            "{found}"
        );
        assert!(found.ends_with("\nnext\n"), "{found}");
    }

    #[test]
    fn lines_that_come_together_are_parted_between_two_files_and_none_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.log");
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
        // As root it could be renamed, and be gone for every other program.
        let refused = LogFile::open(Path::new("/dev/null")).unwrap_err();
        assert!(refused.to_string().contains("no file"), "{refused}");
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real.log"), folder.path().join("link"));
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
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LogFile::open(&folder.path().join("no/registry.log")).is_err());
    }
}
