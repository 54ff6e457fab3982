//! What a file system promises beyond POSIX about the order in which changes survive a power loss.

use std::path::Path;

/// Whether the sync of a directory makes everything durable that was changed before its own last change in any directory of the same
/// file system: names that were created, renamed or removed. So it is where one journal keeps all of them in their order:
///
/// - xfs: the sync forces the log up to the directory's last change, and with it all that was logged before.
/// - ext4 with a journal: the sync waits for the transaction of the directory's last change; transactions are committed
///   in their order, and a fast commit holds every change of a name since the last full one. ext2 and an ext4 without a journal
///   have the same number of type, so the journal is looked for in `/proc/fs/jbd2`; one on another device is not found.
///
/// `false` where it is not known.
#[cfg(target_os = "linux")]
pub fn keeps_names_in_order(directory: &Path) -> bool {
    const EXT4: i64 = 0xEF53;
    const XFS: i64 = 0x5846_5342;
    #[allow(
        clippy::useless_conversion,
        reason = "the type differs between targets"
    )]
    let kind = rustix::fs::statfs(directory).map(|found| i64::try_from(found.f_type));
    match kind {
        Ok(Ok(XFS)) => true,
        Ok(Ok(EXT4)) => has_journal(directory),
        _ => false,
    }
}

/// Never, as far as it is known here.
#[cfg(not(target_os = "linux"))]
pub fn keeps_names_in_order(_directory: &Path) -> bool {
    false
}

/// Whether the device of an ext4 has a journal of its own.
#[cfg(target_os = "linux")]
fn has_journal(directory: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(directory) else {
        return false;
    };
    let device = device(&metadata);
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let link = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}"));
    let name = link
        .ok()
        .and_then(|link| Some(link.file_name()?.to_owned()));
    let (Some(name), Ok(journals)) = (name, std::fs::read_dir("/proc/fs/jbd2")) else {
        return false;
    };
    // `vda1-8`: the device, and the number of the file that is the journal.
    journals.flatten().any(|journal| {
        let journal = journal.file_name();
        let parts = journal.to_str().and_then(|text| text.rsplit_once('-'));
        parts.is_some_and(|(device, file)| name == device && file.parse::<u64>().is_ok())
    })
}

/// The file system that something is on: of two with the same number, what is said of one is true of the other.
#[cfg(unix)]
pub fn device(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

/// Always the same: nothing is said of file systems here.
#[cfg(not(unix))]
pub fn device(_metadata: &std::fs::Metadata) -> u64 {
    0
}
