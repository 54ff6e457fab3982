//! Referrers: the manifests whose `subject` is a given digest (distribution spec, "Listing
//! Referrers").
//!
//! Each pushed referrer is linked under its subject. Repositories that distribution wrote, or that a
//! crash left half-linked, are put in order by reading their manifests once, when referrers are first
//! asked for after a start. What cannot be read then is logged, and listed as far as it can be.
//!
//! What the list says of a manifest is kept in memory once it was read (`ReferrerFilter`). It stays right whoever else writes
//! the directory, since it belongs to the digest; whether the manifest is there is checked each time.

mod index;

use super::manifests::{ManifestAsReferrer, ReadManifest};
use super::{Error, Result, Storage, layout};
use crate::memory::{Share, Use};
use crate::recent::Recent;
use crate::spec::media_type::MEDIA_TYPE_BYTES_MAX;
use crate::spec::{Algorithm, Digest, Name, descriptor};
use crate::sync::Mutex;
use index::{Indexes, ReferrerPair, STEP, is_recent};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Memory for what requests for referrers are compared with, in bytes.
const ENTRIES_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Memory for the descriptors of referrers, in bytes.
const DESCRIPTORS_BYTES_MAX: usize = 12 * 1024 * 1024;

/// Bytes that one of either takes in addition to its text.
const KEPT_BYTES: usize = 256;

/// Longest descriptor that is kept, in bytes.
const KEPT_DESCRIPTOR_BYTES_MAX: usize = 256 * 1024;

/// Manifests of this length and more are read one at a time for the list, so that many requests at once cost one read.
const LARGE_BYTES: u64 = 64 * 1024;

/// Referrers that are examined for one page. If a filter finds too few among these, the page ends early.
const LOOKED_AT_MAX: usize = 20_000;

/// What is kept of the referrers of all repositories.
pub struct KnownReferrers {
    indexes: Indexes,
    entries: Mutex<Recent<Digest, Arc<ReferrerFilter>>>,
    descriptors: Mutex<Recent<Digest, Arc<str>>>,
    /// Locked while a large manifest is read; when the memory for one was last exhausted.
    reading: Mutex<Option<Instant>>,
}

impl Default for KnownReferrers {
    fn default() -> KnownReferrers {
        KnownReferrers {
            indexes: Indexes::default(),
            entries: Mutex::new(Recent::new(ENTRIES_BYTES_MAX)),
            descriptors: Mutex::new(Recent::new(DESCRIPTORS_BYTES_MAX)),
            reading: Mutex::default(),
        }
    }
}

/// What a request for referrers is compared with.
struct ReferrerFilter {
    /// Bytes of the manifest.
    length: u64,
    /// Its artifact type, unless that is longer than a media type can be.
    artifact_type: Option<Box<str>>,
}

impl ReferrerFilter {
    fn matches(&self, query: &ReferrersQuery<'_>) -> bool {
        let asked = query.artifact_type;
        asked.is_none_or(|asked| self.artifact_type.as_deref() == Some(asked))
    }
}

/// Which referrers to list.
pub struct ReferrersQuery<'a> {
    /// Whose referrers.
    pub subject: &'a Digest,
    /// Only those of this artifact type.
    pub artifact_type: Option<&'a str>,
    /// Only those after this one.
    pub after: Option<Digest>,
    /// At most this many.
    pub entries_max: usize,
    /// At most this many bytes of JSON, but at least one entry.
    pub bytes_max: usize,
}

/// Some of the referrers.
pub struct ReferrersPage {
    /// Their descriptors as JSON, with commas between them.
    pub json: Vec<u8>,
    /// Where the next page continues, when there is more.
    pub last: Option<Digest>,
    /// The memory that the text takes.
    pub share: Share,
}

impl ReferrersPage {
    /// Adds a descriptor.
    fn push(&mut self, json: &str, bytes_max: usize) -> Result<()> {
        let needed = self.json.len() + json.len() + 1;
        if needed > self.json.capacity() {
            let grown = (2 * needed).min(bytes_max).max(needed);
            self.share.wait_for(grown)?;
            self.json.reserve_exact(grown - self.json.len());
        }
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        self.json.extend_from_slice(json.as_bytes());
        Ok(())
    }
}

impl Storage {
    /// The descriptors of the referrers, in the order of their digests.
    pub fn referrers(&self, name: &Name, query: &ReferrersQuery<'_>) -> Result<ReferrersPage> {
        let mut found = ReferrersPage {
            json: Vec::new(),
            last: None,
            share: Share::new(&self.memory, Use::Client),
        };
        if query.entries_max == 0 {
            return Ok(found);
        }
        let unwritten = self.index_referrers(name)?;
        let (mut count, mut looked_at) = (0, 0);
        let mut after = query.after.clone();
        loop {
            let page = self.referrer_digests(name, query.subject, after.as_ref(), &unwritten)?;
            if page.is_empty() {
                return Ok(found);
            }
            for digest in page {
                if looked_at == LOOKED_AT_MAX {
                    found.last = after;
                    return Ok(found);
                }
                looked_at += 1;
                let key = layout::revision_link(name, &digest);
                let json = self.referrer(name, &digest, query);
                if let Some(json) = self.unless_odd(&key, json)?.flatten() {
                    let is_full = count >= query.entries_max
                        || found.json.len() + json.len() + 1 > query.bytes_max;
                    if is_full && count > 0 {
                        found.last = after;
                        return Ok(found);
                    }
                    found.push(json.as_str(), query.bytes_max)?;
                    count += 1;
                }
                after = Some(digest);
            }
        }
    }

    /// The next digests that the index has for a subject.
    fn referrer_digests(
        &self,
        name: &Name,
        subject: &Digest,
        after: Option<&Digest>,
        unwritten: &BTreeSet<ReferrerPair>,
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
        // Those after the page come with a later one, or what the disk has before them would be
        // skipped.
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
        query: &ReferrersQuery<'_>,
    ) -> Result<Option<Json>> {
        if !self.has_manifest(name, digest)? {
            return Ok(None);
        }
        let Some(stat) = self.driver.stat(&layout::blob_data(digest))? else {
            return Ok(None);
        };
        let known = || {
            let entry = self.referrers.entries.lock().get(digest);
            let entry = entry.filter(|entry| entry.length == stat.length)?;
            if !entry.matches(query) {
                return Some(None);
            }
            let json = self.referrers.descriptors.lock().get(digest)?;
            Some(Some(Json::Kept(json)))
        };
        if let Some(answer) = known() {
            return Ok(answer);
        }
        let mut alone = (stat.length >= LARGE_BYTES).then(|| self.referrers.reading.lock());
        // Another request may have read it meanwhile.
        if let Some(answer) = known() {
            return Ok(answer);
        }
        if alone.as_deref().is_some_and(|then| is_recent(*then)) {
            return Err(Error::Exhausted);
        }
        let listed = self.read_referrer(digest);
        if let (Err(Error::Exhausted), Some(then)) = (&listed, &mut alone) {
            **then = Some(Instant::now());
        }
        let ManifestAsReferrer::Read(read) = listed? else {
            return Ok(None);
        };
        let (entry, json) = self.keep(digest, &read);
        let _held = read;
        Ok(entry.matches(query).then_some(Json::Read { json, _held }))
    }

    /// Keeps what the list says of a manifest, and returns it.
    fn keep(&self, digest: &Digest, read: &ReadManifest) -> (Arc<ReferrerFilter>, String) {
        let artifact_type = read.referrer.artifact_type.as_deref();
        let listed = descriptor::ReferrerDescriptor {
            media_type: read.media_type.as_str(),
            digest,
            size: read.length,
            artifact_type,
            annotations: &read.referrer.annotations,
        };
        let json = serde_json::to_string(&listed);
        let json = json.unwrap_or_else(|error| unreachable!("strings and a number: {error}"));
        let findable = artifact_type.filter(|text| text.len() <= MEDIA_TYPE_BYTES_MAX);
        let entry = Arc::new(ReferrerFilter {
            length: read.length,
            artifact_type: findable.map(Box::from),
        });
        let bytes = KEPT_BYTES + findable.map_or(0, str::len);
        self.referrers
            .entries
            .lock()
            .insert(digest.clone(), Arc::clone(&entry), bytes);
        if json.len() <= KEPT_DESCRIPTOR_BYTES_MAX {
            let bytes = KEPT_BYTES + json.len();
            let kept = json.as_str().into();
            self.referrers
                .descriptors
                .lock()
                .insert(digest.clone(), kept, bytes);
        }
        (entry, json)
    }
}

/// The JSON of a descriptor, and the memory that is counted for it.
enum Json {
    Kept(Arc<str>),
    Read { json: String, _held: ReadManifest },
}

impl Json {
    fn as_str(&self) -> &str {
        match self {
            Json::Kept(json) => json,
            Json::Read { json, .. } => json,
        }
    }

    fn len(&self) -> usize {
        self.as_str().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Memory;
    use crate::spec::media_type::OCI_MANIFEST;
    use crate::spec::validation::Validation;
    use crate::spec::{Algorithm, CheckedManifest};
    use crate::storage::{Tagging, tests::options};

    #[test]
    fn a_page_has_as_many_bytes_as_it_may_have_and_at_least_one_entry() {
        let storage = Storage::new(Arc::new(Memory::default()), options());
        let name: Name = "a".parse().unwrap();
        let subject = Algorithm::Sha256.digest(b"subject");
        for number in ["1", "2"] {
            let descriptor = serde_json::json!({
                "mediaType": OCI_MANIFEST, "digest": subject.to_string(), "size": 7,
            });
            let index = serde_json::json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [], "subject": descriptor, "annotations": {"number": number},
            });
            let index = index.to_string().into_bytes();
            let manifest = CheckedManifest::check(&index, None, None).unwrap();
            let tagging = Tagging {
                tags: &[],
                may_move: true,
            };
            let put = storage.put_manifest(&name, &manifest, tagging, &Validation::default());
            put.unwrap();
        }
        let page = |bytes_max| {
            let query = ReferrersQuery {
                subject: &subject,
                artifact_type: None,
                after: None,
                entries_max: 10,
                bytes_max,
            };
            storage.referrers(&name, &query).unwrap()
        };
        let whole = page(10_000);
        assert!(whole.last.is_none());
        let (both, one) = (whole.json.len(), page(1).json.len());
        assert_eq!(both, 2 * one + 1);
        for (bytes_max, bytes, is_whole) in [
            (both, both, true),
            (both - 1, one, false),
            (one, one, false),
            (1, one, false),
        ] {
            let page = page(bytes_max);
            assert_eq!((page.json.len(), page.last.is_none()), (bytes, is_whole));
            // All of it is taken from the budget of the requests.
            assert!(page.share.bytes() >= page.json.capacity());
        }
    }
}
