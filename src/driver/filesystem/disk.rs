//! Everything by which the driver changes the disk, in one place: what is created, written, renamed and removed, and what is
//! synced so that it survives a power loss.
//!
//! In a build for tests a recording can follow along (`recording`). From it every state is built that a power cut may leave
//! behind (`power_cut`), so that `storage/power_cuts.rs` can open each.

#[cfg(test)]
pub(crate) mod power_cut;
#[cfg(test)]
pub(crate) mod recording;

use crate::sys;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Creates a file; `AlreadyExists` if there is one.
pub fn create_new(path: &Path) -> io::Result<File> {
    let file = File::create_new(path)?;
    #[cfg(test)]
    recording::created(path, &file);
    Ok(file)
}

/// Creates a directory in an existing one.
pub fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    #[cfg(test)]
    recording::created_directory(path);
    Ok(())
}

/// Creates a directory and those above it that are missing.
pub fn create_directories(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    let missing = recording::missing(path);
    fs::create_dir_all(path)?;
    #[cfg(test)]
    missing
        .iter()
        .for_each(|made| recording::created_directory(made));
    Ok(())
}

/// Gives a file or a directory another name; a file replaces one that has that name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    #[cfg(test)]
    recording::renamed(from, to);
    Ok(())
}

/// Removes a file.
pub fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    #[cfg(test)]
    recording::removed(path);
    Ok(())
}

/// Removes an empty directory.
pub fn remove_directory(path: &Path) -> io::Result<()> {
    fs::remove_dir(path)?;
    #[cfg(test)]
    recording::removed(path);
    Ok(())
}

/// Removes a directory and everything below it.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    fs::remove_dir_all(path)?;
    #[cfg(test)]
    recording::removed(path);
    Ok(())
}

/// Writes some of the bytes at the file's cursor, and tells how many.
pub fn write(file: &mut File, bytes: &[u8]) -> io::Result<usize> {
    let count = file.write(bytes)?;
    #[cfg(test)]
    recording::wrote(file, bytes.split_at(count).0);
    Ok(count)
}

/// Writes all of the bytes at the file's cursor.
pub fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    #[cfg(test)]
    recording::wrote(file, bytes);
    Ok(())
}

/// Cuts a file off at this length.
pub fn truncate(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    #[cfg(test)]
    recording::truncated(file, length);
    Ok(())
}

/// Makes the bytes and the length of a file survive a power loss; of what else is known about it, nothing.
pub fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()?;
    #[cfg(test)]
    recording::synced(file);
    Ok(())
}

/// Makes a file survive a power loss, but not its name.
pub fn sync(file: &File) -> io::Result<()> {
    file.sync_all()?;
    #[cfg(test)]
    recording::synced(file);
    Ok(())
}

/// Makes every name of the file system that was changed before the directory's last change survive a power loss, as well as its own.
/// Only where names are kept in order ([`sys::keeps_names_in_order`]).
pub fn sync_names(directory: &Path) -> io::Result<()> {
    sys::sync_directory(directory)?;
    #[cfg(test)]
    recording::synced_names(directory);
    Ok(())
}

/// Makes the entries of a directory survive a power loss: what was created, renamed and removed in it.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    sys::sync_directory(path)?;
    #[cfg(test)]
    recording::synced_directory(path);
    Ok(())
}
