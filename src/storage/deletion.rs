//! Deleting a whole repository: its tags, manifests, links and upload sessions. Its blobs stay until garbage is collected, and so
//! do repositories below it (`team/app/sub` below `team/app`).
//!
//! What makes it a repository goes first and in one step, to a directory of its own that nothing reads: from then on it is unknown,
//! never one that has lost some of its tags. If it ends in between, deleting the repository again does the rest.

use super::{Error, Result, Storage, layout};
use crate::driver::{self, Key};
use crate::spec::{Algorithm, Name, UploadId};
use std::io::ErrorKind;

/// Entries that are listed in one step.
const STEP: usize = 1000;

/// The directories of a repository, and what an interrupted deletion left of one.
const OWN: [&str; 4] = [
    layout::MANIFESTS,
    layout::LAYERS,
    layout::UPLOADS,
    layout::DELETED,
];

/// What a repository has, as far as it can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepositorySize {
    /// Its tags.
    pub tags: usize,
    /// Its manifests.
    pub manifests: usize,
    /// Its upload sessions.
    pub uploads: usize,
}

fn is_not_empty(error: &driver::Error) -> bool {
    error.source.kind() == ErrorKind::DirectoryNotEmpty
}

impl Storage {
    /// Deletes a repository. [`Error::RepositoryUnknown`] if there is nothing of it.
    pub fn delete_repository(&self, name: &Name) -> Result<()> {
        self.change_exclusively(name, || self.remove_repository(name))
    }

    /// What a repository has; [`Error::RepositoryUnknown`] if there is nothing of it.
    pub fn repository_size(&self, name: &Name) -> Result<RepositorySize> {
        if !self.has_anything_of(name)? {
            return Err(Error::RepositoryUnknown);
        }
        let count = |directory: Key| {
            self.pages(directory, "", STEP)
                .map_while(Result::ok)
                .flatten()
        };
        let revisions = Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| count(layout::revisions(name, algorithm)));
        Ok(RepositorySize {
            tags: count(layout::tags(name)).count(),
            manifests: revisions.count(),
            uploads: count(layout::uploads(name)).count(),
        })
    }

    fn has_anything_of(&self, name: &Name) -> Result<bool> {
        // Whatever it is: what cannot be read can still be removed.
        for entry in self.driver.entries(&layout::repository(name))? {
            if OWN.contains(&entry?.name.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remove_repository(&self, name: &Name) -> Result<()> {
        if !self.has_anything_of(name)? {
            return Err(Error::RepositoryUnknown);
        }
        self.check_no_immutable_tags(name)?;
        let at = |directory: &str| layout::repository(name).child(directory);
        let deleted = at(layout::DELETED);
        self.driver.remove_below(&[&deleted])?;
        self.driver.relocate(&at(layout::MANIFESTS), &deleted)?;
        self.end_uploads(name)?;
        for directory in [layout::MANIFESTS, layout::LAYERS] {
            self.driver.remove_below(&[&at(directory)])?;
        }
        match self.driver.remove_below(&[&at(layout::UPLOADS)]) {
            // Where an open file keeps its directory, a request that is being ended removes its own.
            Err(error) if error.is_in_use() || is_not_empty(&error) => {}
            removed => removed?,
        }
        // Last: as long as it is there, another deletion has something to finish.
        self.driver.remove_below(&[&deleted])?;
        let directory = layout::repository(name);
        self.driver.prune(&directory, &layout::repositories());
        Ok(())
    }

    /// Removes what an interrupted deletion left of the manifests of a repository.
    pub(super) fn finish_deletion(&self, name: &Name) -> Result<()> {
        let deleted = layout::repository(name).child(layout::DELETED);
        if !self.driver.has_directory(&deleted)? {
            return Ok(());
        }
        self.change_exclusively(name, || {
            self.driver.remove_below(&[&deleted])?;
            let directory = layout::repository(name);
            self.driver.prune(&directory, &layout::repositories());
            Ok(())
        })
    }

    /// Ends every upload session of a repository, even if a request uses it.
    fn end_uploads(&self, name: &Name) -> Result<()> {
        for id in self.uploads.of(name) {
            self.abandon_upload(name, &id);
        }
        for page in self.pages(layout::uploads(name), "", STEP) {
            let page = self.unless_odd(&layout::uploads(name), page)?;
            for id in page.unwrap_or_default() {
                if let Ok(id) = id.parse::<UploadId>() {
                    self.abandon_upload(name, &id);
                }
            }
        }
        Ok(())
    }
}
