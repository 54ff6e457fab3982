//! How a name is spelled on disk, and the identity of a file.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FindClose, FindFirstFileW, GetFileInformationByHandle,
    WIN32_FIND_DATAW,
};

/// The spelling on disk of the last component of a path: NTFS finds `V1` under the name `v1`. An error
/// when there is nothing under either.
pub fn kept_name(path: &Path) -> io::Result<OsString> {
    let wide: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let mut found = WIN32_FIND_DATAW::default();
    // SAFETY: `wide` ends in NUL and lives through the call, as does `found`, which is only written.
    let search = unsafe { FindFirstFileW(wide.as_ptr(), &mut found) };
    if search == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the search was opened above and is closed once.
    unsafe { FindClose(search) };
    let name: Vec<u16> = found
        .cFileName
        .into_iter()
        .take_while(|c| *c != 0)
        .collect();
    Ok(OsString::from_wide(&name))
}

/// The identity of an open file: the number of its volume and its own, which NTFS gives to no other file, not even later. So no
/// creation time is needed.
pub fn file_id(file: &File, _metadata: &Metadata) -> io::Result<[u64; 3]> {
    let mut information = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open as long as `file` lives, and `information` is only written.
    let got = unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut information) };
    if got == 0 {
        return Err(io::Error::last_os_error());
    }
    let (high, low) = (information.nFileIndexHigh, information.nFileIndexLow);
    let index = u64::from(high) << 32 | u64::from(low);
    Ok([u64::from(information.dwVolumeSerialNumber), index, 1])
}
