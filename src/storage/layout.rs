//! Every path of CNCF distribution's disk layout, and nothing else.
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
//!     _uploads/<id>/data, _uploads/<id>/startedat
//! locks/<two hex digits>                                                         (ours)
//! ```
//!
//! A `link` holds a digest and nothing else. Distribution's own walkers never look into `referrers`, nor beside `docker`.

use crate::driver::Key;
use crate::spec::{Algorithm, Digest, Name, Tag, UploadId};

const BLOBS: &str = "docker/registry/v2/blobs";
const LOCKS: &str = "locks";
const REPOSITORIES: &str = "docker/registry/v2/repositories";

/// The folder of a repository that holds its layer links.
pub const LAYERS: &str = "_layers";
/// The folder that makes a repository one: it is in the catalog when it has this.
pub const MANIFESTS: &str = "_manifests";
/// The folder of a repository that holds its upload sessions.
pub const UPLOADS: &str = "_uploads";

/// The folders that a push goes through; below the last two are those of blobs and repositories.
pub const FOLDERS: [&str; 6] = [
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
    let first_two = hex.get(..2).unwrap_or_default();
    Key::new(format!("{BLOBS}/{algorithm}/{first_two}/{hex}/data"))
}

/// The folder above all repositories.
pub fn repositories() -> Key {
    Key::new(REPOSITORIES)
}

/// The folder of a repository.
pub fn repository(name: &Name) -> Key {
    Key::new(format!("{REPOSITORIES}/{name}"))
}

/// What processes lock that change a repository. A few repositories share one, so that there are few.
pub fn lock(name: &Name) -> Key {
    let digest = Algorithm::Sha256.digest(name.as_str().as_bytes());
    let first_two = digest.hex().get(..2).unwrap_or_default();
    Key::new(format!("{LOCKS}/{first_two}"))
}

/// The folder of a repository's manifests.
pub fn manifests(name: &Name) -> Key {
    Key::new(format!("{REPOSITORIES}/{name}/{MANIFESTS}"))
}

/// The file that says that a repository has a blob.
pub fn layer_link(name: &Name, digest: &Digest) -> Key {
    link(&format!("{REPOSITORIES}/{name}/{LAYERS}"), digest)
}

/// The folder of the digests of one algorithm that a repository has as manifests.
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

/// The folder of a repository's tags.
pub fn tags(name: &Name) -> Key {
    Key::new(format!("{REPOSITORIES}/{name}/{MANIFESTS}/tags"))
}

/// The folder of a tag.
pub fn tag(name: &Name, tag: &Tag) -> Key {
    tags(name).child(tag.as_str())
}

/// The file that says which manifest a tag names.
pub fn tag_current(name: &Name, tag: &Tag) -> Key {
    Key::new(format!("{}/{tag}/current/link", tags(name)))
}

/// The file that says that a tag names or once named a manifest.
pub fn tag_index(name: &Name, tag: &Tag, digest: &Digest) -> Key {
    link(&format!("{}/{tag}/index", tags(name)), digest)
}

/// The folder of the referrers to a subject that have a digest of one algorithm.
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

/// The folder of a repository's upload sessions.
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

fn link(folder: &str, digest: &Digest) -> Key {
    Key::new(format!(
        "{folder}/{}/{}/link",
        digest.algorithm().name(),
        digest.hex()
    ))
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
}
