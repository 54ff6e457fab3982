//! The index of a repository's referrers: a link for each under its subject, written when it is pushed. Here the links that
//! are missing are added, once after a start: those of indexes that distribution wrote or a crash left half-linked.

use crate::recent::Recent;
use crate::spec::{Algorithm, Digest, Name};
use crate::storage::links::Link;
use crate::storage::manifests::ManifestAsReferrer;
use crate::storage::{Error, Result, Storage, layout};
use crate::sync::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Repositories whose index is known to be complete; the least recently used are indexed again.
const INDEXED_REPOSITORIES_MAX: usize = 20_000;

/// A subject and one of its referrers.
pub(super) type ReferrerPair = (Digest, Digest);

/// For this long after the memory was exhausted nobody who waited for a turn tries again: each would wait for memory
/// in turn.
const EXHAUSTED_PAUSE: Duration = Duration::from_secs(1);

pub(super) fn is_recent(exhausted_at: Option<Instant>) -> bool {
    exhausted_at.is_some_and(|then| then.elapsed() < EXHAUSTED_PAUSE)
}

/// The indexes that are known to be complete.
pub(super) struct Indexes(Mutex<Recent<Name, IndexSlot>>);

impl Default for Indexes {
    fn default() -> Indexes {
        Indexes(Mutex::new(Recent::new(INDEXED_REPOSITORIES_MAX)))
    }
}

/// Directory entries that are read in one step.
pub(super) const STEP: usize = 500;

/// A repository's pairs that could not be stored (the data is read-only); `None` until its index is
/// complete. Whoever needs it meanwhile waits.
type IndexSlot = Arc<Mutex<IndexState>>;

#[derive(Default)]
struct IndexState {
    unwritten: Option<Arc<BTreeSet<ReferrerPair>>>,
    /// When the memory for it was last exhausted.
    exhausted_at: Option<Instant>,
}

impl Storage {
    /// Makes sure that every referrer of the repository is in its index; returns those that could not
    /// be written there. Names of repositories that do not exist are not remembered.
    pub(super) fn index_referrers(&self, name: &Name) -> Result<Arc<BTreeSet<ReferrerPair>>> {
        let known = self.referrers.indexes.0.lock().get(name);
        let slot = match known {
            Some(slot) => slot,
            None if !self.has_repository(name)? => return Ok(Arc::default()),
            None => {
                let mut indexes = self.referrers.indexes.0.lock();
                indexes.get(name).unwrap_or_else(|| {
                    let slot = IndexSlot::default();
                    indexes.insert(name.clone(), Arc::clone(&slot), 1);
                    slot
                })
            }
        };
        let mut state = slot.lock();
        if let Some(unwritten) = &state.unwritten {
            return Ok(Arc::clone(unwritten));
        }
        if is_recent(state.exhausted_at) {
            return Err(Error::Exhausted);
        }
        let unwritten = self.make_index(name);
        if let Err(Error::Exhausted) = &unwritten {
            state.exhausted_at = Some(Instant::now());
        }
        let unwritten = Arc::new(unwritten?);
        state.unwritten = Some(Arc::clone(&unwritten));
        Ok(unwritten)
    }

    /// Links every manifest of a repository under its subject; returns the pairs that could not be written.
    fn make_index(&self, name: &Name) -> Result<BTreeSet<ReferrerPair>> {
        let mut unwritten = BTreeSet::new();
        for algorithm in Algorithm::ALL {
            for page in self.pages(layout::revisions(name, algorithm), "", STEP) {
                let digest = |hex: String| format!("{}:{hex}", algorithm.name()).parse().ok();
                for digest in page?.into_iter().filter_map(digest) {
                    let key = layout::revision_link(name, &digest);
                    let pair = self.index_referrer(name, digest);
                    unwritten.extend(self.unless_odd(&key, pair)?.flatten());
                }
            }
        }
        Ok(unwritten)
    }

    /// Links one manifest under its subject, if it has one and is not linked yet. Returns the pair when
    /// it could not be written.
    fn index_referrer(&self, name: &Name, digest: Digest) -> Result<Option<ReferrerPair>> {
        let Some(subject) = self.subject_to_index(name, &digest)? else {
            return Ok(None);
        };
        let key = layout::referrer_link(name, &subject, &digest);
        if self.driver.stat(&key)?.is_some() {
            return Ok(None);
        }
        let link = Link::referrer(name, &subject, &digest).write();
        match self.change_shared(name, || Ok(self.driver.write(&[link])?)) {
            Ok(()) => Ok(None),
            Err(error) => {
                let why = format!("its index of referrers is kept in memory only: {error}");
                self.skip(&layout::repository(name), &why);
                Ok(Some((subject, digest)))
            }
        }
    }

    /// What a manifest refers to. What of it cannot be read is logged.
    fn subject_to_index(&self, name: &Name, digest: &Digest) -> Result<Option<Digest>> {
        let read = match self.read_referrer(digest)? {
            ManifestAsReferrer::Missing => return Ok(None),
            ManifestAsReferrer::Read(read) => read,
            ManifestAsReferrer::Unreadable(why) => {
                log::warn!(
                    "the manifest {digest} of {name} cannot be read, so it is not among any referrers: {why}"
                );
                return Ok(None);
            }
        };
        if read.referrer.subject.is_some() {
            self.keep(digest, &read);
        }
        let referrer = read.referrer;
        let members = referrer.unreadable.join(", ");
        match &referrer.subject {
            None if referrer.unreadable.contains(&"subject") => log::warn!(
                "the manifest {digest} of {name} has a subject without a digest that is supported, so it is \
                 not among any referrers"
            ),
            Some(subject) if !members.is_empty() => log::warn!(
                "the manifest {digest} of {name} is listed among the referrers of {subject} without what \
                 cannot be read of its {members}"
            ),
            _ => {}
        }
        Ok(referrer.subject)
    }
}
