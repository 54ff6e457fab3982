//! An upload as a multipart upload, and an object that says how far it is.
//!
//! The object is only ever replaced under a condition, so whoever was overtaken by another process finds out.

use super::server::{Condition, PartTag};
use super::{ObjectStore, failed};
use crate::driver::{
    Changed, Key, Object, ObjectReader, Replay, Result, Upload, UploadNote, Version, Write,
};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a part. What is shorter waits in the state for more.
const PART_BYTES: usize = 1000;

/// What every process knows of an upload.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct UploadRecord {
    /// Which process writes to it.
    pub owner: u64,
    /// Another with every write, so that one can be told from another.
    nonce: u64,
    pub started_seconds: u64,
    multipart: Option<u64>,
    checkpoints: Vec<Checkpoint>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Checkpoint {
    length: u64,
    parts: Vec<PartTag>,
    /// What is behind the parts.
    tail: Vec<u8>,
    kind: String,
    note: Vec<u8>,
}

impl UploadRecord {
    pub fn length(&self) -> u64 {
        self.checkpoints.last().map_or(0, |last| last.length)
    }

    pub fn version(&self) -> Version {
        Version::Text(self.owner.to_string().into())
    }
}

pub(super) struct ObjectUpload {
    store: ObjectStore,
    key: Key,
    state: UploadRecord,
    /// The tag of the state as this process knows it.
    etag: Option<Arc<str>>,
    /// The process has yet to take it over.
    is_foreign: bool,
    parts: Vec<PartTag>,
    tail: Vec<u8>,
    length: u64,
    /// The parts were put together.
    is_complete: bool,
}

pub(super) fn state_key(key: &Key) -> Key {
    key.child("state")
}

fn data_key(key: &Key) -> Key {
    key.child("data")
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_be_bytes(bytes)
}

impl ObjectUpload {
    pub fn begin(store: &ObjectStore, key: &Key) -> ObjectUpload {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        ObjectUpload {
            store: store.clone(),
            key: key.clone(),
            state: UploadRecord {
                owner: random(),
                nonce: 0,
                started_seconds: started.as_secs(),
                multipart: None,
                checkpoints: Vec::new(),
            },
            etag: None,
            is_foreign: false,
            parts: Vec::new(),
            tail: Vec::new(),
            length: 0,
            is_complete: false,
        }
    }

    pub fn resume(
        store: &ObjectStore,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> Result<Option<ObjectUpload>> {
        let Some((state, etag)) = store.state(key)? else {
            return Ok(None);
        };
        let kind = match length > state.length() {
            true => ErrorKind::InvalidData,
            false => ErrorKind::Unsupported,
        };
        let checkpoint = state.checkpoints.iter().find(|one| one.length == length);
        let checkpoint = checkpoint.cloned();
        if checkpoint.is_none() && length > 0 {
            return Err(failed(key)(kind.into()));
        }
        let mut upload = ObjectUpload {
            etag: Some(etag),
            is_foreign: true,
            state,
            ..ObjectUpload::begin(store, key)
        };
        upload.state.owner = random();
        if let Some(checkpoint) = checkpoint {
            upload.go_to(&checkpoint);
            let note = UploadNote {
                kind: &checkpoint.kind,
                content: &checkpoint.note,
            };
            if length > 0 && !replay.restore(length, note) {
                let bytes = upload.bytes().map_err(failed(key))?;
                if let ControlFlow::Break(()) = replay.bytes(&bytes) {
                    return Err(failed(key)(ErrorKind::Interrupted.into()));
                }
            }
        }
        Ok(Some(upload))
    }

    fn go_to(&mut self, checkpoint: &Checkpoint) {
        self.parts = checkpoint.parts.clone();
        self.tail = checkpoint.tail.clone();
        self.length = checkpoint.length;
    }

    fn multipart(&mut self) -> io::Result<u64> {
        if let Some(id) = self.state.multipart {
            return Ok(id);
        }
        let key = data_key(&self.key);
        let created = self
            .store
            .retry(|server| server.create_multipart(key.as_str()))?;
        self.state.multipart = Some(created);
        Ok(created)
    }

    fn upload_part(&mut self, bytes: &[u8]) -> io::Result<()> {
        let id = self.multipart()?;
        let number = self.parts.last().map_or(1, |(last, _)| last + 1);
        let part = self
            .store
            .retry(|server| server.upload_part(id, number, bytes))?;
        self.parts.push(part);
        Ok(())
    }

    /// Writes the state, if nobody else has written it since.
    fn save(&mut self) -> io::Result<()> {
        self.state.nonce = random();
        let text = serde_json::to_vec(&self.state).unwrap();
        let key = state_key(&self.key);
        let condition = self
            .etag
            .as_deref()
            .map_or(Condition::IfNoneMatch, Condition::IfMatch);
        self.etag = Some(self.store.put(key.as_str(), &text, condition)?);
        Ok(())
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = match self.state.multipart {
            Some(id) if !self.parts.is_empty() => {
                self.store.retry(|server| server.parts(id, &self.parts))?
            }
            _ => Vec::new(),
        };
        bytes.extend_from_slice(&self.tail);
        Ok(bytes)
    }

    /// Puts the parts together, under a key that nobody looks at.
    fn complete(&mut self) -> io::Result<()> {
        if self.is_complete {
            return Ok(());
        }
        let id = self.multipart()?;
        let (parts, tail) = (self.parts.clone(), self.tail.clone());
        let outcome = self.upload_part(&tail).and_then(|()| {
            let all = self.parts.clone();
            self.store
                .retry(|server| match server.complete_multipart(id, &all) {
                    // An answer was lost before: it is done.
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    other => other,
                })
        });
        (self.parts, self.tail) = (parts, tail);
        outcome?;
        self.is_complete = true;
        Ok(())
    }
}

impl io::Write for ObjectUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tail.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        while self.tail.len() >= PART_BYTES {
            let rest = self.tail.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.tail, rest);
            self.upload_part(&part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for ObjectUpload {
    fn length(&self) -> u64 {
        self.length
    }

    fn version(&self) -> Version {
        self.state.version()
    }

    fn rewind(&mut self, length: u64) -> Result<()> {
        let key = self.key.clone();
        let failed = failed(&key);
        let behind = self.length.checked_sub(length);
        let behind = behind.ok_or_else(|| failed(ErrorKind::InvalidData.into()))?;
        match self.tail.len().checked_sub(behind as usize) {
            _ if self.is_complete && behind > 0 => {
                return Err(failed(ErrorKind::Unsupported.into()));
            }
            Some(left) => self.tail.truncate(left),
            None => {
                let mut checkpoints = self.state.checkpoints.iter();
                match checkpoints.find(|one| one.length == length).cloned() {
                    Some(checkpoint) => self.go_to(&checkpoint),
                    None if length == 0 => {
                        self.parts.clear();
                        self.tail.clear();
                    }
                    None => return Err(failed(ErrorKind::Unsupported.into())),
                }
            }
        }
        self.length = length;
        self.state.checkpoints.retain(|one| one.length <= length);
        if self.is_foreign {
            self.save().map_err(failed)?;
            self.is_foreign = false;
        }
        Ok(())
    }

    fn checkpoint(&mut self, note: UploadNote<'_>) -> Result<()> {
        let length = self.length;
        self.state.checkpoints.retain(|one| one.length < length);
        self.state.checkpoints.push(Checkpoint {
            length,
            parts: self.parts.clone(),
            tail: self.tail.clone(),
            kind: note.kind.to_owned(),
            note: note.content.to_vec(),
        });
        let saved = self.save();
        saved.map_err(failed(&self.key))
    }

    fn reader(&mut self) -> Result<ObjectReader> {
        let bytes = self.bytes().map_err(failed(&self.key))?;
        Ok(Object::Bytes(bytes.into()).reader())
    }

    fn publish(&mut self, to: &Key, links: &[Write<'_>]) -> Result<()> {
        let key = self.key.clone();
        let failed = failed(&key);
        if self.is_foreign {
            return Err(failed(Changed::error()));
        }
        // Nobody else may go on with it from here.
        if self.etag.is_some() {
            self.save().map_err(failed)?;
        }
        self.complete().map_err(failed)?;
        let data = data_key(&key);
        let copied = self
            .store
            .retry(|server| server.copy(data.as_str(), to.as_str()));
        copied.map_err(failed)?;
        crate::driver::Driver::write(&self.store, links)
    }
}
