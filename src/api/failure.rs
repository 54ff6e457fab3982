//! The errors of the storage as errors of the API.

use crate::memory::Exhausted;
use crate::spec::validation::UrlProblem;
use crate::spec::{Code, Digest, Error};
use crate::storage::{self, MissingReferences};
use serde_json::json;
use std::io;
use std::time::Duration;

/// When to try again after too many files were open: requests end all the time.
const OUT_OF_FILES_RETRY_SECONDS: &str = "1";

/// When to try again while the use of quotas is being counted.
const COUNTING_RETRY_SECONDS: &str = "10";

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Error {
        match error {
            storage::Error::BlobUnknown => Code::BlobUnknown.into(),
            storage::Error::RepositoryUnknown => Code::NameUnknown.into(),
            storage::Error::ManifestUnknown => Code::ManifestUnknown.into(),
            storage::Error::ReferencesUnknown(missing) => references_unknown(missing),
            storage::Error::UrlRejected { url, problem } => {
                let text = match problem {
                    UrlProblem::NotAllowed => {
                        "the URL of a layer is not allowed (validation.manifests.urls)"
                    }
                    UrlProblem::Malformed => {
                        "the URL of a layer must be http or https, without a fragment"
                    }
                };
                Error::new(Code::ManifestInvalid)
                    .message(text)
                    .detail(json!(url))
            }
            storage::Error::TagClash { tag, kept } => {
                let text = format!(
                    "tag {tag} differs from the tag {kept} only by case, and this registry's disk cannot \
                     distinguish the two: delete {kept} first, or choose another tag"
                );
                Error::new(Code::TagInvalid)
                    .message(text)
                    .detail(tag.as_str().into())
            }
            storage::Error::TagExists(tag) => {
                let text = format!("the tag {tag} exists and may not be moved");
                Error::new(Code::Denied)
                    .message(text)
                    .detail(tag.as_str().into())
            }
            storage::Error::TagImmutable(tag) => {
                let text = format!(
                    "the tag {tag} is immutable: neither it nor what it names can be deleted \
                     (storage.maintenance.immutable)"
                );
                Error::new(Code::Denied)
                    .message(text)
                    .detail(tag.as_str().into())
            }
            storage::Error::QuotaExceeded(exceeded) => {
                let text = format!("{exceeded} (storage.maintenance.quota)");
                Error::new(Code::Denied).message(text)
            }
            storage::Error::QuotaNotCounted => Error::new(Code::Unavailable)
                .message(
                    "the registry is still counting what is used of its quotas; try again later",
                )
                .header("Retry-After", COUNTING_RETRY_SECONDS),
            storage::Error::UploadUnknown => Code::BlobUploadUnknown.into(),
            storage::Error::DigestMismatch { computed } => {
                let text = format!("the content that was sent has digest {computed}");
                Error::new(Code::DigestInvalid)
                    .message(text)
                    .detail(json!(computed))
            }
            storage::Error::WrongOffset { length } => {
                let text = format!("the upload has {length} bytes; resume at that offset");
                Error::new(Code::RangeInvalid)
                    .message(text)
                    .detail(json!({"offset": length}))
            }
            storage::Error::Superseded { length } => {
                let text = format!(
                    "a newer request on this upload took over; the upload has {length} bytes; resume at that offset"
                );
                Error::new(Code::RangeInvalid)
                    .message(text)
                    .detail(json!({"offset": length}))
            }
            storage::Error::TooManyUploads {
                by_address,
                retry_after,
            } => too_many_uploads(by_address, retry_after),
            storage::Error::WrongLength {
                announced,
                received,
            } => {
                let text = format!("the range has {announced} bytes and the body {received}");
                Error::new(Code::SizeInvalid).message(text)
            }
            storage::Error::Exhausted => exhausted(Exhausted),
            storage::Error::Body(error) => body(&error),
            storage::Error::Corrupt(digest) => {
                let text = format!("the stored content of {digest} is damaged: push it again");
                Error::new(Code::Unknown)
                    .message(text)
                    .detail(json!(digest))
            }
            storage::Error::Driver(error) if error.is_out_of_files() => {
                Error::new(Code::Unavailable)
                    .message("the registry has too many open files; try again in a moment")
                    .header("Retry-After", OUT_OF_FILES_RETRY_SECONDS)
                    .cause(error)
            }
            storage::Error::Driver(error) => {
                let (code, text) = if error.is_full() {
                    (Code::StorageFull, None)
                } else if error.is_read_only() || error.is_in_use() || error.is_locked() {
                    (
                        Code::Unavailable,
                        Some(
                            "the registry cannot write to its storage, or another program has opened or locked a file there",
                        ),
                    )
                } else if error.is_unreachable() {
                    (
                        Code::Unavailable,
                        Some("the registry's data cannot be reached; try again later"),
                    )
                } else {
                    (Code::Unknown, Some("the registry's storage failed"))
                };
                let failure = Error::new(code).cause(error);
                text.into_iter().fold(failure, Error::message)
            }
        }
    }
}

/// One detail for each missing reference that is named.
fn references_unknown(missing: MissingReferences) -> Error {
    let mut error = Error::new(Code::ManifestBlobUnknown);
    if missing.count > missing.named.len() {
        let text = format!(
            "the manifest names {} manifests or blobs that are unknown to the registry; the first {} are listed",
            missing.count,
            missing.named.len()
        );
        error = error.message(text);
    }
    let add = |error: Error, digest: &Digest| error.detail(json!(digest));
    missing.named.iter().fold(error, add)
}

fn too_many_uploads(by_address: bool, retry_after: Duration) -> Error {
    let (code, text) = match by_address {
        true => (
            Code::TooManyRequests,
            "too many uploads are open from this address (http.limits.uploadsperaddress): finish or cancel some, \
             or try again later",
        ),
        false => (
            Code::Unavailable,
            "too many uploads are open (http.limits.uploads): try again later",
        ),
    };
    Error::new(code)
        .message(text)
        .header("Retry-After", retry_after.as_secs().to_string())
}

/// The memory budget is used up at the moment.
pub fn exhausted(error: Exhausted) -> Error {
    Error::new(Code::Unavailable)
        .message(format!("{error}: try again"))
        .header("Retry-After", "1")
}

/// The request body could not be read.
pub fn body(error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::OutOfMemory => return exhausted(Exhausted),
        io::ErrorKind::UnexpectedEof => Code::BodyCut,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Code::BodyTimeout,
        _ => Code::SizeInvalid,
    };
    Error::new(code).message(format!("the request body could not be read: {error}"))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::driver::{self, Key};
    use rustix::io::Errno;

    #[test]
    fn running_out_of_files_is_unavailable_for_a_moment() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            let error = driver::Error::new(&Key::new("a"), errno.into());
            let error = Error::from(storage::Error::Driver(error));
            assert_eq!((error.code, error.code.status()), (Code::Unavailable, 503));
            assert_eq!(error.headers, [("Retry-After", "1".to_owned())]);
        }
    }
}
