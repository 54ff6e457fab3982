//! Every repository there is, found in a way that notices what it cannot see.

use super::Collector;
use super::visit::unseen;
use crate::driver::{EntryKind, Key};
use crate::spec::Name;
use crate::spec::name::is_component;
use crate::storage::{Result, layout};
use std::sync::atomic::Ordering;

/// How deep the walk goes: deeper than a name of 255 characters can.
const DEPTH_MAX: usize = 128;

impl Collector<'_> {
    /// The names of all directories that have something of a repository in them.
    pub(super) fn repositories(&self) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        if self.lacks_repositories()? {
            let why = "it is missing, and there are blobs: is a volume not mounted?";
            self.unreadable(&layout::repositories(), why);
            self.hides_repositories.store(true, Ordering::Relaxed);
            return Ok(names);
        }
        self.find_below(&layout::repositories(), "", &mut names, 0)?;
        Ok(names)
    }

    /// Whether there is no directory of repositories, which a collection never removes, although there are blobs.
    fn lacks_repositories(&self) -> Result<bool> {
        let driver = &self.storage.driver;
        let is_kept = driver.capabilities().keeps_empty_directories;
        if !is_kept || driver.has_directory(&layout::repositories())? {
            return Ok(false);
        }
        let blobs = layout::blobs();
        let has_blobs = driver.entries(&blobs).map(|mut blobs| blobs.next());
        Ok(self.readable(&blobs, has_blobs)?.flatten().is_some())
    }

    fn find_below(
        &self,
        directory: &Key,
        name: &str,
        found: &mut Vec<Name>,
        depth: usize,
    ) -> Result<()> {
        if depth > DEPTH_MAX || !self.may_continue() {
            return Ok(());
        }
        let mut is_repository = false;
        let mut below = Vec::new();
        let entries = self.storage.driver.entries(directory);
        let Some(entries) = self.readable(directory, entries)? else {
            self.hides_repositories.store(true, Ordering::Relaxed);
            return Ok(());
        };
        for entry in entries {
            let Some(entry) = self.readable(directory, entry)? else {
                self.hides_repositories.store(true, Ordering::Relaxed);
                return Ok(());
            };
            match entry.kind {
                EntryKind::Directory if entry.name.starts_with('_') => is_repository = true,
                EntryKind::Directory if is_component(&entry.name) => below.push(entry.name),
                kind if entry.name.starts_with('_') || is_component(&entry.name) => {
                    // It may be a directory of a repository, or one that has some.
                    if let Some(why) = unseen(&kind) {
                        self.unreadable(&directory.child(&entry.name), &why);
                        self.hides_repositories.store(true, Ordering::Relaxed);
                    }
                }
                // Nobody can ask for what has such a name.
                _ => {}
            }
        }
        if is_repository && let Ok(name) = name.parse() {
            found.push(name);
        }
        for component in below {
            let name = match name {
                "" => component.clone(),
                above => format!("{above}/{component}"),
            };
            self.find_below(&directory.child(&component), &name, found, depth + 1)?;
        }
        Ok(())
    }
}
