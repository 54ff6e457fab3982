//! Names of what a driver keeps.

use std::fmt;

/// Where something is kept: a relative path, separated by slashes. Built by `storage::layout` alone, from checked
/// words, so that no key leads out of the root.
///
/// A key names an object, or a directory: all objects whose keys start with it and a slash. A directory that has no
/// objects need not exist.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// A key; for `storage::layout` and the drivers.
    pub(crate) fn new(path: impl Into<String>) -> Key {
        Key(path.into())
    }

    /// The path, without a leading or trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the directory that it is in; the root for a single word.
    pub fn parent(&self) -> Key {
        Key(self
            .0
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent)
            .to_owned())
    }

    /// The key of an entry of this directory.
    pub fn child(&self, name: &str) -> Key {
        if self.0.is_empty() {
            Key(name.to_owned())
        } else {
            Key(format!("{}/{name}", self.0))
        }
    }

    /// Whether it is another key or below it.
    pub(crate) fn is_within(&self, directory: &Key) -> bool {
        let rest = self.0.strip_prefix(directory.as_str());
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || directory.as_str().is_empty()
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
