//! What a verification finds, as values: each kind has a word that never changes, for programs that read it.

use crate::driver::Key;
use crate::spec::{Digest, Name, Tag};
use std::fmt;

/// Tags that a finding names at most.
pub const TAGS_MAX: usize = 20;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingSeverity {
    /// Something is wrong: content is lost, or something is there that does not belong there.
    Error,
    /// It may well be meant, or is put right by itself.
    Note,
}

impl FindingSeverity {
    /// `error` or `note`.
    pub fn name(self) -> &'static str {
        match self {
            FindingSeverity::Error => "error",
            FindingSeverity::Note => "note",
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The bytes of a blob have another digest than it is stored under.
    CorruptBlob {
        /// The digest that they have.
        computed: Digest,
    },
    /// The system does not let us read something, or fails to.
    Unreadable {
        /// What it says.
        why: String,
    },
    /// A pipe, a loop of links or the like, a directory where a file belongs, or the other way round.
    SpecialFile {
        /// What it is.
        what: String,
    },
    /// A file or a directory that the layout does not have.
    StrayEntry,
    /// A link with nothing in it.
    EmptyLink,
    /// A link with something in it that is no digest.
    BrokenLink {
        /// What is in it.
        text: String,
    },
    /// A link that holds another digest than its directory is named after.
    WrongLink {
        /// The digest in it.
        target: Digest,
    },
    /// The repository has a link to a blob that is not there.
    DanglingLayer,
    /// The repository has a link to a manifest that is not there.
    DanglingManifest,
    /// The bytes of a manifest of the repository are not what their digest says.
    CorruptManifest,
    /// The bytes of a manifest are right, but they are no manifest that can be read as a whole.
    InvalidManifest {
        /// What is wrong with them.
        why: String,
    },
    /// A tag names a manifest that the repository does not have.
    DanglingTag,
    /// A manifest names a blob that the repository does not have.
    MissingBlob,
    /// A manifest names a blob whose bytes are not what their digest says.
    CorruptReference,
    /// An index names a manifest that the repository does not have: this is how an index of some platforms only is pushed.
    MissingChild,
    /// The index of referrers has a manifest that the repository does not have.
    DanglingReferrer,
    /// The index of referrers has a manifest under another subject than its own.
    WrongReferrer,
    /// The index of referrers lacks a manifest: the server adds it when it first needs the index.
    UnindexedReferrer,
}

impl Problem {
    /// The word for it, which never changes.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::CorruptBlob { .. } => "corrupt-blob",
            Problem::Unreadable { .. } => "unreadable",
            Problem::SpecialFile { .. } => "special-file",
            Problem::StrayEntry => "stray-entry",
            Problem::EmptyLink => "empty-link",
            Problem::BrokenLink { .. } => "broken-link",
            Problem::WrongLink { .. } => "wrong-link",
            Problem::DanglingLayer => "dangling-layer",
            Problem::DanglingManifest => "dangling-manifest",
            Problem::CorruptManifest => "corrupt-manifest",
            Problem::InvalidManifest { .. } => "invalid-manifest",
            Problem::DanglingTag => "dangling-tag",
            Problem::MissingBlob => "missing-blob",
            Problem::CorruptReference => "corrupt-reference",
            Problem::MissingChild => "missing-child",
            Problem::DanglingReferrer => "dangling-referrer",
            Problem::WrongReferrer => "wrong-referrer",
            Problem::UnindexedReferrer => "unindexed-referrer",
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> FindingSeverity {
        match self {
            Problem::MissingChild | Problem::UnindexedReferrer => FindingSeverity::Note,
            _ => FindingSeverity::Error,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::CorruptBlob { computed } => write!(out, "its content has digest {computed}"),
            Problem::Unreadable { why } => write!(out, "it cannot be read: {why}"),
            Problem::SpecialFile { what } => write!(out, "it is {what}"),
            Problem::StrayEntry => out.write_str("it is no part of the layout"),
            Problem::EmptyLink => out.write_str("the link is empty"),
            Problem::BrokenLink { text } => write!(out, "the link holds no digest: {text:?}"),
            Problem::WrongLink { target } => write!(out, "the link holds {target}"),
            Problem::DanglingLayer => out.write_str("the blob of this link is missing"),
            Problem::DanglingManifest => out.write_str("the manifest of this link is missing"),
            Problem::CorruptManifest => out.write_str("the manifest is corrupt"),
            Problem::InvalidManifest { why } => write!(out, "the manifest cannot be read: {why}"),
            Problem::DanglingTag => out.write_str("the repository lacks the manifest of this tag"),
            Problem::MissingBlob => out.write_str("the repository lacks this blob of the manifest"),
            Problem::CorruptReference => out.write_str("it is corrupt, a blob of the manifest"),
            Problem::MissingChild => {
                out.write_str("the repository lacks this manifest of the index")
            }
            Problem::DanglingReferrer => {
                out.write_str("the repository lacks the manifest of this referrer")
            }
            Problem::WrongReferrer => out.write_str("the manifest has another subject"),
            Problem::UnindexedReferrer => {
                out.write_str("the manifest is not in the index of referrers yet")
            }
        }
    }
}

/// What was done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: nothing was to be done, or nothing can be.
    None,
    /// What was wrong was removed.
    Removed,
    /// What was wrong or missing was written anew.
    Written,
    /// It was moved there.
    Moved(Key),
    /// It should have been repaired and could not be.
    Failed(String),
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub problem: Problem,
    /// Where on the disk.
    pub key: Key,
    /// The blob or manifest that is wrong or missing.
    pub digest: Option<Digest>,
    /// The manifest that names it.
    pub manifest: Option<Digest>,
    /// The repository that it is in.
    pub repository: Option<Name>,
    /// The tags of the manifest, at most [`TAGS_MAX`].
    pub tags: Vec<Tag>,
    /// What was done about it.
    pub repair: Repair,
}

impl Finding {
    pub(super) fn new(problem: Problem, key: &Key) -> Finding {
        Finding {
            problem,
            key: key.clone(),
            digest: None,
            manifest: None,
            repository: None,
            tags: Vec::new(),
            repair: Repair::None,
        }
    }

    pub(super) fn of(self, digest: &Digest) -> Finding {
        let digest = Some(digest.clone());
        Finding { digest, ..self }
    }

    pub(super) fn named_by(self, manifest: &Digest) -> Finding {
        let manifest = Some(manifest.clone());
        Finding { manifest, ..self }
    }

    pub(super) fn in_repository(self, name: Option<&Name>) -> Finding {
        let repository = name.cloned();
        Finding { repository, ..self }
    }

    pub(super) fn tagged(self, tags: &[Tag]) -> Finding {
        let tags = tags.iter().take(TAGS_MAX).cloned().collect();
        Finding { tags, ..self }
    }
}

impl fmt::Display for Finding {
    /// `team/app:v1: sha256:...: what is wrong (where)`, as far as that is known.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.repository {
            let tags: Vec<&str> = self.tags.iter().map(Tag::as_str).collect();
            let colon = if tags.is_empty() { "" } else { ":" };
            write!(out, "{name}{colon}{}: ", tags.join(","))?;
        }
        if let Some(digest) = &self.digest {
            write!(out, "{digest}: ")?;
        }
        self.problem.fmt(out)?;
        if let Some(manifest) = &self.manifest {
            write!(out, " {manifest}")?;
        }
        write!(out, " ({})", self.key)?;
        match &self.repair {
            Repair::None => Ok(()),
            Repair::Removed => out.write_str("; removed"),
            Repair::Written => out.write_str("; written anew"),
            Repair::Moved(to) => write!(out, "; moved to {to}"),
            Repair::Failed(why) => write!(out, "; NOT repaired: {why}"),
        }
    }
}
