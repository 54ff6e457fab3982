//! All repositories, in the order of their names, a page at a time.
//!
//! A repository is a directory that has `_manifests`; others can lie below it. The walk goes in the
//! order of whole names and starts where the last page ended, so it costs about a page. The order is
//! not that of a plain walk: `a-b` and `a.b` come between `a` and `a/b`.

use super::{Result, Storage, layout};
use crate::driver::{FewNames, Key};
use crate::spec::Name;
use crate::spec::name::is_component;

/// Directory entries that are read in one step, at most and at least.
const STEP: usize = 256;
const STEP_MIN: usize = 16;

/// How deep the walk goes: deeper than a name of 255 characters can.
const DEPTH_MAX: usize = 128;

/// Why a link is not followed.
const LEADS_BACK: &str = "it is a link to a directory that it is in";

/// Some of all names.
#[derive(Clone, Copy)]
pub(super) struct NameRange<'a> {
    /// What they start with.
    pub prefix: &'a str,
    /// What they sort after.
    pub after: &'a str,
}

/// A walk that collects names until it has enough.
struct CatalogWalk<'a> {
    storage: &'a Storage,
    after: &'a str,
    /// The last directory that makes a directory a repository.
    marks: &'a [&'a str],
    found: Vec<Name>,
    limit: usize,
    /// Says no when nobody needs the names any longer.
    may_continue: &'a dyn Fn() -> bool,
}

impl Storage {
    /// Up to `limit` repositories after `after` whose names start with `prefix`, in byte order, and whether there
    /// are more. No others are visited.
    pub fn repositories(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<Name>, bool)> {
        let range = NameRange { prefix, after };
        self.directories_with(&[layout::MANIFESTS], range, limit, &|| true)
    }

    /// Up to `limit` names of directories that have one of `marks`; fewer when `may_continue` says no.
    pub(super) fn directories_with(
        &self,
        marks: &[&str],
        range: NameRange<'_>,
        limit: usize,
        may_continue: &dyn Fn() -> bool,
    ) -> Result<(Vec<Name>, bool)> {
        let Some((directory, piece)) = start(range.prefix) else {
            return Ok((Vec::new(), false));
        };
        let mut walk = CatalogWalk {
            storage: self,
            after: range.after,
            marks,
            found: Vec::new(),
            limit: limit.saturating_add(1),
            may_continue,
        };
        let (key, prefix) = match &directory {
            Some(name) => (layout::repository(name), format!("{name}/")),
            None => (layout::repositories(), String::new()),
        };
        walk.directory(&key, (&prefix, piece), 0)?;
        let more = walk.found.len() > limit;
        walk.found.truncate(limit);
        Ok((walk.found, more))
    }
}

/// Where a walk over the names that start with a text begins: the directory that all of them are below, and what the
/// names in it start with. `None` when no name starts like that.
fn start(prefix: &str) -> Option<(Option<Name>, &str)> {
    match prefix.rsplit_once('/') {
        Some((directory, piece)) => Some((Some(directory.parse().ok()?), piece)),
        None => Some((None, prefix)),
    }
}

/// A text that sorts before all that start with `piece`, with no name in between.
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

impl CatalogWalk<'_> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit || !(self.may_continue)()
    }

    /// How many names are missing.
    fn wanted(&self) -> usize {
        self.limit.saturating_sub(self.found.len())
    }

    /// Visits what lies in a directory whose own name is `prefix` without its last slash, as far as its name there begins
    /// with `piece`.
    fn directory(&mut self, key: &Key, (prefix, piece): (&str, &str), depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Ok(());
        }
        // The part of `after` in this directory. Without one, everything in it sorts after, or nothing does.
        let Some(rest) = self.rest(prefix) else {
            return Ok(());
        };
        // Directories that were visited themselves, but whose content sorts later: each is a prefix of
        // the next, so the last is always the first to be due.
        let mut waiting: Vec<String> = Vec::new();
        for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
            let (component, _) = rest.split_at(end);
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
            let step = self.wanted().clamp(STEP_MIN, STEP);
            let names = self.storage.driver.list(key, &cursor, step);
            let names = match prefix.is_empty() {
                true => names?,
                // What cannot be read hides nothing but itself.
                false => {
                    let names = self.storage.unless_odd(key, names.map_err(Into::into))?;
                    names.unwrap_or_default()
                }
            };
            let is_last = names.len() < step;
            let Some(last) = names.last().cloned() else {
                break;
            };
            let is_last = is_last || !last.starts_with(piece);
            let is_due = |name: &str| is_component(name) && name.starts_with(piece);
            let due: Vec<&str> = names
                .iter()
                .map(String::as_str)
                .filter(|name| is_due(name))
                .collect();
            let mut due = due.as_slice();
            // As many as are still wanted: nothing is looked up in vain where each is a repository.
            while !due.is_empty() {
                let (now, later) = due.split_at(self.wanted().clamp(1, due.len()));
                due = later;
                let inside = self.storage.driver.directories_in_each(key, now);
                for (component, inside) in now.iter().zip(inside) {
                    self.descend(key, prefix, &mut waiting, Some(component), depth)?;
                    if self.is_full() {
                        return Ok(());
                    }
                    if self.enter(key, prefix, component, inside)? {
                        waiting.push((*component).to_owned());
                    }
                }
            }
            cursor = last;
            if is_last {
                break;
            }
        }
        self.descend(key, prefix, &mut waiting, None, depth)
    }

    /// The part of `after` in a directory; empty when all of the directory sorts after it, `None` when nothing does.
    fn rest(&self, prefix: &str) -> Option<&str> {
        match self.after.strip_prefix(prefix) {
            Some(rest) => Some(rest),
            None if self.after < prefix => Some(""),
            None => None,
        }
    }

    /// Visits the content of the waiting directories that sorts before `next`.
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
            self.directory(&below, (&format!("{prefix}{component}/"), ""), depth + 1)?;
        }
        Ok(())
    }

    /// Visits an entry; whether there may be more below it.
    fn enter(
        &mut self,
        key: &Key,
        prefix: &str,
        component: &str,
        inside: Option<FewNames>,
    ) -> Result<bool> {
        let name = format!("{prefix}{component}");
        if let Some(inside) = inside {
            if self.marks.iter().any(|mark| inside.contains(mark)) {
                self.found.extend(name.parse::<Name>().ok());
            }
            return Ok(inside.iter().any(is_component));
        }
        let below = key.child(component);
        let is_below = self.is_below(&below);
        if is_below {
            self.visit(&below, &name)?;
        }
        Ok(is_below)
    }

    /// Whether the walk goes into an entry: not into one that leads back to where it is. If that is unknown, it
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
    use crate::storage::tests::options;
    use std::sync::Arc;

    fn storage(names: &[&str]) -> Storage {
        let driver = Memory::default();
        for name in names {
            let path = format!("{}/{name}/_manifests/x", layout::repositories());
            driver.write(&[Write::new(Key::new(path), b"")]).unwrap();
        }
        Storage::new(Arc::new(driver), options())
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
