//! What a user of a client in Go reads: docker, skopeo, podman, containerd and buildkit read errors with
//! the package `errcode` of distribution, which keeps a message only if it has to.

use serde_json::Value;

/// The messages that the package knows by heart (`registry/api/errcode/register.go`).
const STANDARD: [(&str, &str); 20] = [
    ("UNKNOWN", "unknown error"),
    ("UNSUPPORTED", "The operation is unsupported."),
    ("UNAUTHORIZED", "authentication required"),
    ("DENIED", "requested access to the resource is denied"),
    ("UNAVAILABLE", "service unavailable"),
    ("TOOMANYREQUESTS", "too many requests"),
    (
        "DIGEST_INVALID",
        "provided digest did not match uploaded content",
    ),
    (
        "SIZE_INVALID",
        "provided length did not match content length",
    ),
    ("RANGE_INVALID", "invalid content range"),
    ("NAME_INVALID", "invalid repository name"),
    ("TAG_INVALID", "manifest tag did not match URI"),
    ("NAME_UNKNOWN", "repository name not known to registry"),
    ("MANIFEST_UNKNOWN", "manifest unknown"),
    ("MANIFEST_INVALID", "manifest invalid"),
    (
        "MANIFEST_UNVERIFIED",
        "manifest failed signature verification",
    ),
    ("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"),
    ("BLOB_UNKNOWN", "blob unknown to registry"),
    ("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"),
    ("BLOB_UPLOAD_INVALID", "blob upload invalid"),
    (
        "PAGINATION_NUMBER_INVALID",
        "invalid number of results requested",
    ),
];

/// What is shown of each error of a body (`Errors.UnmarshalJSON`, then `Error.Error`): without a detail
/// and with no message but the standard one, the code alone.
pub fn shown(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let errors = body["errors"].as_array().unwrap().iter();
    errors.map(shown_one).collect()
}

fn shown_one(error: &Value) -> String {
    let (code, message) = (
        error["code"].as_str().unwrap(),
        error["message"].as_str().unwrap_or_default(),
    );
    let known = STANDARD.iter().find(|(known, _)| *known == code);
    let (code, standard) = known.unwrap_or(&STANDARD[0]);
    let words = code.to_lowercase().replace('_', " ");
    match error["detail"].is_null() && (message.is_empty() || message == *standard) {
        true => words,
        false => format!("{words}: {message}"),
    }
}
