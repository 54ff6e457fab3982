//! What the operator decides for repositories (`storage.maintenance`): which tags are immutable, which are deleted in
//! time, and how much space there is.

use crate::pattern::{Pattern, TagPattern};
use std::time::Duration;

/// Tags that never move: an entry of `storage.maintenance.immutable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableRule {
    /// The repositories that it is for.
    pub repositories: Vec<Pattern>,
    /// The tags of these that never move.
    pub tags: Vec<TagPattern>,
}

impl ImmutableRule {
    /// Whether it makes a tag of a repository immutable.
    pub fn covers(&self, repository: &str, tag: &str) -> bool {
        self.covers_repository(repository) && self.tags.iter().any(|pattern| pattern.matches(tag))
    }

    /// Whether it may make a tag of a repository immutable.
    pub fn covers_repository(&self, repository: &str) -> bool {
        let mut patterns = self.repositories.iter();
        patterns.any(|pattern| pattern.matches(repository))
    }
}

/// Which tags of some repositories are kept: an entry of `storage.maintenance.retention.rules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// The repositories that it is for.
    pub repositories: Vec<Pattern>,
    /// What is kept of their tags.
    pub keep: Keep,
}

impl RetentionRule {
    /// Whether it is for a repository.
    pub fn covers(&self, repository: &str) -> bool {
        self.repositories
            .iter()
            .any(|pattern| pattern.matches(repository))
    }
}

/// The tags that are kept: those for which any of these holds. At least one is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// They are among so many of the repository that were written last.
    pub last: Option<usize>,
    /// One of these matches them.
    pub tags: Vec<TagPattern>,
    /// They were last written less long ago than this.
    pub younger_than: Option<Duration>,
}

impl Keep {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.last.is_none() && self.tags.is_empty() && self.younger_than.is_none()
    }
}

/// How much space some repositories have together: an entry of `storage.maintenance.quota.rules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRule {
    /// The repositories; empty for all of them.
    pub repositories: Vec<Pattern>,
    /// Bytes of the blobs that they link, each counted once.
    pub bytes_max: u64,
}
