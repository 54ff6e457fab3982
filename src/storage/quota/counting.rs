//! A driver that counts links: it stands between the storage and the driver that keeps the data, so that every link
//! that is written or removed is counted, whoever does it.

use super::counts::{ShortDigest, short};
use super::{Quota, Refusal};
use crate::driver::{
    Capabilities, Driver, Entries, Error, FewNames, Key, LeftoverSearch, Leftovers, Lock, Object,
    ObjectReader, Presign, ProbeError, Replay, Result, SmallObject, Stat, Upload, UploadNote,
    UploadState, Version, Write,
};
use crate::spec::{Digest, Name};
use crate::storage::layout::{self, Kept};
use crate::storage::links;
use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

/// Counts the links that go through it, and refuses those that would go over a quota.
#[derive(Clone)]
pub struct Counting {
    driver: Arc<dyn Driver>,
    quota: Arc<Quota>,
}

/// A link that is about to be written or removed.
struct CountedLink<'k> {
    key: &'k Key,
    name: Name,
    /// The blob that it names, or will name.
    target: Digest,
}

/// How many links there are to each blob, by repository.
type LinksBelow = HashMap<Name, HashMap<ShortDigest, u32>>;

impl Counting {
    pub fn new(driver: Arc<dyn Driver>, quota: Arc<Quota>) -> Counting {
        Counting { driver, quota }
    }

    /// The digest in a link; `None` when there is none.
    fn target(&self, key: &Key) -> Result<Option<Digest>> {
        match self.driver.read(key, links::LINK_BYTES_MAX) {
            Ok(found) => Ok(found.and_then(|found| links::parse(&found.bytes))),
            // Something else is in its place.
            Err(error) if error.is_no_content() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Performs writes, among which are links, or publishes an upload of so many bytes with them.
    fn write_counted(
        &self,
        writes: &[Write<'_>],
        published: Option<(&Key, u64)>,
        act: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let links: Vec<CountedLink<'_>> = writes.iter().filter_map(written_link).collect();
        if links.is_empty() {
            return act();
        }
        let _repositories = self
            .quota
            .share_repositories(links.iter().map(|link| &link.name));
        let _links = self.quota.own_links(links.iter().map(|link| link.key));
        let mut added = Vec::new();
        let mut replaced = Vec::new();
        for link in &links {
            let before = self.target(link.key)?;
            let is_new = before.as_ref() != Some(&link.target);
            let bytes = self.length(&link.target, writes, published)?;
            let blob = short(&link.target);
            if let Err(refusal) = self.quota.add(&link.name, &blob, (bytes, is_new)) {
                self.take_back(&added);
                return Err(refused(link.key, refusal));
            }
            if is_new {
                added.push((link, blob));
                replaced.extend(before.map(|before| (link, short(&before))));
            }
        }
        let outcome = act();
        match &outcome {
            Ok(()) => self.take_back(&replaced),
            Err(_) => {
                // Any of it may have been done. Where that cannot be seen, the next count puts it right.
                added.retain(|(link, _)| {
                    let found = self.target(link.key);
                    found.is_ok_and(|found| found.as_ref() != Some(&link.target))
                });
                self.take_back(&added);
            }
        }
        outcome
    }

    fn take_back(&self, links: &[(&CountedLink<'_>, ShortDigest)]) {
        for (link, blob) in links {
            self.quota.give_back(&link.name, blob);
        }
    }

    /// The length of a blob that is being written, or that is there.
    fn length(
        &self,
        blob: &Digest,
        writes: &[Write<'_>],
        published: Option<(&Key, u64)>,
    ) -> Result<u64> {
        let key = layout::blob_data(blob);
        let mut written = writes.iter().filter(|write| write.key == key);
        let written = written.next().map(|write| write.content.len() as u64);
        let published = published.filter(|(to, _)| **to == key);
        match written.or(published.map(|(_, length)| length)) {
            Some(length) => Ok(length),
            None => Ok(self.driver.stat(&key)?.map_or(0, |stat| stat.length)),
        }
    }

    /// Removes directories with all links below them.
    fn remove_counted<T>(
        &self,
        directories: &[&Key],
        act: &mut dyn FnMut() -> Result<T>,
    ) -> Result<T> {
        let mut counted: Vec<&Key> = directories.to_vec();
        counted.retain(|directory| may_have_links(directory));
        if counted.is_empty() {
            return act();
        }
        let names: Option<Vec<Name>> = counted
            .iter()
            .map(|key| layout::repository_of(key))
            .collect();
        let _repositories = self.quota.own_repositories(names.as_deref());
        let mut gone = self.links_below(&counted)?;
        let outcome = act();
        if outcome.is_err() {
            // What is still there stays counted; where that cannot be seen, the next count puts it right.
            for (name, blobs) in self.links_below(&counted)? {
                for (blob, left) in blobs {
                    if let Some(links) = gone.get_mut(&name).and_then(|own| own.get_mut(&blob)) {
                        *links = links.saturating_sub(left);
                    }
                }
            }
        }
        for (name, blobs) in &gone {
            for (blob, links) in blobs {
                (0..*links).for_each(|_| self.quota.give_back(name, blob));
            }
        }
        outcome
    }

    fn links_below(&self, directories: &[&Key]) -> Result<LinksBelow> {
        let mut found = LinksBelow::new();
        let mut failed = None;
        for directory in directories {
            let walked = self.driver.walk(directory, &mut |key, _| {
                let Some((name, _)) = counted(key) else {
                    return ControlFlow::Continue(());
                };
                match self.target_if_readable(key) {
                    Ok(Some(target)) => {
                        let blobs = found.entry(name).or_default();
                        *blobs.entry(short(&target)).or_default() += 1;
                        ControlFlow::Continue(())
                    }
                    Ok(None) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            });
            match walked {
                // What cannot be read is not counted, and can still be removed.
                Err(error) if !error.is_of_one_entry() => return Err(error),
                _ => {}
            }
        }
        failed.map_or(Ok(found), Err)
    }

    /// The same for a link that is removed: one that cannot be read is not counted.
    fn target_if_readable(&self, key: &Key) -> Result<Option<Digest>> {
        match self.target(key) {
            Err(error) if error.is_of_one_entry() => Ok(None),
            found => found,
        }
    }
}

/// The link that a write writes, if that is one that is counted.
fn written_link<'w>(write: &'w Write<'_>) -> Option<CountedLink<'w>> {
    let (name, _) = counted(&write.key)?;
    Some(CountedLink {
        key: &write.key,
        name,
        target: links::parse(write.content)?,
    })
}

/// Whose link a key is, if that is one that is counted.
fn counted(key: &Key) -> Option<(Name, Digest)> {
    match layout::parse(key)? {
        Kept::Layer(name, digest) | Kept::Revision(name, digest) => Some((name, digest)),
        _ => None,
    }
}

/// Whether links that are counted may be below a directory: not below that of a tag, an upload or a blob.
fn may_have_links(directory: &Key) -> bool {
    let path = directory.as_str();
    let others = ["/_uploads", "/_manifests/tags", "/_manifests/referrers"];
    path.starts_with(layout::repositories().as_str())
        && !others.iter().any(|other| path.contains(other))
}

fn refused(key: &Key, refusal: Refusal) -> Error {
    Error::new(key, io::Error::other(refusal))
}

impl Driver for Counting {
    fn read(&self, key: &Key, bytes_max: u64) -> Result<Option<SmallObject>> {
        self.driver.read(key, bytes_max)
    }

    fn open(&self, key: &Key, small_bytes_max: u64) -> Result<Option<Object>> {
        self.driver.open(key, small_bytes_max)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.driver.stat(key)
    }

    fn stat_each(&self, directory: &Key, names: &[&str], rest: &str) -> Vec<Result<Option<Stat>>> {
        self.driver.stat_each(directory, names, rest)
    }

    fn directories_in_each(&self, directory: &Key, names: &[&str]) -> Vec<Option<FewNames>> {
        self.driver.directories_in_each(directory, names)
    }

    fn write(&self, writes: &[Write<'_>]) -> Result<()> {
        self.write_counted(writes, None, &mut || self.driver.write(writes))
    }

    fn remove(&self, keys: &[&Key]) -> Result<()> {
        let links = keys.iter().filter_map(|key| Some((*key, counted(key)?.0)));
        let links: Vec<(&Key, Name)> = links.collect();
        if links.is_empty() {
            return self.driver.remove(keys);
        }
        let _repositories = self
            .quota
            .share_repositories(links.iter().map(|(_, name)| name));
        let _links = self.quota.own_links(links.iter().map(|(key, _)| *key));
        let mut found = Vec::new();
        for (key, name) in &links {
            let target = self.target_if_readable(key)?;
            found.extend(target.map(|target| (*key, name, short(&target))));
        }
        let outcome = self.driver.remove(keys);
        if outcome.is_err() {
            // What is still there stays counted; where that cannot be seen, the next count puts it right.
            found.retain(|(key, ..)| matches!(self.target(key), Ok(None)));
        }
        for (_, name, blob) in &found {
            self.quota.give_back(name, blob);
        }
        outcome
    }

    fn remove_below(&self, directories: &[&Key]) -> Result<()> {
        self.remove_counted(directories, &mut || self.driver.remove_below(directories))
    }

    fn discard(&self, directory: &Key) {
        if may_have_links(directory) {
            if let Err(error) = self.remove_below(&[directory]) {
                log::warn!("cannot remove {error}");
            }
            return;
        }
        self.driver.discard(directory);
    }

    fn touch(&self, key: &Key) -> Result<bool> {
        self.driver.touch(key)
    }

    fn relocate(&self, from: &Key, to: &Key) -> Result<bool> {
        // Nothing is ever moved to where it would be counted.
        self.remove_counted(&[from], &mut || self.driver.relocate(from, to))
    }

    fn prune(&self, directory: &Key, top: &Key) {
        self.driver.prune(directory, top);
    }

    fn entries(&self, directory: &Key) -> Result<Entries<'_>> {
        self.driver.entries(directory)
    }

    fn list(&self, directory: &Key, after: &str, limit: usize) -> Result<Vec<String>> {
        self.driver.list(directory, after, limit)
    }

    fn has_directory(&self, directory: &Key) -> Result<bool> {
        self.driver.has_directory(directory)
    }

    fn walk(
        &self,
        directory: &Key,
        visit: &mut dyn FnMut(&Key, &Stat) -> ControlFlow<()>,
    ) -> Result<()> {
        self.driver.walk(directory, visit)
    }

    fn upload(&self, key: &Key) -> Result<Box<dyn Upload>> {
        let upload = self.driver.upload(key)?;
        Ok(self.counting(upload))
    }

    fn resume(
        &self,
        key: &Key,
        length: u64,
        replay: &mut dyn Replay,
    ) -> Result<Option<Box<dyn Upload>>> {
        let resumed = self.driver.resume(key, length, replay)?;
        Ok(resumed.map(|upload| self.counting(upload)))
    }

    fn upload_state(&self, key: &Key) -> Result<Option<UploadState>> {
        self.driver.upload_state(key)
    }

    fn upload_started(&self, key: &Key) -> Result<Option<SystemTime>> {
        self.driver.upload_started(key)
    }

    fn redirect(&self, key: &Key, request: &Presign<'_>) -> Result<Option<String>> {
        self.driver.redirect(key, request)
    }

    fn lock(&self, key: &Key, lock: Lock) -> Result<Box<dyn Any + Send>> {
        self.driver.lock(key, lock)
    }

    fn try_lock(&self, key: &Key, lock: Lock) -> Result<Option<Box<dyn Any + Send>>> {
        self.driver.try_lock(key, lock)
    }

    fn lock_for_long(&self, key: &Key, lock: Lock) -> Result<Box<dyn Any + Send>> {
        self.driver.lock_for_long(key, lock)
    }

    fn try_lock_for_long(&self, key: &Key, lock: Lock) -> Result<Option<Box<dyn Any + Send>>> {
        self.driver.try_lock_for_long(key, lock)
    }

    fn capabilities(&self) -> Capabilities {
        self.driver.capabilities()
    }

    fn leads_back(&self, directory: &Key) -> Result<bool> {
        self.driver.leads_back(directory)
    }

    fn spelling(&self, key: &Key) -> Result<Option<String>> {
        self.driver.spelling(key)
    }

    fn probe(&self, directories: &[&str]) -> std::result::Result<(), ProbeError> {
        self.driver.probe(directories)
    }

    fn remove_leftovers(&self, search: &LeftoverSearch<'_>) -> Leftovers {
        self.driver.remove_leftovers(search)
    }
}

impl Counting {
    fn counting(&self, upload: Box<dyn Upload>) -> Box<dyn Upload> {
        let driver = self.clone();
        Box::new(CountedUpload { upload, driver })
    }
}

/// An upload whose links are counted when it is published.
struct CountedUpload {
    upload: Box<dyn Upload>,
    driver: Counting,
}

impl io::Write for CountedUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.upload.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

impl Upload for CountedUpload {
    fn length(&self) -> u64 {
        self.upload.length()
    }

    fn version(&self) -> Version {
        self.upload.version()
    }

    fn rewind(&mut self, length: u64) -> Result<()> {
        self.upload.rewind(length)
    }

    fn checkpoint(&mut self, note: UploadNote<'_>) -> Result<()> {
        self.upload.checkpoint(note)
    }

    fn reader(&mut self) -> Result<ObjectReader> {
        self.upload.reader()
    }

    fn publish(&mut self, to: &Key, links: &[Write<'_>]) -> Result<()> {
        let CountedUpload { upload, driver } = self;
        let published = Some((to, upload.length()));
        driver.write_counted(links, published, &mut || upload.publish(to, links))
    }
}
