//! The power is cut after each operation of a history, and what may be left is opened and looked at.

use super::{Found, Item, Trial, chunk, digest, open};
use crate::driver::directory_in_memory;
use crate::driver::power_cut::{Disk, Random, State};
use crate::driver::recording::Operation;
use crate::spec::Reference;
use crate::storage::{Error, Offset, Storage};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;

/// Samples for each operation, if not chosen.
const SAMPLES_DEFAULT: u64 = 2;

/// A run looks into one in so many states, other ones each time, and in one in as many of these clients go on. Where there are
/// sessions that can go on, or tests are thorough, it looks into all, and they go on in each.
const EVERY: u64 = 2;

impl Trial {
    /// Cuts the power after each operation of the history, and opens what may be left.
    pub fn cut_the_power_everywhere(self) {
        let number = |variable: &str, default| {
            let chosen = std::env::var(variable).ok();
            chosen.map_or(default, |text| text.parse().unwrap())
        };
        let samples = number("REGISTRY_POWER_CUT_SAMPLES", SAMPLES_DEFAULT);
        let mut random = Random::new(number("REGISTRY_POWER_CUT_SEED", 1));
        let every = match std::env::var_os("REGISTRY_TEST_THOROUGH") {
            None if self.sessions.is_empty() => EVERY,
            _ => 1,
        };
        let turn = RandomState::new().hash_one(0);
        let (operations, ids) = self.recording.content();
        let mut disk = Disk::new();
        let (mut tried, mut count) = (HashSet::new(), 0);
        for at in 0..=operations.len() {
            if let Some(before) = at.checked_sub(1) {
                disk.perform(&operations[before]);
            }
            // Where nothing is synced or acknowledged next, all that may be found may be found later as well.
            let is_end = self.pauses.contains(&at) || self.steps.iter().any(|step| step.end == at);
            if !is_end && !operations.get(at).is_none_or(Operation::is_sync) {
                continue;
            }
            let samples = usize::try_from(samples).unwrap();
            for state in disk.after_power_cut(samples, &mut random) {
                let begun = self.steps.iter().filter(|step| step.begin < at).count();
                let ended = self.steps.iter().filter(|step| step.end <= at).count();
                if tried.insert((state.hash(), begun, ended)) {
                    count += 1;
                    let last = at.checked_sub(1).map(|before| &operations[before]);
                    let turn = turn.wrapping_add(count);
                    if !turn.is_multiple_of(every) {
                        continue;
                    }
                    let goes_on = (turn / every).is_multiple_of(every);
                    let judged = self.open_after(at, &state, &ids, goes_on);
                    judged.unwrap_or_else(|problem| {
                        panic!(
                            "after operation {at} of {}, {last:?}, state {count}: {problem}",
                            operations.len()
                        )
                    });
                }
            }
        }
        eprintln!("{count} states after {} operations", operations.len());
        assert!(count > 2 * operations.len() as u64);
    }

    /// Opens a state, and tells what is wrong with it, or with what clients that go on make of it.
    fn open_after(
        &self,
        at: usize,
        state: &State,
        ids: &[[u64; 3]],
        goes_on: bool,
    ) -> std::result::Result<(), String> {
        let directory = directory_in_memory();
        state.build(directory.path(), ids);
        let storage = open(directory.path(), self.names);
        let expected = self.expected(at);
        let mut begun = self.steps.iter().filter(|step| step.begin < at);
        let in_the_middle = begun.clone().find(|step| step.end > at);
        for step in begun.clone() {
            for (item, _) in &step.said {
                let found = self.look(&storage, item)?;
                let is_right = match expected.get(item) {
                    Some(acknowledged) => found == *acknowledged,
                    // A session that was not cancelled may be there.
                    None => found.is_none() || matches!(item, Item::Upload(..)),
                };
                let said_now = in_the_middle.into_iter().flat_map(|step| &step.said);
                let mut said_now = said_now.filter(|(of, _)| of == item);
                if !is_right && !said_now.any(|(_, said)| found == *said) {
                    let expected = expected.get(item);
                    return Err(format!("{item:?} is {found:?}, expected {expected:?}"));
                }
            }
        }
        if let Some(step) = in_the_middle.filter(|step| step.is_in_one_step) {
            let together = step.said.iter().map(|(item, _)| item);
            let together =
                together.filter(|item| matches!(item, Item::Tag(..) | Item::Manifest(..)));
            let old = together.filter(|item| expected.get(*item) != Some(&None));
            let found = old.map(|item| self.look(&storage, item).map(|found| found.is_some()));
            let found = found.collect::<std::result::Result<Vec<bool>, String>>()?;
            if found.contains(&true) && found.contains(&false) {
                return Err("a repository has lost some of its tags or manifests".to_owned());
            }
        }
        self.check_tags(&storage)?;
        if !goes_on {
            return Ok(());
        }
        self.go_on(at, &storage)?;
        let Some(again) = in_the_middle.or(begun.next_back()) else {
            return Ok(());
        };
        let repeated = (again.request)(&storage);
        repeated.map_err(|error| format!("the same request again: {error}"))?;
        for (item, said) in &again.said {
            let found = self.look(&storage, item)?;
            if found != *said {
                return Err(format!(
                    "{item:?} is {found:?} after the same request again"
                ));
            }
        }
        Ok(())
    }

    /// What an item is; an error if it is there and not whole.
    fn look(&self, storage: &Storage, item: &Item) -> std::result::Result<Found, String> {
        let found = match item {
            Item::Blob(name, digest) => storage.blob(name, digest).and_then(|blob| {
                let mut content = Vec::new();
                let read = blob.reader().read_to_end(&mut content);
                read.map_err(Error::Body)?;
                match content == self.contents[digest] {
                    true => Ok(Some(digest.clone())),
                    false => Err(Error::Corrupt(digest.clone())),
                }
            }),
            Item::Manifest(name, digest) => {
                let reference = Reference::Digest(digest.clone());
                let stored = storage.manifest(name, &reference);
                let loaded = stored.and_then(|stored| storage.bytes(&stored).map(drop));
                loaded.map(|()| Some(digest.clone()))
            }
            Item::Tag(name, tag) => match storage.tag(name, tag) {
                Ok(None) => return Ok(None),
                other => other,
            },
            Item::Upload(name, id) => storage.upload_length(name, id).map(|_| None),
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Error::BlobUnknown | Error::ManifestUnknown | Error::UploadUnknown) => Ok(None),
            Err(error) => Err(format!("{item:?}: {error}")),
        }
    }

    /// Whatever a tag names is there, with all that it names.
    fn check_tags(&self, storage: &Storage) -> std::result::Result<(), String> {
        let text = |error: Error| error.to_string();
        let (names, _) = storage.repositories("", "", 100).map_err(text)?;
        for name in names {
            let (tags, _) = storage.tags(&name, "", 100).map_err(text)?;
            for tag in tags {
                let failed = |error: Error| format!("{name}:{tag}: {error}");
                let stored = storage
                    .manifest(&name, &Reference::Tag(tag.clone()))
                    .map_err(failed)?;
                let bytes = storage.bytes(&stored).map_err(failed)?;
                let manifest = crate::spec::manifest::Manifest::parse(&bytes, None).unwrap();
                for reference in manifest.references() {
                    let blob = storage.blob(&name, &reference.digest).map_err(failed)?;
                    if blob.length() != reference.size {
                        return Err(format!("{name}:{tag} names {} in part", reference.digest));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sessions that are found go on: with what they lack of a content they become it, or are refused.
    fn go_on(&self, at: usize, storage: &Storage) -> std::result::Result<(), String> {
        for (_, session) in self.sessions.iter().filter(|(begin, _)| *begin < at) {
            for content in &session.contents {
                let Ok(length) = storage.upload_length(&session.name, &session.id) else {
                    break;
                };
                let length = usize::try_from(length).unwrap();
                let Some(mut rest) = content.get(length..) else {
                    continue;
                };
                let digest = digest(content);
                let last = chunk(&mut rest, Offset::Unstated);
                match storage.commit_upload(&session.name, &session.id, &digest, last) {
                    Ok(()) => {
                        let item = Item::Blob(session.name.clone(), digest);
                        self.look(storage, &item)?;
                    }
                    Err(Error::DigestMismatch { .. }) => {}
                    Err(error) => return Err(format!("an upload that goes on: {error}")),
                }
            }
        }
        Ok(())
    }
}
