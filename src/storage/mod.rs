//! The registry's nouns on disk, in CNCF distribution's layout.
//!
//! Data is published before the link that names it, and a link is removed before the data. What a
//! method acknowledged survives a crash and a power loss; what it did not is visible to nobody.

mod blobs;
mod catalog;
mod changes;
mod collection;
mod deletion;
mod freshness;
mod grace;
mod immutable;
mod known_manifests;
pub mod layout;
mod links;
mod manifests;
mod pages;
#[cfg(test)]
mod power_cuts;
mod purge;
mod quota;

mod references;
mod referrers;
#[cfg(test)]
mod replicas;
mod retention;
mod skipped;
mod tags;
mod uploads;
mod verification;
mod writable;

pub use collection::{Collection, CollectionEvent, CollectionReport, MinimumAge};
pub use deletion::RepositorySize;
pub use manifests::{LoadedManifest, StoredManifest, Tagging};
pub use purge::{LEFTOVER_AGE, Purge, PurgeReport};
pub use quota::{QuotaExceeded, QuotaUse};
pub use references::MissingReferences;
pub use referrers::{ReferrersPage, ReferrersQuery};
pub use retention::{Retention, RetentionReport};
pub use uploads::{Chunk, Offset, UploadLimits};
pub use verification::{
    Finding, FindingSeverity, Problem, Repair, RepairScope, Verification, VerificationReport,
};
pub use writable::look as look_whether_writable;

use crate::driver::{self, Driver};
use crate::memory::{self, Budget, Exhausted};
use crate::policy::{ImmutableRule, QuotaRule};
use crate::spec::validation::UrlProblem;
use crate::spec::{Digest, Name, Tag};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Everything the registry keeps.
pub struct Storage {
    driver: Arc<dyn Driver>,
    uploads: uploads::Sessions,
    referrers: referrers::KnownReferrers,
    known_manifests: known_manifests::KnownManifests,
    changes: changes::Changes,
    known_grace: grace::KnownGrace,
    checked: writable::WritableCheck,
    skipped: skipped::Skipped,
    found: skipped::Skipped,
    memory: Arc<Budget>,
    options: StorageOptions,
    immutable: Vec<ImmutableRule>,
    quota: Option<Arc<quota::Quota>>,
}

/// Options of the storage.
#[derive(Clone, Debug, Default)]
pub struct StorageOptions {
    /// How many upload sessions there may be (`http.limits.uploads` and its neighbours).
    pub uploads: UploadLimits,
    /// Threads that look through the tags when a manifest is deleted
    /// (`storage.tag.concurrencylimit`).
    pub tag_lookup_threads: usize,
    /// Largest manifest that is read or accepted, in bytes.
    pub manifest_bytes_max: u64,
    /// How long what a client was told of is kept without being used
    /// (`storage.maintenance.garbagecollect.grace`); `None` where this registry collects nothing. Another on the same data may:
    /// [`Storage::announce_grace`].
    pub collection_grace: Option<Duration>,
}

impl Storage {
    /// The storage over a driver.
    pub fn new(driver: Arc<dyn Driver>, options: StorageOptions) -> Storage {
        let uploads = uploads::Sessions::new(options.uploads.clone());
        Storage {
            driver,
            uploads,
            referrers: referrers::KnownReferrers::default(),
            known_manifests: known_manifests::KnownManifests::default(),
            changes: changes::Changes::default(),
            known_grace: grace::KnownGrace::default(),
            checked: writable::WritableCheck::default(),
            skipped: skipped::Skipped::default(),
            found: skipped::Skipped::default(),
            memory: Budget::new(memory::BYTES_DEFAULT),
            options,
            immutable: Vec::new(),
            quota: None,
        }
    }

    /// The same storage with tags that no method moves or deletes.
    #[must_use]
    pub fn with_immutable_tags(self, rules: Vec<ImmutableRule>) -> Storage {
        Storage {
            immutable: rules,
            ..self
        }
    }

    /// The same storage with this budget for the memory of requests.
    #[must_use]
    pub fn within(self, memory: &Arc<Budget>) -> Storage {
        Storage {
            memory: Arc::clone(memory),
            ..self
        }
    }

    /// The same storage with quotas. Pushes are refused until [`Storage::recount_quota`] has counted what is used.
    #[must_use]
    pub fn with_quota(self, rules: Vec<QuotaRule>) -> Storage {
        self.with_patient_quota(rules, quota::COUNT_WAIT_MAX)
    }

    /// The same, where a push waits so long for the first count.
    fn with_patient_quota(self, rules: Vec<QuotaRule>, count_wait_max: Duration) -> Storage {
        if rules.is_empty() {
            return self;
        }
        let quota = Arc::new(quota::Quota::new(rules, count_wait_max));
        let counting = quota::Counting::new(self.driver, Arc::clone(&quota));
        Storage {
            driver: Arc::new(counting),
            quota: Some(quota),
            ..self
        }
    }

    /// Whether there are quotas.
    pub fn has_quota(&self) -> bool {
        self.quota.is_some()
    }

    /// What is used of each quota; `None` without any, and before the first count.
    pub fn quota_use(&self) -> Option<Vec<QuotaUse>> {
        self.quota.as_ref()?.used()
    }

    /// Waits until it is known what is used of the quotas: before a push, which holds nothing then.
    fn wait_for_quota(&self) -> Result<()> {
        match &self.quota {
            Some(quota) => Ok(quota.wait()?),
            None => Ok(()),
        }
    }

    /// The budget for the memory of requests.
    pub fn memory(&self) -> &Arc<Budget> {
        &self.memory
    }

    /// Whether a repository exists: whether a manifest was ever pushed to it.
    pub fn has_repository(&self, name: &Name) -> Result<bool> {
        Ok(self.driver.has_directory(&layout::manifests(name))?)
    }
}

/// The result of a storage operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the storage could not do it.
#[derive(Debug)]
pub enum Error {
    /// The repository does not have the blob.
    BlobUnknown,
    /// There is no such repository.
    RepositoryUnknown,
    /// The repository does not have the manifest.
    ManifestUnknown,
    /// The manifest names blobs or manifests that the repository does not have.
    ReferencesUnknown(MissingReferences),
    /// The manifest has a layer whose URL the rules do not accept.
    UrlRejected {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: UrlProblem,
    },
    /// The disk would replace a tag by another that differs from it only by case.
    TagClash {
        /// The tag that was to be created.
        tag: Tag,
        /// How the other is spelled.
        kept: String,
    },
    /// The tag names something else, and was not to be moved.
    TagExists(Tag),
    /// The tag is immutable, and would have been deleted, by itself or with what it names.
    TagImmutable(Tag),
    /// It would go over a quota.
    QuotaExceeded(QuotaExceeded),
    /// What is used of the quotas has not been counted yet.
    QuotaNotCounted,
    /// The repository has no such upload session.
    UploadUnknown,
    /// There are as many upload sessions as are allowed.
    TooManyUploads {
        /// The client's address has as many as it may have; otherwise all clients together have.
        by_address: bool,
        /// When to try again.
        retry_after: Duration,
    },
    /// A newer request on the same upload session took over.
    Superseded {
        /// How many bytes the session has.
        length: u64,
    },
    /// The bytes do not have the digest that they were sent under.
    DigestMismatch {
        /// What the bytes have.
        computed: Digest,
    },
    /// A chunk does not start where the session ends; the session stays as it is.
    WrongOffset {
        /// Where it should have started.
        length: u64,
    },
    /// The body was not as long as its range said.
    WrongLength {
        /// Bytes that were announced.
        announced: u64,
        /// Bytes that arrived.
        received: u64,
    },
    /// The client's body could not be read.
    Body(io::Error),
    /// The memory budget is used up at the moment.
    Exhausted,
    /// What is stored is not what its digest says.
    Corrupt(Digest),
    /// The driver could not do it.
    Driver(driver::Error),
}

impl From<Exhausted> for Error {
    fn from(_: Exhausted) -> Error {
        Error::Exhausted
    }
}

impl From<driver::Error> for Error {
    fn from(driver::Error { key, source }: driver::Error) -> Error {
        match source.downcast::<quota::Refusal>() {
            Ok(refusal) => refusal.into(),
            Err(source) => Error::Driver(driver::Error { key, source }),
        }
    }
}

impl From<quota::Refusal> for Error {
    fn from(refusal: quota::Refusal) -> Error {
        match refusal {
            quota::Refusal::Exceeded(exceeded) => Error::QuotaExceeded(exceeded),
            quota::Refusal::NotCounted => Error::QuotaNotCounted,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::BlobUnknown => out.write_str("blob unknown"),
            Error::RepositoryUnknown => out.write_str("repository unknown"),
            Error::ManifestUnknown => out.write_str("manifest unknown"),
            Error::ReferencesUnknown(missing) => {
                write!(
                    out,
                    "{} references of the manifest are unknown",
                    missing.count
                )
            }
            Error::UrlRejected { url, problem } => write!(out, "{problem:?} layer URL {url:?}"),
            Error::TagClash { tag, kept } => {
                write!(out, "tag {tag} differs from {kept} only by case")
            }
            Error::TagExists(tag) => write!(out, "tag {tag} exists"),
            Error::TagImmutable(tag) => write!(out, "tag {tag} is immutable"),
            Error::QuotaExceeded(exceeded) => exceeded.fmt(out),
            Error::QuotaNotCounted => quota::Refusal::NotCounted.fmt(out),
            Error::UploadUnknown => out.write_str("upload session unknown"),
            Error::TooManyUploads { .. } => out.write_str("too many upload sessions"),
            Error::Superseded { .. } => out.write_str("a newer request took the session over"),
            Error::DigestMismatch { computed } => write!(out, "the content has digest {computed}"),
            Error::WrongOffset { length } => write!(out, "the session has {length} bytes"),
            Error::WrongLength {
                announced,
                received,
            } => {
                write!(
                    out,
                    "{announced} bytes were announced and {received} received"
                )
            }
            Error::Body(error) => write!(out, "the body could not be read: {error}"),
            Error::Exhausted => Exhausted.fmt(out),
            Error::Corrupt(digest) => write!(out, "the stored content of {digest} is damaged"),
            Error::Driver(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A body of unknown length that no other request ends.
    pub fn chunk(body: &mut dyn std::io::Read, offset: Offset) -> Chunk<'_> {
        Chunk {
            body,
            offset,
            length: None,
            stop: Arc::default(),
        }
    }

    /// Options for tests that put real images in it, in many sessions.
    pub fn roomy_options() -> StorageOptions {
        StorageOptions {
            uploads: UploadLimits {
                sessions_max: 1000,
                sessions_per_address_max: 1000,
                idle_timeout: Duration::MAX,
            },
            manifest_bytes_max: 1_000_000,
            ..options()
        }
    }

    /// Options for tests: room for one of everything.
    pub fn options() -> StorageOptions {
        StorageOptions {
            uploads: UploadLimits {
                sessions_max: 1,
                sessions_per_address_max: 1,
                idle_timeout: Duration::ZERO,
            },
            tag_lookup_threads: 1,
            manifest_bytes_max: 1000,
            ..StorageOptions::default()
        }
    }
}
