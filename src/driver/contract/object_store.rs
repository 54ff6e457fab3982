//! A driver over a server that behaves like S3: proof that the trait can be implemented without a file system, and a store for
//! tests of what is above it.

mod server;
mod upload;

use crate::driver::{
    Driver, Error, Key, Object, Precondition, Remote, Replay, Result, SmallObject, Stat, Upload,
    UploadState, Version, Write,
};
pub(crate) use server::Faults;
use server::{Condition, Server, Stored};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use upload::{ObjectUpload, UploadRecord, state_key};

/// Entries of one answer of a list.
const PAGE: usize = 3;

/// How often a request is made at most.
const TRIES: usize = 16;

/// A replica of a registry sees the store through one; clones are other replicas.
#[derive(Clone, Default)]
pub(crate) struct ObjectStore {
    server: Arc<Server>,
    /// Failed requests are not made again.
    gives_up: bool,
}

fn failed(key: &Key) -> impl Fn(io::Error) -> Error + Copy + use<'_> {
    move |error| Error::new(key, error)
}

impl ObjectStore {
    /// Lets requests fail from now on.
    pub fn fail(&self, faults: Faults) {
        self.server.fail(faults);
    }

    /// The same store, whose failures are seen by whoever uses it.
    pub fn that_gives_up(&self) -> ObjectStore {
        ObjectStore {
            server: Arc::clone(&self.server),
            gives_up: true,
        }
    }

    /// Uploads of which the server still has something.
    pub fn open_uploads(&self) -> usize {
        let states = self.server.keys().into_iter();
        let states = states.filter(|key| key.contains("/_uploads/"));
        states.count() + self.server.open_multiparts()
    }

    fn retry<T>(&self, act: impl Fn(&Server) -> io::Result<T>) -> io::Result<T> {
        let mut tries = 1;
        loop {
            match act(&self.server) {
                Err(error)
                    if error.kind() == ErrorKind::TimedOut && tries < TRIES && !self.gives_up =>
                {
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn get(&self, key: &Key) -> Result<Option<Stored>> {
        let stored = self.retry(|server| server.get(key.as_str(), Condition::Any));
        stored.map_err(failed(key))
    }

    /// Writes under a condition. Where an answer is lost the condition may be met no more because of this very write.
    fn put(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> io::Result<Arc<str>> {
        let mut tries = 1;
        loop {
            match self.server.put(key, bytes, condition) {
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    if tries == TRIES || self.gives_up {
                        return Err(error);
                    }
                    tries += 1;
                }
                Err(error) if tries > 1 => {
                    let found = self.retry(|server| server.get(key, Condition::Any))?;
                    return match found {
                        Some(found) if *found.bytes == *bytes => Ok(found.etag),
                        _ => Err(error),
                    };
                }
                other => return other,
            }
        }
    }

    /// All keys with a prefix, or what they have in common up to the next slash.
    fn keys(&self, prefix: &str, is_delimited: bool) -> io::Result<Vec<String>> {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.retry(|server| server.list(prefix, is_delimited, (&after, PAGE)))?;
            let Some(last) = page.last() else {
                return Ok(found);
            };
            // Behind all that have it in common.
            after = match last.ends_with('/') {
                true => format!("{last}\u{10ffff}"),
                false => last.clone(),
            };
            found.extend(page);
        }
    }

    fn state(&self, key: &Key) -> Result<Option<(UploadRecord, Arc<str>)>> {
        let stored = self.get(&state_key(key))?;
        Ok(stored.map(|stored| {
            let state = serde_json::from_slice(&stored.bytes).unwrap();
            (state, stored.etag)
        }))
    }
}

fn prefix(directory: &Key) -> String {
    match directory.as_str() {
        "" => String::new(),
        path => format!("{path}/"),
    }
}

/// An object of the server, of one version.
struct RemoteObject {
    store: ObjectStore,
    key: Key,
    etag: Arc<str>,
    length: u64,
}

impl Remote for RemoteObject {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_range(&self, offset: u64, length: u64) -> io::Result<Box<dyn Read + Send>> {
        let condition = Condition::IfMatch(&self.etag);
        let stored = self
            .store
            .retry(|server| server.get(self.key.as_str(), condition))?;
        let bytes = stored.ok_or(ErrorKind::NotFound)?.bytes;
        let (offset, length) = (offset as usize, length as usize);
        let end = bytes.len().min(offset.saturating_add(length));
        let range = bytes.get(offset..end).unwrap_or_default().to_vec();
        Ok(Box::new(io::Cursor::new(range)))
    }
}

impl Driver for ObjectStore {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Option<SmallObject>> {
        let Some(stored) = self.get(key)? else {
            return Ok(None);
        };
        if stored.bytes.len() as u64 > bytes_max {
            return Err(failed(key)(ErrorKind::InvalidData.into()));
        }
        Ok(Some(SmallObject {
            bytes: Arc::clone(&stored.bytes),
            version: Version::Text(stored.etag),
            modified: stored.modified,
        }))
    }

    fn open(&self, key: &Key, small_bytes_max: u64) -> Result<Option<Object>> {
        let stored = self.get(key)?;
        Ok(stored.map(|stored| match stored.bytes.len() as u64 {
            length if length > small_bytes_max => Object::Remote(Arc::new(RemoteObject {
                store: self.clone(),
                key: key.clone(),
                etag: stored.etag,
                length,
            })),
            _ => Object::Bytes(stored.bytes),
        }))
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        Ok(self.get(key)?.map(|stored| Stat {
            length: stored.bytes.len() as u64,
            modified: stored.modified,
        }))
    }

    fn write(&self, writes: &[Write<'_>]) -> Result<()> {
        for write in writes {
            let condition = match write.only_if {
                Precondition::None => Condition::Any,
                Precondition::Absent => Condition::IfNoneMatch,
                Precondition::Unchanged(Version::Text(etag)) => Condition::IfMatch(etag),
                Precondition::Unchanged(Version::Numbers(_)) => Condition::IfMatch(""),
            };
            let written = self.put(write.key.as_str(), write.content, condition);
            written.map_err(failed(&write.key))?;
        }
        Ok(())
    }

    fn touch(&self, key: &Key) -> Result<bool> {
        // A copy onto itself, if it is still the same.
        let Some(stored) = self.get(key)? else {
            return Ok(false);
        };
        let condition = Condition::IfMatch(&stored.etag);
        let put = self.put(key.as_str(), &stored.bytes, condition);
        match put.map_err(failed(key)) {
            // It was written just now.
            Err(error) if error.is_changed() => Ok(true),
            put => put.map(|_| true),
        }
    }

    fn remove(&self, keys: &[&Key]) -> Result<()> {
        keys.iter().try_for_each(|key| {
            self.retry(|server| server.delete(key.as_str()))
                .map_err(failed(key))
        })
    }

    fn remove_below(&self, directories: &[&Key]) -> Result<()> {
        for directory in directories {
            let prefix = prefix(directory);
            let remove = || {
                self.retry(|server| server.abort_multiparts(&prefix))?;
                let keys = self.keys(&prefix, false)?;
                let keys = keys.iter().map(String::as_str).chain([directory.as_str()]);
                keys.into_iter()
                    .try_for_each(|key| self.retry(|server| server.delete(key)))
            };
            remove().map_err(failed(directory))?;
        }
        Ok(())
    }

    fn list(&self, directory: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        let prefix = prefix(directory);
        let keys = self.keys(&prefix, true).map_err(failed(directory))?;
        // "a-b/" comes before "a/" there.
        let names: BTreeSet<&str> = keys
            .iter()
            .filter_map(|key| key.strip_prefix(&prefix))
            .map(|name| name.trim_end_matches('/'))
            .collect();
        let names = names.into_iter().filter(|name| *name > after);
        Ok(names.take(limit).map(str::to_owned).collect())
    }

    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> Result<()> {
        let keys = self.keys(&prefix(directory), false);
        for key in keys.map_err(failed(directory))? {
            let key = Key::new(key);
            if let Some(stat) = self.stat(&key)?
                && visit(&key, &stat).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn upload(&self, key: &Key) -> Result<Box<dyn Upload>> {
        Ok(Box::new(ObjectUpload::begin(self, key)))
    }

    fn resume(
        &self,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> Result<Option<Box<dyn Upload>>> {
        let resumed = ObjectUpload::resume(self, key, length, replay)?;
        Ok(resumed.map(|upload| Box::new(upload) as Box<dyn Upload>))
    }

    fn upload_state(&self, key: &Key) -> Result<Option<UploadState>> {
        let state = self.state(key)?;
        Ok(state.map(|(state, _)| UploadState {
            length: state.length(),
            version: state.version(),
        }))
    }

    fn upload_started(&self, key: &Key) -> Result<Option<SystemTime>> {
        let state = self.state(key)?;
        Ok(state.map(|(state, _)| UNIX_EPOCH + Duration::from_secs(state.started_seconds)))
    }
}
