//! Every path of CNCF distribution's disk layout, and nothing else: what is kept to its key, and back ([`parse`]).
//!
//! ```text
//! docker/registry/v2/
//!   blobs/<algorithm>/<first two hex digits>/<hex>/data
//!   repositories/<name>/
//!     _layers/<algorithm>/<hex>/link
//!     _manifests/revisions/<algorithm>/<hex>/link
//!     _manifests/tags/<tag>/current/link
//!     _manifests/tags/<tag>/index/<algorithm>/<hex>/link
//!     _manifests/referrers/<algorithm>/<subject's hex>/<algorithm>/<hex>/link    (ours)
//!     _uploads/<id>/...                                                          (what the driver puts there)
//!     _deleted/...                                                               (ours: of a deletion under way)
//! locks/<two hex digits>, locks/content-<two hex digits>, locks/server, locks/collection          (ours)
//! locks/grace                                                                    (ours)
//! lost+found/<algorithm>-<hex>                                                   (ours: what a verification put aside)
//! ```
//!
//! A `link` holds a digest and nothing else. Distribution's own walkers never look into `referrers`, nor next to `docker`.

use crate::driver::Key;
use crate::spec::{Algorithm, Digest, Name, Tag, UploadId};

const BLOBS: &str = "docker/registry/v2/blobs";
const LOCKS: &str = "locks";
const LOST_AND_FOUND: &str = "lost+found";
/// What is below it: repositories.
pub const REPOSITORIES: &str = "docker/registry/v2/repositories";

/// The directory of a repository that holds its layer links.
pub const LAYERS: &str = "_layers";
/// The directory that makes a directory a repository: it is in the catalog when it has this.
pub const MANIFESTS: &str = "_manifests";
/// The directory of a repository that holds its referrers, revisions and tags, in [`MANIFESTS`].
pub const REFERRERS: &str = "referrers";
/// See [`REFERRERS`].
pub const REVISIONS: &str = "revisions";
/// See [`REFERRERS`].
pub const TAGS: &str = "tags";
/// The file in the directory of a tag that says which manifest it names.
pub const TAG_CURRENT: &str = "current/link";
/// The directory of a repository that holds what was in [`MANIFESTS`] before it was deleted.
pub const DELETED: &str = "_deleted";
/// The directory of a repository that holds its upload sessions.
pub const UPLOADS: &str = "_uploads";

/// The directories that a push goes through; below the last two are those of blobs and repositories.
pub const DIRECTORIES: [&str; 6] = [
    "docker",
    "docker/registry",
    "docker/registry/v2",
    BLOBS,
    "docker/registry/v2/blobs/sha256",
    REPOSITORIES,
];

/// The bytes of a blob.
pub fn blob_data(digest: &Digest) -> Key {
    let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
    // A digest has 64 digits or more.
    let (first_two, _) = hex.split_at(2);
    Key::new(format!("{BLOBS}/{algorithm}/{first_two}/{hex}/data"))
}

/// The directory above all blobs.
pub fn blobs() -> Key {
    Key::new(BLOBS)
}

/// Where content goes that is not what its digest says; `copy` tells several with one digest apart.
pub fn lost_blob(digest: &Digest, copy: usize) -> Key {
    let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
    lost(&format!("{algorithm}-{hex}"), copy)
}

/// Where something goes that is not a file but is where one belongs.
pub fn lost_entry(key: &Key, copy: usize) -> Key {
    // A path may be too long to be a name.
    let digest = Algorithm::Sha256.digest(key.as_str().as_bytes());
    let (beginning, _) = digest.hex().split_at(16);
    lost(&format!("entry-{beginning}"), copy)
}

fn lost(name: &str, copy: usize) -> Key {
    Key::new(match copy {
        0 => format!("{LOST_AND_FOUND}/{name}"),
        copy => format!("{LOST_AND_FOUND}/{name}.{copy}"),
    })
}

/// The directory above all repositories.
pub fn repositories() -> Key {
    Key::new(REPOSITORIES)
}

/// The directory of a repository.
pub fn repository(name: &Name) -> Key {
    Key::new(format!("{REPOSITORIES}/{name}"))
}

/// What processes lock to change a repository. Some repositories share one, so that there are at most 256.
pub fn lock(name: &Name) -> Key {
    let digest = Algorithm::Sha256.digest(name.as_str().as_bytes());
    let (first_two, _) = digest.hex().split_at(2);
    Key::new(format!("{LOCKS}/{first_two}"))
}

/// What processes lock to store, link or remove content: one for each first byte of a digest.
pub fn content_lock(digest: &Digest) -> Key {
    let (first_two, _) = digest.hex().split_at(2);
    Key::new(format!("{LOCKS}/content-{first_two}"))
}

/// What every process that serves the data shares, so that nobody works on data that is served.
pub fn server_lock() -> Key {
    Key::new(format!("{LOCKS}/server"))
}

/// What a verification in the background has exclusively, so that there is one at a time.
pub fn verification_lock() -> Key {
    Key::new(format!("{LOCKS}/verification"))
}

/// An empty object, written when a verification in the background ends.
pub fn verified() -> Key {
    Key::new(format!("{LOCKS}/verified"))
}

/// What a collection has exclusively, so that there is one at a time.
pub fn collection_lock() -> Key {
    Key::new(format!("{LOCKS}/collection"))
}

/// The grace of collections in seconds, which every registry on the data looks at.
pub fn collection_grace() -> Key {
    Key::new(format!("{LOCKS}/grace"))
}

/// The directory of a repository's manifests.
pub fn manifests(name: &Name) -> Key {
    Key::new(format!("{REPOSITORIES}/{name}/{MANIFESTS}"))
}

/// The file that says that a repository has a blob.
pub fn layer_link(name: &Name, digest: &Digest) -> Key {
    link(&format!("{REPOSITORIES}/{name}/{LAYERS}"), digest)
}

/// The directory of the digests of one algorithm that a repository has as blobs.
pub fn layers(name: &Name, algorithm: Algorithm) -> Key {
    let algorithm = algorithm.name();
    Key::new(format!("{REPOSITORIES}/{name}/{LAYERS}/{algorithm}"))
}

/// The directory of the digests of one algorithm that a repository has as manifests.
pub fn revisions(name: &Name, algorithm: Algorithm) -> Key {
    Key::new(format!(
        "{REPOSITORIES}/{name}/{MANIFESTS}/revisions/{}",
        algorithm.name()
    ))
}

/// The file that says that a repository has a manifest.
pub fn revision_link(name: &Name, digest: &Digest) -> Key {
    link(
        &format!("{REPOSITORIES}/{name}/{MANIFESTS}/revisions"),
        digest,
    )
}

/// The directory of a repository's tags.
pub fn tags(name: &Name) -> Key {
    Key::new(format!("{REPOSITORIES}/{name}/{MANIFESTS}/tags"))
}

/// The directory of a tag.
pub fn tag(name: &Name, tag: &Tag) -> Key {
    tags(name).child(tag.as_str())
}

/// The file that says which manifest a tag names.
pub fn tag_current(name: &Name, tag: &Tag) -> Key {
    Key::new(format!("{}/{tag}/{TAG_CURRENT}", tags(name)))
}

/// The directory of the digests of one algorithm that a tag names or once named.
pub fn tag_history(name: &Name, tag: &Tag, algorithm: Algorithm) -> Key {
    Key::new(format!("{}/{tag}/index/{}", tags(name), algorithm.name()))
}

/// The file that says that a tag names or once named a manifest.
pub fn tag_index(name: &Name, tag: &Tag, digest: &Digest) -> Key {
    link(&format!("{}/{tag}/index", tags(name)), digest)
}

/// The directory of the digests of one algorithm that have referrers in a repository.
pub fn subjects(name: &Name, algorithm: Algorithm) -> Key {
    let algorithm = algorithm.name();
    Key::new(format!(
        "{REPOSITORIES}/{name}/{MANIFESTS}/{REFERRERS}/{algorithm}"
    ))
}

/// The directory of the referrers to a subject that have a digest of one algorithm.
pub fn referrers(name: &Name, subject: &Digest, algorithm: Algorithm) -> Key {
    Key::new(format!(
        "{}/{}",
        referrers_of(name, subject),
        algorithm.name()
    ))
}

/// The file that says that a manifest refers to a subject.
pub fn referrer_link(name: &Name, subject: &Digest, referrer: &Digest) -> Key {
    link(&referrers_of(name, subject), referrer)
}

/// The directory of a repository's upload sessions.
pub fn uploads(name: &Name) -> Key {
    Key::new(format!("{REPOSITORIES}/{name}/{UPLOADS}"))
}

/// The directory of an upload session, which belongs to the driver.
pub fn upload(name: &Name, id: &UploadId) -> Key {
    uploads(name).child(id.as_str())
}

fn referrers_of(name: &Name, subject: &Digest) -> String {
    let (algorithm, hex) = (subject.algorithm().name(), subject.hex());
    format!("{REPOSITORIES}/{name}/{MANIFESTS}/referrers/{algorithm}/{hex}")
}

fn link(directory: &str, digest: &Digest) -> Key {
    Key::new(format!(
        "{directory}/{}/{}/link",
        digest.algorithm().name(),
        digest.hex()
    ))
}

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The bytes of a blob: [`blob_data`].
    Blob(Digest),
    /// [`layer_link`].
    Layer(Name, Digest),
    /// [`revision_link`].
    Revision(Name, Digest),
    /// [`tag_current`].
    TagCurrent(Name, Tag),
    /// [`tag_index`].
    TagIndex(Name, Tag, Digest),
    /// [`referrer_link`]: the subject, then the referrer.
    Referrer(Name, Digest, Digest),
    /// Something in [`upload`], which the driver puts there.
    Upload(Name, UploadId),
}

/// The repository that a key is in; `None` for one that may be above several.
pub fn repository_of(key: &Key) -> Option<Name> {
    let rest = key.as_str().strip_prefix(REPOSITORIES)?.strip_prefix('/')?;
    rest.split_once("/_")?.0.parse().ok()
}

/// What is kept under a key; `None` for what is no part of the layout.
pub fn parse(key: &Key) -> Option<Kept> {
    let path = key.as_str();
    if let Some(rest) = path.strip_prefix(BLOBS) {
        let words: Vec<&str> = rest.strip_prefix('/')?.split('/').collect();
        let [algorithm, first_two, hex, "data"] = words[..] else {
            return None;
        };
        let digest = digest(algorithm, hex).filter(|_| hex.starts_with(first_two));
        return digest.filter(|_| first_two.len() == 2).map(Kept::Blob);
    }
    let rest = path.strip_prefix(REPOSITORIES)?.strip_prefix('/')?;
    // No component of a name starts with an underscore.
    let (name, rest) = rest.split_once("/_")?;
    let name: Name = name.parse().ok()?;
    let words: Vec<&str> = rest.split('/').collect();
    match words[..] {
        ["layers", algorithm, hex, "link"] => Some(Kept::Layer(name, digest(algorithm, hex)?)),
        ["manifests", "revisions", algorithm, hex, "link"] => {
            Some(Kept::Revision(name, digest(algorithm, hex)?))
        }
        ["manifests", "tags", tag, "current", "link"] => {
            Some(Kept::TagCurrent(name, tag.parse().ok()?))
        }
        ["manifests", "tags", tag, "index", algorithm, hex, "link"] => {
            let digest = digest(algorithm, hex)?;
            Some(Kept::TagIndex(name, tag.parse().ok()?, digest))
        }
        [
            "manifests",
            "referrers",
            algorithm,
            hex,
            by,
            referrer,
            "link",
        ] => {
            let subject = digest(algorithm, hex)?;
            Some(Kept::Referrer(name, subject, digest(by, referrer)?))
        }
        ["uploads", id, _, ..] => Some(Kept::Upload(name, id.parse().ok()?)),
        _ => None,
    }
}

fn digest(algorithm: &str, hex: &str) -> Option<Digest> {
    format!("{algorithm}:{hex}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_are_those_of_distribution() {
        let name: Name = "library/hello".parse().unwrap();
        let tag: Tag = "v1".parse().unwrap();
        let hex = "ab".repeat(32);
        let digest: Digest = format!("sha256:{hex}").parse().unwrap();
        let home = "docker/registry/v2/repositories/library/hello";
        for (key, path) in [
            (
                blob_data(&digest),
                format!("docker/registry/v2/blobs/sha256/ab/{hex}/data"),
            ),
            (
                layer_link(&name, &digest),
                format!("{home}/_layers/sha256/{hex}/link"),
            ),
            (
                revision_link(&name, &digest),
                format!("{home}/_manifests/revisions/sha256/{hex}/link"),
            ),
            (
                tag_current(&name, &tag),
                format!("{home}/_manifests/tags/v1/current/link"),
            ),
            (
                tag_index(&name, &tag, &digest),
                format!("{home}/_manifests/tags/v1/index/sha256/{hex}/link"),
            ),
        ] {
            assert_eq!(key.as_str(), path);
        }
    }

    #[test]
    fn a_key_leads_back_to_what_is_kept_under_it() {
        let name: Name = "tags/index".parse().unwrap();
        let tag: Tag = "_manifests".parse().unwrap();
        let id: UploadId = "ffffffff-ffff-4fff-bfff-ffffffffffff".parse().unwrap();
        let [one, other] = [Algorithm::Sha256, Algorithm::Sha512].map(|a| a.digest(b"x"));
        for (key, kept) in [
            (blob_data(&other), Kept::Blob(other.clone())),
            (
                layer_link(&name, &one),
                Kept::Layer(name.clone(), one.clone()),
            ),
            (
                revision_link(&name, &other),
                Kept::Revision(name.clone(), other.clone()),
            ),
            (
                tag_current(&name, &tag),
                Kept::TagCurrent(name.clone(), tag.clone()),
            ),
            (
                tag_index(&name, &tag, &one),
                Kept::TagIndex(name.clone(), tag.clone(), one.clone()),
            ),
            (
                referrer_link(&name, &one, &other),
                Kept::Referrer(name.clone(), one.clone(), other.clone()),
            ),
        ] {
            assert_eq!(parse(&key), Some(kept), "{key}");
            // No shorter or longer key is one of the layout.
            assert_eq!(parse(&key.parent()), None, "{key}");
            assert_eq!(parse(&key.child("x")), None, "{key}");
        }
        let session = upload(&name, &id);
        assert_eq!(parse(&session), None);
        for inside in [session.child("data"), session.child("x/y")] {
            assert_eq!(parse(&inside), Some(Kept::Upload(name.clone(), id.clone())));
        }
        let blob = blob_data(&one);
        let wrong = blob.as_str().replacen(&one.hex()[..2], "zz", 1);
        assert_eq!(parse(&Key::new(wrong)), None);
    }
}
