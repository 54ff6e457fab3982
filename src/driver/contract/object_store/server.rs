//! A server that behaves like S3, in memory: no rename, names in the byte order of whole keys, conditions (412), answers that
//! are lost after the work was done, and 503 now and then.

use crate::driver::Changed;
use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::Arc;
use std::time::SystemTime;

/// What a request wants of the object that is there.
#[derive(Clone, Copy)]
pub enum Condition<'a> {
    Any,
    IfNoneMatch,
    IfMatch(&'a str),
}

/// An object.
#[derive(Clone)]
pub struct Stored {
    pub bytes: Arc<[u8]>,
    pub etag: Arc<str>,
    pub modified: SystemTime,
}

/// A part of a multipart upload, named by its number and its tag.
pub type PartTag = (u32, String);

/// Which requests fail.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// About one of so many requests fails before anything is done; 0: none.
    pub unavailable_every: usize,
    /// The answer to about one of so many requests is lost; 0: none.
    pub lost_every: usize,
}

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Stored>,
    uploads: BTreeMap<u64, Multipart>,
    tags: u64,
    requests: usize,
    faults: Faults,
}

struct Multipart {
    key: String,
    parts: BTreeMap<u32, (Arc<[u8]>, String)>,
}

/// The server.
#[derive(Default)]
pub struct Server(Mutex<Bucket>);

impl Bucket {
    fn tag(&mut self) -> String {
        self.tags += 1;
        format!("\"{:x}\"", self.tags)
    }

    fn put(&mut self, key: &str, bytes: Arc<[u8]>) -> Arc<str> {
        let stored = Stored {
            bytes,
            etag: self.tag().into(),
            modified: SystemTime::now(),
        };
        let etag = Arc::clone(&stored.etag);
        self.objects.insert(key.to_owned(), stored);
        etag
    }

    fn check(&self, key: &str, condition: Condition<'_>) -> io::Result<()> {
        let found = self.objects.get(key).map(|stored| &*stored.etag);
        let is_met = match condition {
            Condition::Any => true,
            Condition::IfNoneMatch => found.is_none(),
            Condition::IfMatch(etag) => found == Some(etag),
        };
        match is_met {
            true => Ok(()),
            false => Err(Changed::error()),
        }
    }
}

fn unavailable() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "503 SlowDown")
}

/// Whether a request is one of those that fail: about one of so many, but in no step with what is asked.
fn is_due(count: usize, every: usize) -> bool {
    let mixed = (count as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    mixed.checked_rem(every as u64) == Some(0)
}

impl Server {
    pub fn fail(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Every request: it may fail before it is done, and its answer may be lost.
    fn request<T>(&self, act: impl FnOnce(&mut Bucket) -> io::Result<T>) -> io::Result<T> {
        let mut bucket = self.0.lock();
        bucket.requests += 1;
        let (count, faults) = (bucket.requests, bucket.faults);
        if is_due(count, faults.unavailable_every) {
            return Err(unavailable());
        }
        let outcome = act(&mut bucket);
        match is_due(count, faults.lost_every) {
            true => Err(unavailable()),
            false => outcome,
        }
    }

    pub fn get(&self, key: &str, condition: Condition<'_>) -> io::Result<Option<Stored>> {
        self.request(|bucket| {
            bucket.check(key, condition)?;
            Ok(bucket.objects.get(key).cloned())
        })
    }

    pub fn put(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> io::Result<Arc<str>> {
        self.request(|bucket| {
            bucket.check(key, condition)?;
            Ok(bucket.put(key, bytes.into()))
        })
    }

    /// The only way to give an object another name.
    pub fn copy(&self, from: &str, to: &str) -> io::Result<()> {
        self.request(|bucket| {
            let bytes = bucket
                .objects
                .get(from)
                .map(|stored| Arc::clone(&stored.bytes));
            bucket.put(to, bytes.ok_or(ErrorKind::NotFound)?);
            Ok(())
        })
    }

    pub fn delete(&self, key: &str) -> io::Result<()> {
        self.request(|bucket| {
            bucket.objects.remove(key);
            Ok(())
        })
    }

    /// Keys with a prefix after `after`, or, with a delimiter, what they have in common up to it, at most `limit`.
    pub fn list(
        &self,
        prefix: &str,
        is_delimited: bool,
        (after, limit): (&str, usize),
    ) -> io::Result<Vec<String>> {
        self.request(|bucket| {
            let mut found: Vec<String> = Vec::new();
            let from = (Bound::Excluded(after.to_owned()), Bound::Unbounded);
            for key in bucket.objects.range(from).map(|(key, _)| key) {
                let Some(rest) = key.strip_prefix(prefix) else {
                    continue;
                };
                let end = rest.find('/').filter(|_| is_delimited);
                let name = end.map_or(key.as_str(), |end| &key[..prefix.len() + end + 1]);
                if name > after && found.last().is_none_or(|last| last != name) {
                    found.push(name.to_owned());
                }
                if found.len() == limit {
                    break;
                }
            }
            Ok(found)
        })
    }

    pub fn create_multipart(&self, key: &str) -> io::Result<u64> {
        self.request(|bucket| {
            bucket.tags += 1;
            let id = bucket.tags;
            let multipart = Multipart {
                key: key.to_owned(),
                parts: BTreeMap::new(),
            };
            bucket.uploads.insert(id, multipart);
            Ok(id)
        })
    }

    pub fn upload_part(&self, id: u64, number: u32, bytes: &[u8]) -> io::Result<PartTag> {
        self.request(|bucket| {
            let tag = bucket.tag();
            let upload = bucket.uploads.get_mut(&id).ok_or(ErrorKind::NotFound)?;
            upload.parts.insert(number, (bytes.into(), tag.clone()));
            Ok((number, tag))
        })
    }

    /// Puts parts together. One that another uploaded under the same number is an error.
    pub fn complete_multipart(&self, id: u64, parts: &[PartTag]) -> io::Result<()> {
        self.request(|bucket| {
            let upload = bucket.uploads.get(&id).ok_or(ErrorKind::NotFound)?;
            let mut whole = Vec::new();
            for (number, tag) in parts {
                match upload.parts.get(number) {
                    Some((bytes, found)) if found == tag => whole.extend_from_slice(bytes),
                    _ => return Err(Changed::error()),
                }
            }
            let key = upload.key.clone();
            bucket.uploads.remove(&id);
            bucket.put(&key, whole.into());
            Ok(())
        })
    }

    /// Ends the multipart uploads of keys with a prefix.
    pub fn abort_multiparts(&self, prefix: &str) -> io::Result<()> {
        self.request(|bucket| {
            bucket
                .uploads
                .retain(|_, upload| !upload.key.starts_with(prefix));
            Ok(())
        })
    }

    /// The bytes of some parts, as they would be once they are put together elsewhere.
    pub fn parts(&self, id: u64, parts: &[PartTag]) -> io::Result<Vec<u8>> {
        self.request(|bucket| {
            let upload = bucket.uploads.get(&id).ok_or(ErrorKind::NotFound)?;
            let mut whole = Vec::new();
            for (number, tag) in parts {
                match upload.parts.get(number) {
                    Some((bytes, found)) if found == tag => whole.extend_from_slice(bytes),
                    _ => return Err(Changed::error()),
                }
            }
            Ok(whole)
        })
    }

    /// Multipart uploads that were neither completed nor aborted.
    pub fn open_multiparts(&self) -> usize {
        self.0.lock().uploads.len()
    }

    pub fn keys(&self) -> Vec<String> {
        self.0.lock().objects.keys().cloned().collect()
    }
}
