//! The entries of a directory as they are, objects or not, for verification; and what drivers without
//! directories of their own do instead of looking into one or moving one.

use super::{Driver, Error, Key, Result};
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Names that are listed in one step.
const STEP: usize = 1000;

/// What [`EntryKind::LinkToNothing`] is, in words.
pub const LINK_TO_NOTHING: &str = "a symbolic link to nothing";

/// Something in a directory.
#[derive(Debug)]
pub struct Entry {
    /// Its name; what of it is not UTF-8 is replaced, and no key leads to it then.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What is in a directory. Symbolic links are what they lead to.
#[derive(Debug)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// An object.
    Object,
    /// Neither; what it is instead.
    Other(&'static str),
    /// A symbolic link to nothing: what it leads to may be on a volume that is not mounted.
    LinkToNothing,
    /// That cannot be told.
    Unreadable(io::Error),
}

/// A few names, each without a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FewNames(Arc<str>);

impl FewNames {
    /// These names.
    pub fn new(names: &[String]) -> FewNames {
        FewNames(names.join("/").into())
    }

    /// Each of them, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Whether one of them is this.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|one| one == name)
    }
}

/// The entries of one directory, in no particular order.
pub type Entries<'d> = Box<dyn Iterator<Item = Result<Entry>> + 'd>;

/// The entries of a directory of a driver that only has objects.
pub(super) fn listed<'d, D: Driver + ?Sized>(driver: &'d D, directory: &Key) -> Entries<'d> {
    let (directory, mut names, mut is_done) = (directory.clone(), VecDeque::new(), false);
    let mut last = String::new();
    Box::new(std::iter::from_fn(move || {
        if names.is_empty() && !is_done {
            match driver.list(&directory, &last, STEP) {
                Ok(page) => {
                    is_done = page.len() < STEP;
                    last = page.last().cloned().unwrap_or_default();
                    names.extend(page);
                }
                Err(error) => {
                    is_done = true;
                    return Some(Err(error));
                }
            }
        }
        let name: String = names.pop_front()?;
        let kind = match driver.stat(&directory.child(&name)) {
            Ok(Some(_)) => EntryKind::Object,
            Ok(None) => EntryKind::Directory,
            Err(error) => EntryKind::Unreadable(error.source),
        };
        Some(Ok(Entry { name, kind }))
    }))
}

/// Gives objects other keys one after another: each is copied, then removed.
pub(super) fn copied<D: Driver + ?Sized>(driver: &D, from: &Key, to: &Key) -> Result<bool> {
    let mut keys = Vec::new();
    driver.walk(from, &mut |key, _| {
        keys.push(key.clone());
        ControlFlow::Continue(())
    })?;
    if driver.stat(from)?.is_some() {
        keys.push(from.clone());
    }
    for key in &keys {
        let below = key.as_str().strip_prefix(from.as_str()).unwrap_or_default();
        let target = Key::new(format!("{to}{below}"));
        if driver.stat(&target)?.is_some() {
            return Err(Error::new(&target, io::ErrorKind::AlreadyExists.into()));
        }
        let Some(object) = driver.open(key, 0)? else {
            continue;
        };
        let part = Key::new(format!("{target}.part"));
        let mut upload = driver.upload(&part)?;
        let copy = io::copy(&mut object.reader(), &mut upload);
        copy.map_err(|error| Error::new(key, error))?;
        upload.publish(&target, &[])?;
        driver.remove(&[key])?;
        driver.discard(&part);
    }
    Ok(!keys.is_empty())
}
