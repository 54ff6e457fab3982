//! What the storage says, in the words of the API.

use crate::spec::{Code, Error};
use crate::storage;
use serde_json::json;
use std::io;

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Error {
        match error {
            storage::Error::BlobUnknown => Code::BlobUnknown.into(),
            storage::Error::ManifestUnknown => Code::ManifestUnknown.into(),
            storage::Error::TagClash { tag, kept } => {
                let text = format!(
                    "tag {tag} differs from the tag {kept} only by case, and this registry's disk does \
                     not tell the two apart: delete {kept} first, or choose another tag"
                );
                Error::new(Code::TagInvalid)
                    .message(text)
                    .detail(json!({"tag": tag.as_str(), "exists": kept}))
            }
            storage::Error::UploadUnknown => Code::BlobUploadUnknown.into(),
            storage::Error::DigestMismatch { computed } => {
                let text = format!("the content that was sent has digest {computed}");
                Error::new(Code::DigestInvalid)
                    .message(text)
                    .detail(json!({"computed": computed}))
            }
            storage::Error::WrongOffset { length } => {
                let text = format!("the upload is at byte {length}: go on from there");
                Error::new(Code::RangeInvalid)
                    .message(text)
                    .detail(json!({"offset": length}))
            }
            storage::Error::WrongLength {
                announced,
                received,
            } => {
                let text = format!("the range has {announced} bytes and the body {received}");
                Error::new(Code::SizeInvalid).message(text)
            }
            storage::Error::Body(error) => body(&error),
            storage::Error::Corrupt(digest) => {
                let text = format!("the stored content of {digest} is damaged: push it again");
                Error::new(Code::Unknown)
                    .message(text)
                    .detail(json!({"digest": digest}))
            }
            storage::Error::Driver(error) => {
                let (code, text) = if error.is_full() {
                    (Code::StorageFull, None)
                } else if error.is_read_only() || error.is_in_use() {
                    (
                        Code::Unavailable,
                        Some(
                            "the registry cannot write to its storage, or another program has a file open there",
                        ),
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

/// A request body that could not be read.
pub fn body(error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::UnexpectedEof => Code::BodyCut,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Code::BodyTimeout,
        _ => Code::SizeInvalid,
    };
    Error::new(code).message(format!("the request body could not be read: {error}"))
}
