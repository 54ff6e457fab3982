//! All repositories, in the order of their names, a page at a time.
//!
//! A repository is a folder that has `_manifests`; others can lie below it. The walk goes in the
//! order of whole names and starts where the last page ended, so it costs about a page. The order is
//! not that of a plain walk: `a-b` and `a.b` come between `a` and `a/b`.

use super::{Result, Storage, layout};
use crate::driver::Key;
use crate::spec::Name;
use crate::spec::name::is_component;

/// Folder entries that are looked at in one step.
const STEP: usize = 256;

/// Folders within folders that the walk follows: more than a name of 255 characters can have.
const DEPTH_MAX: usize = 128;

/// A walk that collects names until it has enough.
struct Walk<'a> {
    storage: &'a Storage,
    after: &'a str,
    /// The last folder that makes a folder a repository.
    marks: &'a [&'a str],
    found: Vec<Name>,
    limit: usize,
}

impl Storage {
    /// Up to `limit` repositories after `after`, in byte order, and whether there are more.
    pub fn repositories(&self, after: &str, limit: usize) -> Result<(Vec<Name>, bool)> {
        self.folders_with(&[layout::MANIFESTS], after, limit)
    }

    /// Up to `limit` names of folders that have one of `marks`.
    pub(super) fn folders_with(
        &self,
        marks: &[&str],
        after: &str,
        limit: usize,
    ) -> Result<(Vec<Name>, bool)> {
        let mut walk = Walk {
            storage: self,
            after,
            marks,
            found: Vec::new(),
            limit: limit.saturating_add(1),
        };
        walk.folder(&layout::repositories(), "", 0)?;
        let more = walk.found.len() > limit;
        walk.found.truncate(limit);
        Ok((walk.found, more))
    }
}

impl Walk<'_> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    /// Visits what lies in a folder whose own name is `prefix` without its last slash.
    fn folder(&mut self, key: &Key, prefix: &str, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Ok(());
        }
        // What of `after` lies in this folder. Everything in it sorts behind, or nothing does.
        let rest = self.after.strip_prefix(prefix).unwrap_or_default();
        // Folders that were visited themselves, but whose content sorts later: each is a prefix of
        // the next, so the last is always the first to be due.
        let mut waiting: Vec<String> = Vec::new();
        for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
            let component = rest.get(..end).unwrap_or_default();
            if is_component(component) && *rest < *format!("{component}0") {
                waiting.push(component.to_owned());
            }
        }
        let mut cursor = rest.to_owned();
        while !self.is_full() {
            let names = self.storage.driver.list(key, &cursor, STEP)?;
            let is_last = names.len() < STEP;
            let Some(last) = names.last().cloned() else {
                break;
            };
            for component in names.into_iter().filter(|name| is_component(name)) {
                self.descend(key, prefix, &mut waiting, Some(&component), depth)?;
                if self.is_full() {
                    return Ok(());
                }
                self.visit(&key.child(&component), &format!("{prefix}{component}"))?;
                waiting.push(component);
            }
            cursor = last;
            if is_last {
                break;
            }
        }
        self.descend(key, prefix, &mut waiting, None, depth)
    }

    /// Visits the content of the waiting folders that sorts before `next`.
    fn descend(
        &mut self,
        key: &Key,
        prefix: &str,
        waiting: &mut Vec<String>,
        next: Option<&str>,
        depth: usize,
    ) -> Result<()> {
        while let Some(component) =
            waiting.pop_if(|last| next.is_none_or(|next| format!("{last}/").as_str() < next))
        {
            if self.is_full() {
                return Ok(());
            }
            self.folder(
                &key.child(&component),
                &format!("{prefix}{component}/"),
                depth + 1,
            )?;
        }
        Ok(())
    }

    fn visit(&mut self, key: &Key, name: &str) -> Result<()> {
        for mark in self.marks {
            if self.storage.driver.has_folder(&key.child(mark))? {
                self.found.extend(name.parse::<Name>().ok());
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Change, Driver, Memory};
    use crate::storage::Settings;
    use std::sync::Arc;

    fn storage(names: &[&str]) -> Storage {
        let driver = Memory::default();
        for name in names {
            let path = format!("{}/{name}/_manifests/x", layout::repositories());
            driver
                .publish(&[Change::Write(Key::new(path), b"")])
                .unwrap();
        }
        let settings = Settings {
            uploads: crate::storage::UploadLimits {
                sessions_max: 1,
                sessions_per_address_max: 1,
                idle_timeout: std::time::Duration::ZERO,
            },
            tag_lookup_threads: 1,
            manifest_bytes_max: 1,
        };
        Storage::new(Arc::new(driver), settings)
    }

    const NAMES: [&str; 14] = [
        "a",
        "a-b",
        "a-b-c",
        "a-b-c/d",
        "a-b/c",
        "a-b/c-d/e",
        "a.b",
        "a/b",
        "a/b-c",
        "a/b/c",
        "a0",
        "ab/c/d/e",
        "b",
        "c/d",
    ];

    #[test]
    fn the_catalog_is_in_the_order_of_whole_names() {
        let mut sorted = NAMES;
        sorted.sort_unstable();
        let (found, more) = storage(&NAMES).repositories("", 100).unwrap();
        assert_eq!(found.iter().map(Name::as_str).collect::<Vec<_>>(), sorted);
        assert!(!more);
    }

    #[test]
    fn every_page_starts_where_the_last_one_ended() {
        let storage = storage(&NAMES);
        let mut sorted = NAMES.to_vec();
        sorted.sort_unstable();
        let strangers = [
            "", "a-", "a-b-c/", "a/", "a/b/", "aa", "ab/c", "c", "zz", "A", "a/b/c/d",
        ];
        for after in NAMES.iter().chain(&strangers) {
            for limit in [0, 1, 2, 5, 20] {
                let rest: Vec<&str> = sorted.iter().copied().filter(|name| name > after).collect();
                let (found, more) = storage.repositories(after, limit).unwrap();
                let found: Vec<&str> = found.iter().map(Name::as_str).collect();
                assert_eq!(
                    found,
                    rest[..limit.min(rest.len())],
                    "after {after:?}, {limit}"
                );
                assert_eq!(more, rest.len() > limit, "after {after:?}, {limit}");
            }
        }
    }
}
