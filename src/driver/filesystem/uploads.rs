//! Uploads as distribution keeps them: a directory with the bytes (`data`), the time of the start (`startedat`), and the states
//! of hashes (`hash_states`).
//!
//! Other processes may serve the same directory. A process writes only to files that it created itself, since another may still
//! have its own open; it takes an upload over by replacing the other's file with a copy. So what this process knows about its
//! file is true as long as that file is in place, which every checkpoint verifies.

use super::directories::{open_file, patiently};
use super::file_upload::{FileUpload, data, started_at, version};
use super::open_file::file_state;
use super::root::Root;
use crate::driver::upload::{STARTED_AT_BYTES_MAX, parse_started_at};
use crate::driver::{Key, Replay, Result, Upload, UploadState};
use std::fs;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

/// An upload without anything on the disk yet.
pub fn begin(root: &Arc<Root>, key: &Key) -> Box<dyn Upload> {
    Box::new(FileUpload::new(root, key, false))
}

/// Resumes an upload with a copy of its first bytes.
pub fn resume(
    root: &Arc<Root>,
    key: &Key,
    length: u64,
    replay: &mut dyn Replay,
) -> Result<Option<Box<dyn Upload>>> {
    let mut upload = FileUpload::new(root, key, true);
    if length == 0 {
        return Ok(Some(Box::new(upload)));
    }
    let data = data(key);
    let from = {
        let _pass = root.gate.enter();
        root.found(&data, open_file(&root.path(&data)))?
    };
    let Some((from, metadata)) = from else {
        return Ok(None);
    };
    let copied = upload.copy_from((from, &metadata), length, replay);
    root.outcome(&data, copied)?;
    Ok(Some(Box::new(upload)))
}

/// The state of an upload, whichever process writes to it.
pub fn state(root: &Root, key: &Key) -> Result<Option<UploadState>> {
    let data = data(key);
    let found = root.found(&data, file_state(&root.path(&data), &root.ids))?;
    if let Some(found) = found {
        return Ok(Some(UploadState {
            length: found.length,
            version: version(Some(found.file)),
        }));
    }
    // Before its first bytes.
    let started_at = started_at(key);
    let stat = patiently(|| fs::metadata(root.path(&started_at)));
    let stat = root.found(&started_at, stat)?;
    Ok(stat.filter(fs::Metadata::is_file).map(|_| UploadState {
        length: 0,
        version: version(None),
    }))
}

/// When an upload was started: what `startedat` says. Where that is missing or broken (a crash; distribution keeps such
/// uploads for ever), when an entry of its directory was last made or removed. So one without any file has an age as well.
pub fn started(root: &Root, key: &Key) -> Result<Option<SystemTime>> {
    let path = root.path(&started_at(key));
    let read = || {
        let (file, _) = open_file(&path)?;
        let mut text = Vec::new();
        file.take(STARTED_AT_BYTES_MAX).read_to_end(&mut text)?;
        Ok::<_, io::Error>(text)
    };
    if let Some(time) = read().ok().and_then(|text| parse_started_at(&text)) {
        return Ok(Some(time));
    }
    let metadata = root.found(key, patiently(|| fs::metadata(root.path(key))))?;
    let directory = metadata.filter(fs::Metadata::is_dir);
    Ok(directory.and_then(|metadata| metadata.modified().ok()))
}
