//! Referrers: the manifests whose `subject` is a given digest (distribution spec, "Listing
//! Referrers").
//!
//! Each pushed referrer is linked under its subject. Repositories that distribution wrote, or that a
//! crash left half-linked, are put in order by reading their manifests once, when referrers are first
//! asked for after a start. What cannot be read then is logged, and listed as far as it can be.

use super::manifests::Listed;
use super::{Result, Storage, layout};
use crate::driver::Change;
use crate::spec::descriptor::Descriptor;
use crate::spec::{Algorithm, Digest, Name};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Folder entries that are looked at in one step.
const STEP: usize = 500;

/// Repositories whose index is known to be whole; beyond it all are looked at again.
const INDEXED_REPOSITORIES_MAX: usize = 20_000;

/// A subject and one that refers to it.
type Pair = (Digest, Digest);

/// Repositories whose index is whole, with the pairs that could not be written down (a data folder
/// that is read-only).
#[derive(Default)]
pub struct Indexed {
    repositories: Mutex<HashMap<Name, Arc<BTreeSet<Pair>>>>,
}

/// Which referrers are asked for.
pub struct Query<'a> {
    /// Whose referrers.
    pub subject: &'a Digest,
    /// Only those of this artifact type.
    pub artifact_type: Option<&'a str>,
    /// Only those after this one.
    pub after: Option<Digest>,
    /// At most so many.
    pub entries_max: usize,
    /// At most so many bytes of JSON, but at least one entry.
    pub bytes_max: usize,
}

impl Storage {
    /// The descriptors of the referrers, in the order of their digests, and the last of the page when
    /// there are more.
    pub fn referrers(
        &self,
        name: &Name,
        query: &Query<'_>,
    ) -> Result<(Vec<Descriptor>, Option<Digest>)> {
        if query.entries_max == 0 {
            return Ok((Vec::new(), None));
        }
        let unwritten = self.index_referrers(name)?;
        let (mut found, mut bytes) = (Vec::<Descriptor>::new(), 0);
        let mut after = query.after.clone();
        loop {
            let page = self.referrer_digests(name, query.subject, after.as_ref(), &unwritten)?;
            let Some(last) = page.last() else {
                return Ok((found, None));
            };
            after = Some(last.clone());
            for digest in page {
                let key = layout::revision_link(name, &digest);
                let descriptor = self.referrer(name, &digest, query);
                let Some(descriptor) = self.unless_odd(&key, descriptor)?.flatten() else {
                    continue;
                };
                bytes += serde_json::to_vec(&descriptor).map_or(0, |json| json.len() + 1);
                let is_full = found.len() >= query.entries_max || bytes > query.bytes_max;
                if let Some(last) = found.last().filter(|_| is_full) {
                    let last = last.digest.clone();
                    return Ok((found, Some(last)));
                }
                found.push(descriptor);
            }
        }
    }

    /// The next digests that the index has for a subject.
    fn referrer_digests(
        &self,
        name: &Name,
        subject: &Digest,
        after: Option<&Digest>,
        unwritten: &BTreeSet<Pair>,
    ) -> Result<Vec<Digest>> {
        let mut digests = BTreeSet::new();
        for algorithm in Algorithm::ALL {
            let hex = match after {
                Some(after) if after.algorithm() > algorithm => continue,
                Some(after) if after.algorithm() == algorithm => after.hex(),
                _ => "",
            };
            let folder = layout::referrers(name, subject, algorithm);
            let names = self.driver.list(&folder, hex, STEP)?;
            let digest =
                |hex: &String| format!("{}:{hex}", algorithm.name()).parse::<Digest>().ok();
            digests.extend(names.iter().filter_map(digest));
            if !digests.is_empty() {
                break;
            }
        }
        // Those behind the page come with a later one, or what the disk has before them would be
        // passed over.
        let last = digests.last().cloned();
        let is_due = |digest: &&Digest| {
            after.is_none_or(|after| *digest > after)
                && last.as_ref().is_none_or(|last| *digest < last)
        };
        let of_subject = unwritten.iter().filter(|pair| pair.0 == *subject);
        digests.extend(of_subject.map(|pair| &pair.1).filter(is_due).cloned());
        Ok(digests.into_iter().collect())
    }

    /// The descriptor of a referrer; `None` when it is gone or of another type.
    fn referrer(
        &self,
        name: &Name,
        digest: &Digest,
        query: &Query<'_>,
    ) -> Result<Option<Descriptor>> {
        if !self.has_manifest(name, digest)? {
            return Ok(None);
        }
        let Listed::Read(stored, referrer) = self.read_referrer(digest)? else {
            return Ok(None);
        };
        let is_asked_for = query
            .artifact_type
            .is_none_or(|asked| referrer.artifact_type.as_deref() == Some(asked));
        Ok(is_asked_for.then(|| Descriptor {
            media_type: stored.media_type.to_string(),
            digest: digest.clone(),
            size: stored.bytes.len() as u64,
            urls: Vec::new(),
            platform: None,
            artifact_type: referrer.artifact_type,
            annotations: referrer.annotations,
        }))
    }

    /// Makes sure that every referrer of the repository is in its index; gives those that could not
    /// be written there.
    fn index_referrers(&self, name: &Name) -> Result<Arc<BTreeSet<Pair>>> {
        if let Some(unwritten) = lock(&self.referrers.repositories).get(name) {
            return Ok(Arc::clone(unwritten));
        }
        let mut unwritten = BTreeSet::new();
        for algorithm in Algorithm::ALL {
            let mut after = String::new();
            loop {
                let page = self.revisions(name, algorithm, &after, STEP)?;
                let Some(last) = page.last() else { break };
                after = last.clone();
                let digest = |hex: String| format!("{}:{hex}", algorithm.name()).parse().ok();
                for digest in page.into_iter().filter_map(digest) {
                    let key = layout::revision_link(name, &digest);
                    let pair = self.index_referrer(name, digest);
                    unwritten.extend(self.unless_odd(&key, pair)?.flatten());
                }
            }
        }
        let unwritten = Arc::new(unwritten);
        let mut repositories = lock(&self.referrers.repositories);
        if repositories.len() >= INDEXED_REPOSITORIES_MAX {
            repositories.clear();
        }
        repositories.insert(name.clone(), Arc::clone(&unwritten));
        Ok(unwritten)
    }

    /// Links one manifest under its subject, if it has one and is not linked yet. Gives the pair when
    /// it could not be written.
    fn index_referrer(&self, name: &Name, digest: Digest) -> Result<Option<Pair>> {
        let Some(subject) = self.subject_to_index(name, &digest)? else {
            return Ok(None);
        };
        let key = layout::referrer_link(name, &subject, &digest);
        if self.driver.stat(&key)?.is_some() {
            return Ok(None);
        }
        let link = Change::Write(key, digest.as_str().as_bytes());
        match self.add_to(name, || Ok(self.driver.publish(&[link])?)) {
            Ok(()) => Ok(None),
            Err(error) => {
                let why = format!("its index of referrers is kept in memory only: {error}");
                self.skip(&layout::repository(name), &why);
                Ok(Some((subject, digest)))
            }
        }
    }

    /// What a manifest refers to. Says in the log what of it cannot be read.
    fn subject_to_index(&self, name: &Name, digest: &Digest) -> Result<Option<Digest>> {
        let referrer = match self.read_referrer(digest)? {
            Listed::Missing => return Ok(None),
            Listed::Read(_, referrer) => referrer,
            Listed::Unreadable(why) => {
                log::warn!(
                    "the manifest {digest} of {name} cannot be read, so it is not among any referrers: {why}"
                );
                return Ok(None);
            }
        };
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
