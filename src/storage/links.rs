//! Links: small files that hold a digest and nothing else. Everything that a repository has is a link in it: its
//! layers, its manifests, what its tags name.
//!
//! Only this file reads and writes them, so that what is known of links can be kept here.

use super::{Result, Storage, layout};
use crate::driver::{self, Key};
use crate::spec::{Digest, Name, Tag};
use std::io::ErrorKind;
use std::time::SystemTime;

/// Longest link that is read, in bytes: the longest digest, and room for a stray line end.
pub(super) const LINK_BYTES_MAX: u64 = 256;

/// A link to be written: where it is, and the digest in it.
pub(super) struct Link<'d> {
    key: Key,
    target: &'d Digest,
}

impl<'d> Link<'d> {
    /// The repository has the blob `digest`, whose bytes are stored under `target`.
    pub fn layer(name: &Name, digest: &Digest, target: &'d Digest) -> Link<'d> {
        let key = layout::layer_link(name, digest);
        Link { key, target }
    }

    /// The repository has the manifest `digest`.
    pub fn revision(name: &Name, digest: &'d Digest) -> Link<'d> {
        let (key, target) = (layout::revision_link(name, digest), digest);
        Link { key, target }
    }

    /// A tag names the manifest `digest`.
    pub fn current(name: &Name, tag: &Tag, digest: &'d Digest) -> Link<'d> {
        let (key, target) = (layout::tag_current(name, tag), digest);
        Link { key, target }
    }

    /// A tag names, or once named, the manifest `digest`.
    pub fn history(name: &Name, tag: &Tag, digest: &'d Digest) -> Link<'d> {
        let (key, target) = (layout::tag_index(name, tag, digest), digest);
        Link { key, target }
    }

    /// The manifest `referrer` refers to `subject`.
    pub fn referrer(name: &Name, subject: &Digest, referrer: &'d Digest) -> Link<'d> {
        let (key, target) = (layout::referrer_link(name, subject, referrer), referrer);
        Link { key, target }
    }

    /// A link that is there already, and holds something else.
    pub fn anew(key: &Key, target: &'d Digest) -> Link<'d> {
        let key = key.clone();
        Link { key, target }
    }

    /// What writes it.
    pub fn write(self) -> driver::Write<'d> {
        driver::Write::new(self.key, self.target.as_str().as_bytes())
    }
}

/// What is in a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinkContent {
    /// A digest.
    Digest(Digest),
    /// Nothing, as a crash of distribution leaves it.
    Empty,
    /// Something else; its beginning, or what is said of it.
    Broken(String),
}

impl LinkContent {
    fn parse(content: &[u8]) -> LinkContent {
        let parsed = std::str::from_utf8(content).ok().map(str::trim_end);
        match parsed.map(str::parse) {
            Some(Ok(digest)) => LinkContent::Digest(digest),
            _ if content.is_empty() => LinkContent::Empty,
            _ => LinkContent::Broken(String::from_utf8_lossy(content).trim_end().to_owned()),
        }
    }
}

/// The digest in the content of a link.
pub(super) fn parse(content: &[u8]) -> Option<Digest> {
    match LinkContent::parse(content) {
        LinkContent::Digest(digest) => Some(digest),
        LinkContent::Empty | LinkContent::Broken(_) => None,
    }
}

/// A link that was read.
pub(super) struct FoundLink {
    /// The digest in it.
    pub target: Digest,
    /// When it was last written.
    pub modified: SystemTime,
}

impl Storage {
    /// What is in a link, for verification; `None` if there is no link.
    pub(super) fn link_content(&self, key: &Key) -> driver::Result<Option<LinkContent>> {
        match self.dated_link(key) {
            Ok(found) => Ok(found.map(|(content, _)| content)),
            Err(error) if error.source.kind() == ErrorKind::InvalidData => {
                Ok(Some(LinkContent::Broken(error.source.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// The same, and when it was last written. One that is too long, or no file, is an error.
    pub(super) fn dated_link(
        &self,
        key: &Key,
    ) -> driver::Result<Option<(LinkContent, SystemTime)>> {
        let found = self.driver.read(key, LINK_BYTES_MAX)?;
        Ok(found.map(|found| (LinkContent::parse(&found.bytes), found.modified)))
    }

    /// The digest in a link, as [`Storage::find_link`] reads it.
    pub(super) fn link(&self, key: &Key) -> Result<Option<Digest>> {
        Ok(self.find_link(key)?.map(|found| found.target))
    }

    /// A link. `None` when there is no link, and also when it is empty or broken
    /// as a crash of distribution leaves it, or not a file at all: pushing again repairs it.
    pub(super) fn find_link(&self, key: &Key) -> Result<Option<FoundLink>> {
        let found = match self.driver.read(key, LINK_BYTES_MAX) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) if error.is_no_content() => {
                self.skip(key, &error.source);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let text = match LinkContent::parse(&found.bytes) {
            LinkContent::Digest(target) => {
                let modified = found.modified;
                return Ok(Some(FoundLink { target, modified }));
            }
            LinkContent::Empty => String::new(),
            LinkContent::Broken(text) => text,
        };
        let why =
            format!("does not contain a digest (found {text:?}); treating the link as missing");
        self.skip(key, &why);
        Ok(None)
    }

    /// Whether there is a link that holds something. An empty one is what a crash of distribution leaves.
    pub(super) fn has_link(&self, key: &Key) -> Result<bool> {
        let stat = self.driver.stat(key)?;
        Ok(stat.is_some_and(|stat| stat.length > 0))
    }
}
