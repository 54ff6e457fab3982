//! Keys: the names of objects and directories.

use std::fmt;

/// The name of an object or a directory: a relative path with slashes. Only `storage::layout` builds keys, from validated
/// components, so that no key leads out of the root.
///
/// A directory consists of all objects whose keys start with its own and a slash. An empty directory need not exist.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Makes a key; for `storage::layout` and the drivers.
    pub(crate) fn new(path: impl Into<String>) -> Key {
        Key(path.into())
    }

    /// The path, without a leading or trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that it is in; the root for a single component.
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

    /// Whether it is `directory` itself or something below it.
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
