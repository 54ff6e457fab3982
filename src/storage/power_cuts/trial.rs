//! A history of requests that were acknowledged, and what must be true of it after a power cut.

mod cuts;

use super::digest;
use crate::driver::directory_in_memory;
use crate::driver::recording::Recording;
use crate::driver::{Driver, Filesystem};
use crate::spec::validation::Validation;
use crate::spec::{Algorithm, CheckedManifest, Digest, Name, Tag, UploadId};
use crate::storage::tests::{chunk, roomy_options};
use crate::storage::{Error, Offset, Result, Storage, Tagging};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// What is acknowledged to be there, or to be gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Blob(Name, Digest),
    Manifest(Name, Digest),
    Tag(Name, Tag),
    Upload(Name, UploadId),
}

/// What an item is: nothing, or a digest (its own, or for a tag what it names; none for an upload).
type Found = Option<Option<Digest>>;

/// What a client asks for, as often as it has to.
type Request = Box<dyn Fn(&Storage) -> Result<()>>;

/// A request that was made.
struct Step {
    /// How many operations there were when it came, and when it was acknowledged.
    begin: usize,
    end: usize,
    /// What its acknowledgement says.
    said: Vec<(Item, Found)>,
    /// Its tags and manifests change together.
    is_in_one_step: bool,
    /// The request.
    request: Request,
}

/// An upload session, and the contents that its bytes may be the start of.
#[derive(Clone)]
pub struct Session {
    name: Name,
    id: UploadId,
    contents: Vec<Vec<u8>>,
}

/// A history that is being made.
pub struct Trial {
    recording: Recording,
    directory: TempDir,
    names: Names,
    storage: Storage,
    steps: Vec<Step>,
    sessions: Vec<(usize, Session)>,
    /// How many operations there were when an upload had got something.
    pauses: Vec<usize>,
    contents: BTreeMap<Digest, Vec<u8>>,
}

/// The root is to be made as well.
fn root(directory: &Path) -> PathBuf {
    directory.join("new/above/data")
}

/// What is known of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Nothing: each directory has to be synced.
    InAnyOrder,
    /// One sync makes all earlier changes of names durable.
    InOrder,
}

fn open(directory: &Path, names: Names) -> Storage {
    let root = root(directory);
    let driver = match names {
        Names::InAnyOrder => Filesystem::new(root, 4),
        Names::InOrder => Filesystem::in_order(root, 4),
    };
    let driver: Arc<dyn Driver> = Arc::new(driver.unwrap());
    Storage::new(driver, roomy_options())
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A body that cannot be read.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

/// What was to be deleted may be gone already.
fn gone(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(
            Error::BlobUnknown
            | Error::ManifestUnknown
            | Error::UploadUnknown
            | Error::RepositoryUnknown,
        ) => Ok(()),
        other => other,
    }
}

impl Trial {
    /// A history that begins with the creation of the root directory.
    pub fn new(names: Names) -> Trial {
        let directory = directory_in_memory();
        let recording = Recording::begin(directory.path());
        let storage = open(directory.path(), names);
        Trial {
            recording,
            directory,
            names,
            storage,
            steps: Vec::new(),
            sessions: Vec::new(),
            pauses: Vec::new(),
            contents: BTreeMap::new(),
        }
    }

    fn step(
        &mut self,
        said: Vec<(Item, Found)>,
        request: impl Fn(&Storage) -> Result<()> + 'static,
    ) {
        let begin = self.recording.length();
        request(&self.storage).unwrap();
        self.steps.push(Step {
            begin,
            end: self.recording.length(),
            said,
            is_in_one_step: false,
            request: Box::new(request),
        });
    }

    /// Another process serves the directory from here on.
    pub fn restart(&mut self) {
        self.storage = open(self.directory.path(), self.names);
    }

    fn know(&mut self, content: &[u8]) -> Digest {
        let digest = digest(content);
        self.contents.insert(digest.clone(), content.to_owned());
        digest
    }

    fn blob(&mut self, repository: &str, content: &[u8]) -> (Item, Found) {
        let digest = self.know(content);
        let item = Item::Blob(name(repository), digest.clone());
        (item, Some(Some(digest)))
    }

    /// Pushes a blob in one request.
    pub fn push(&mut self, repository: &str, content: &[u8]) {
        let said = vec![self.blob(repository, content)];
        let (name, content) = (name(repository), content.to_owned());
        self.step(said, move |storage| {
            let mut body = &content[..];
            let chunk = chunk(&mut body, Offset::Unstated);
            storage.put_blob(&name, &digest(&content), chunk)
        });
    }

    /// Pushes a blob by a session, in so many requests.
    pub fn push_in_pieces(&mut self, repository: &str, content: &[u8], pieces: usize) {
        let said = vec![self.blob(repository, content)];
        let (name, content) = (name(repository), content.to_owned());
        self.step(said, move |storage| {
            let id = storage.start_upload(&name, Algorithm::Sha256, None)?;
            for mut piece in content.chunks(content.len().div_ceil(pieces)) {
                storage.append_upload(&name, &id, chunk(&mut piece, Offset::Unstated))?;
            }
            let nothing = &mut io::empty();
            let last = chunk(nothing, Offset::Unstated);
            storage.commit_upload(&name, &id, &digest(&content), last)
        });
    }

    pub fn mount(&mut self, repository: &str, content: &[u8], from: &str) {
        let said = vec![self.blob(repository, content)];
        let (to, from, digest) = (name(repository), name(from), digest(content));
        self.step(said, move |storage| {
            match storage.mount_blob(&to, &digest, Some(&from))? {
                true => Ok(()),
                false => Err(Error::BlobUnknown),
            }
        });
    }

    /// Puts a manifest, with these tags.
    pub fn put(&mut self, repository: &str, content: &[u8], tags: &[&str]) {
        let (name, digest) = (name(repository), self.know(content));
        let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        let manifest = Item::Manifest(name.clone(), digest.clone());
        let tag = |tag: &Tag| Item::Tag(name.clone(), tag.clone());
        let items = std::iter::once(manifest).chain(tags.iter().map(tag));
        let said = items
            .map(|item| (item, Some(Some(digest.clone()))))
            .collect();
        let content = content.to_owned();
        self.step(said, move |storage| {
            let manifest = CheckedManifest::check(&content, None, None).unwrap();
            let tagging = Tagging {
                tags: &tags,
                may_move: true,
            };
            storage
                .put_manifest(&name, &manifest, tagging, &Validation::default())
                .map(drop)
        });
    }

    pub fn delete_tag(&mut self, repository: &str, tag: &str) {
        let (name, tag): (Name, Tag) = (name(repository), tag.parse().unwrap());
        let said = vec![(Item::Tag(name.clone(), tag.clone()), None)];
        self.step(said, move |storage| gone(storage.delete_tag(&name, &tag)));
    }

    /// Deletes a manifest, and with it the tags that name it.
    pub fn delete_manifest(&mut self, repository: &str, content: &[u8]) {
        let (name, digest) = (name(repository), digest(content));
        let now = self.expected(self.recording.length());
        let is_named = |(item, found): (&Item, &Found)| {
            let is_here = matches!(item, Item::Tag(of, _) if *of == name);
            is_here && *found == Some(Some(digest.clone()))
        };
        let tags = now.iter().filter(|one| is_named(*one));
        let mut said: Vec<_> = tags.map(|(item, _)| (item.clone(), None)).collect();
        said.push((Item::Manifest(name.clone(), digest.clone()), None));
        self.step(said, move |storage| {
            gone(storage.delete_manifest(&name, &digest))
        });
    }

    pub fn delete_blob(&mut self, repository: &str, content: &[u8]) {
        let (name, digest) = (name(repository), digest(content));
        let said = vec![(Item::Blob(name.clone(), digest.clone()), None)];
        self.step(said, move |storage| {
            gone(storage.delete_blob(&name, &digest))
        });
    }

    /// Deletes a repository with all that was acknowledged to be in it.
    pub fn delete_repository(&mut self, repository: &str) {
        let name = name(repository);
        let now = self.expected(self.recording.length());
        let is_here = |item: &&Item| match item {
            Item::Blob(of, _) | Item::Manifest(of, _) => *of == name,
            Item::Tag(of, _) | Item::Upload(of, _) => *of == name,
        };
        let said = now.keys().filter(is_here);
        let said = said.map(|item| (item.clone(), None)).collect();
        self.step(said, move |storage| gone(storage.delete_repository(&name)));
        if let Some(step) = self.steps.last_mut() {
            step.is_in_one_step = true;
        }
    }

    /// Starts an upload session. After a power cut each of the contents is tried.
    pub fn start(&mut self, repository: &str, contents: &[&[u8]]) -> Session {
        let name = name(repository);
        let at = self.recording.length();
        let id = self.storage.start_upload(&name, Algorithm::Sha256, None);
        for content in contents {
            self.know(content);
        }
        let session = Session {
            name,
            id: id.unwrap(),
            contents: contents.iter().map(|content| content.to_vec()).collect(),
        };
        self.sessions.push((at, session.clone()));
        session
    }

    /// Adds to a session from there on. That is acknowledged, but not promised to survive a power cut.
    pub fn append(&mut self, session: &Session, offset: u64, mut piece: &[u8]) {
        let chunk = chunk(&mut piece, Offset::Location(offset));
        let appended = self
            .storage
            .append_upload(&session.name, &session.id, chunk);
        appended.unwrap();
        self.pauses.push(self.recording.length());
    }

    /// The same, and then the client's connection breaks.
    pub fn append_and_break(&mut self, session: &Session, offset: u64, piece: &[u8]) {
        let mut body = piece.chain(Broken);
        let chunk = chunk(&mut body, Offset::Location(offset));
        let appended = self
            .storage
            .append_upload(&session.name, &session.id, chunk);
        assert!(matches!(appended, Err(Error::Body(_))));
        self.pauses.push(self.recording.length());
    }

    /// Ends a session with what it lacks of a content.
    pub fn commit(&mut self, session: &Session, content: &[u8], from: usize) {
        let digest = self.know(content);
        let blob = Item::Blob(session.name.clone(), digest.clone());
        let begin = self.recording.length();
        let mut rest = &content[from..];
        let last = chunk(&mut rest, Offset::Unstated);
        let committed = self
            .storage
            .commit_upload(&session.name, &session.id, &digest, last);
        committed.unwrap();
        let (name, whole) = (session.name.clone(), content.to_owned());
        let said = vec![(blob, Some(Some(digest.clone())))];
        self.steps.push(Step {
            begin,
            end: self.recording.length(),
            said,
            is_in_one_step: false,
            // Its session may be gone: the client begins anew.
            request: Box::new(move |storage| {
                let mut body = &whole[..];
                storage.put_blob(&name, &digest, chunk(&mut body, Offset::Unstated))
            }),
        });
    }

    pub fn cancel(&mut self, session: &Session) {
        let (name, id) = (session.name.clone(), session.id.clone());
        let said = vec![(Item::Upload(name.clone(), id.clone()), None)];
        self.step(said, move |storage| gone(storage.cancel_upload(&name, &id)));
    }

    /// What was acknowledged before that operation.
    fn expected(&self, operations: usize) -> BTreeMap<Item, Found> {
        let ended = self.steps.iter().filter(|step| step.end <= operations);
        ended.flat_map(|step| step.said.iter().cloned()).collect()
    }
}
