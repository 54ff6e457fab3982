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

/// Why a link is not followed.
const LEADS_BACK: &str = "it is a link to a folder that it is in";

/// A part of all names.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// What they begin with.
    pub beginning: &'a str,
    /// What they sort behind.
    pub after: &'a str,
}

/// A walk that collects names until it has enough.
struct Walk<'a> {
    storage: &'a Storage,
    after: &'a str,
    /// The last folder that makes a folder a repository.
    marks: &'a [&'a str],
    found: Vec<Name>,
    limit: usize,
    /// Says no when nobody needs the names any more.
    go_on: &'a dyn Fn() -> bool,
}

impl Storage {
    /// Up to `limit` repositories after `after` whose names begin with `beginning`, in byte order, and whether there
    /// are more. No others are looked at.
    pub fn repositories(
        &self,
        beginning: &str,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<Name>, bool)> {
        let part = Part { beginning, after };
        self.folders_with(&[layout::MANIFESTS], part, limit, &|| true)
    }

    /// Up to `limit` names of folders that have one of `marks`; fewer when `go_on` says no.
    pub(super) fn folders_with(
        &self,
        marks: &[&str],
        part: Part<'_>,
        limit: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(Vec<Name>, bool)> {
        let Some((folder, piece)) = start(part.beginning) else {
            return Ok((Vec::new(), false));
        };
        let mut walk = Walk {
            storage: self,
            after: part.after,
            marks,
            found: Vec::new(),
            limit: limit.saturating_add(1),
            go_on,
        };
        let (key, prefix) = match &folder {
            Some(name) => (layout::repository(name), format!("{name}/")),
            None => (layout::repositories(), String::new()),
        };
        walk.folder(&key, (&prefix, piece), 0)?;
        let more = walk.found.len() > limit;
        walk.found.truncate(limit);
        Ok((walk.found, more))
    }
}

/// Where a walk over the names that begin with a text starts: the folder that all of them lie below, and what the
/// names in it begin with. `None` when no name begins so.
fn start(beginning: &str) -> Option<(Option<Name>, &str)> {
    match beginning.rsplit_once('/') {
        Some((folder, piece)) => Some((Some(folder.parse().ok()?), piece)),
        None => Some((None, beginning)),
    }
}

/// A text that sorts before all that begin with `piece`, with nothing of a name between.
fn before(piece: &str) -> String {
    let mut before = piece.to_owned();
    match before.pop() {
        // Names are ASCII.
        Some(last) => match u8::try_from(last) {
            Ok(byte @ 1..) => before + &format!("{}\x7f", char::from(byte - 1)),
            _ => before,
        },
        None => before,
    }
}

impl Walk<'_> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit || !(self.go_on)()
    }

    /// Visits what lies in a folder whose own name is `prefix` without its last slash, as far as its name there begins
    /// with `piece`.
    fn folder(&mut self, key: &Key, (prefix, piece): (&str, &str), depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Ok(());
        }
        // What of `after` lies in this folder. Everything in it sorts behind, or nothing does.
        let Some(rest) = self.rest(prefix) else {
            return Ok(());
        };
        // Folders that were visited themselves, but whose content sorts later: each is a prefix of
        // the next, so the last is always the first to be due.
        let mut waiting: Vec<String> = Vec::new();
        for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
            let component = rest.get(..end).unwrap_or_default();
            let is_due = is_component(component)
                && component.starts_with(piece)
                && *rest < *format!("{component}0");
            let leads_back = || self.storage.driver.leads_back(&key.child(component));
            // Most of them are not there.
            if is_due && matches!(leads_back(), Ok(false)) {
                waiting.push(component.to_owned());
            }
        }
        let mut cursor = before(piece).max(rest.to_owned());
        while !self.is_full() {
            let names = self.storage.driver.list(key, &cursor, STEP);
            let names = match prefix.is_empty() {
                true => names?,
                // What cannot be looked into hides nothing but itself.
                false => {
                    let names = self.storage.unless_odd(key, names.map_err(Into::into))?;
                    names.unwrap_or_default()
                }
            };
            let is_last = names.len() < STEP;
            let Some(last) = names.last().cloned() else {
                break;
            };
            let is_last = is_last || !last.starts_with(piece);
            let is_due = |name: &String| is_component(name) && name.starts_with(piece);
            for component in names.into_iter().filter(is_due) {
                self.descend(key, prefix, &mut waiting, Some(&component), depth)?;
                if self.is_full() {
                    return Ok(());
                }
                let below = key.child(&component);
                if self.is_below(&below) {
                    self.visit(&below, &format!("{prefix}{component}"))?;
                    waiting.push(component);
                }
            }
            cursor = last;
            if is_last {
                break;
            }
        }
        self.descend(key, prefix, &mut waiting, None, depth)
    }

    /// What of `after` lies in a folder; empty when all of the folder sorts behind it, `None` when nothing does.
    fn rest(&self, prefix: &str) -> Option<&str> {
        match self.after.strip_prefix(prefix) {
            Some(rest) => Some(rest),
            None if self.after < prefix => Some(""),
            None => None,
        }
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
            let below = key.child(&component);
            self.folder(&below, (&format!("{prefix}{component}/"), ""), depth + 1)?;
        }
        Ok(())
    }

    /// Whether an entry is to be looked into: not one that leads back to where it is. Where that cannot be told it
    /// cannot be listed either, and is skipped then.
    fn is_below(&self, key: &Key) -> bool {
        let leads_back = matches!(self.storage.driver.leads_back(key), Ok(true));
        if leads_back {
            self.storage.skip(key, &LEADS_BACK);
        }
        !leads_back
    }

    fn visit(&mut self, key: &Key, name: &str) -> Result<()> {
        for mark in self.marks {
            let is_marked = self.storage.driver.has_directory(&key.child(mark));
            if self
                .storage
                .unless_odd(key, is_marked.map_err(Into::into))?
                == Some(true)
            {
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
    use crate::driver::{Driver, Memory, Write};
    use crate::storage::StorageOptions;
    use std::sync::Arc;

    fn storage(names: &[&str]) -> Storage {
        let driver = Memory::default();
        for name in names {
            let path = format!("{}/{name}/_manifests/x", layout::repositories());
            driver.write(&[Write::new(Key::new(path), b"")]).unwrap();
        }
        let options = StorageOptions {
            uploads: crate::storage::UploadLimits {
                sessions_max: 1,
                sessions_per_address_max: 1,
                idle_timeout: std::time::Duration::ZERO,
            },
            tag_lookup_threads: 1,
            manifest_bytes_max: 1,
        };
        Storage::new(Arc::new(driver), options)
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
        let (found, more) = storage(&NAMES).repositories("", "", 100).unwrap();
        assert_eq!(found.iter().map(Name::as_str).collect::<Vec<_>>(), sorted);
        assert!(!more);
    }

    #[test]
    fn a_part_is_what_begins_so_and_nothing_else() {
        let storage = storage(&NAMES);
        let mut sorted = NAMES.to_vec();
        sorted.sort_unstable();
        let beginnings = [
            "", "a", "a-", "a/", "a/b", "a-b", "a-b/", "ab/c/d/", "ab/c/d/e", "ab", "b", "c/d",
            "z", "../", "a//", "\0", "a.b/c",
        ];
        let places = [
            "", "a", "a-b", "a-b/c", "a/b", "a0", "ab/c", "b", "c/c", "zz",
        ];
        for (beginning, after) in beginnings
            .into_iter()
            .flat_map(|beginning| places.map(|after| (beginning, after)))
        {
            let is_part = |name: &&&str| name.starts_with(beginning) && ***name > *after;
            let part: Vec<&str> = sorted.iter().filter(is_part).copied().collect();
            for limit in [1, 100] {
                let (found, more) = storage.repositories(beginning, after, limit).unwrap();
                let found: Vec<&str> = found.iter().map(Name::as_str).collect();
                let what = format!("{beginning:?} after {after:?}");
                assert_eq!(found, part[..limit.min(part.len())], "{what}");
                assert_eq!(more, part.len() > limit, "{what}");
            }
        }
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
                let (found, more) = storage.repositories("", after, limit).unwrap();
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
