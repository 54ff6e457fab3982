//! The errors of the API: one table from code to wire name, status and text (distribution spec,
//! "Error Codes").

use serde_json::{Value, json};

/// What went wrong. Several codes share a wire name where the specs have one name for two statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The table below says what each is.
pub enum Code {
    BlobUnknown,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestTooLarge,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    RangeInvalid,
    SizeInvalid,
    BodyCut,
    TagInvalid,
    TooManyTags,
    MethodNotAllowed,
    Unsupported,
    Unauthorized,
    Denied,
    TooManyRequests,
    PathUnknown,
    RequestInvalid,
    BodyTimeout,
    StorageFull,
    Unavailable,
    Unknown,
}

/// One row: code, wire name, HTTP status, message.
type Row = (Code, &'static str, u16, &'static str);

/// The one table. Names and statuses are the distribution spec's where it has them and
/// distribution's (`registry/api/errcode`) where it has not; `PATH_UNKNOWN` is ours.
///
/// The messages are not those of distribution: its clients in Go (docker, skopeo, podman, containerd)
/// drop a standard message that comes without a detail, and show only the code. The
/// two messages that are standard are `UNAUTHORIZED` and `DENIED`, whose detail says what was requested.
pub const TABLE: [Row; 26] = [
    (
        Code::BlobUnknown,
        "BLOB_UNKNOWN",
        404,
        "blob unknown to this repository",
    ),
    (
        Code::BlobUploadUnknown,
        "BLOB_UPLOAD_UNKNOWN",
        404,
        "upload session unknown to this repository",
    ),
    (
        Code::DigestInvalid,
        "DIGEST_INVALID",
        400,
        "the digest is invalid, or not that of the content",
    ),
    (
        Code::ManifestBlobUnknown,
        "MANIFEST_BLOB_UNKNOWN",
        400,
        "manifest references a manifest or blob unknown to registry",
    ),
    (
        Code::ManifestInvalid,
        "MANIFEST_INVALID",
        400,
        "the manifest is invalid",
    ),
    (
        Code::ManifestTooLarge,
        "MANIFEST_INVALID",
        413,
        "manifest too large",
    ),
    (
        Code::ManifestUnknown,
        "MANIFEST_UNKNOWN",
        404,
        "manifest unknown to registry",
    ),
    (
        Code::NameInvalid,
        "NAME_INVALID",
        400,
        "the repository name is invalid",
    ),
    (
        Code::NameUnknown,
        "NAME_UNKNOWN",
        404,
        "repository unknown to this registry",
    ),
    (
        Code::PaginationNumberInvalid,
        "PAGINATION_NUMBER_INVALID",
        400,
        "the number of entries is invalid",
    ),
    (
        Code::RangeInvalid,
        "RANGE_INVALID",
        416,
        "the content range is invalid",
    ),
    (
        Code::SizeInvalid,
        "SIZE_INVALID",
        400,
        "the length is not that of the content",
    ),
    (Code::TagInvalid, "TAG_INVALID", 400, "the tag is invalid"),
    (
        Code::BodyCut,
        "SIZE_INVALID",
        400,
        "the client closed the connection before the end of its request",
    ),
    (
        Code::TooManyTags,
        "TAG_INVALID",
        414,
        "too many tags in one request",
    ),
    (
        Code::MethodNotAllowed,
        "UNSUPPORTED",
        405,
        "the method is not allowed here",
    ),
    (
        Code::Unsupported,
        "UNSUPPORTED",
        405,
        "the operation is unsupported",
    ),
    (
        Code::Unauthorized,
        "UNAUTHORIZED",
        401,
        "authentication required",
    ),
    (
        Code::Denied,
        "DENIED",
        403,
        "requested access to the resource is denied",
    ),
    (
        Code::TooManyRequests,
        "TOOMANYREQUESTS",
        429,
        "too many requests; try again later",
    ),
    (
        Code::PathUnknown,
        "PATH_UNKNOWN",
        404,
        "the registry has no such endpoint",
    ),
    (
        Code::RequestInvalid,
        "UNSUPPORTED",
        400,
        "the request cannot be understood",
    ),
    (
        Code::BodyTimeout,
        "SIZE_INVALID",
        408,
        "the request body arrived too slowly",
    ),
    (
        Code::StorageFull,
        "UNAVAILABLE",
        507,
        "the registry's storage is full",
    ),
    (
        Code::Unavailable,
        "UNAVAILABLE",
        503,
        "the registry is unavailable; try again later",
    ),
    (
        Code::Unknown,
        "UNKNOWN",
        500,
        "the registry failed; its log says why",
    ),
];

impl Code {
    fn row(self) -> Row {
        let same = |row: &&Row| row.0 == self;
        TABLE
            .iter()
            .find(same)
            .copied()
            .unwrap_or((self, "UNKNOWN", 500, "the registry failed"))
    }

    /// The name in the `code` member.
    pub fn wire_name(self) -> &'static str {
        self.row().1
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().2
    }

    /// The message when nothing more precise is known.
    pub fn message(self) -> &'static str {
        self.row().3
    }
}

/// Longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 2048;

/// Longest text in a detail, in bytes: more than a reference with its repository has.
const DETAIL_BYTES_MAX: usize = 1024;

/// The beginning of a text, at most this many bytes.
pub(crate) fn excerpt(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// Cuts a text that is too long, visibly.
fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(excerpt(text, bytes_max).len());
        text.push_str("...");
        text.shrink_to_fit();
    }
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// For a person; when `None`, the code's own text.
    pub message: Option<String>,
    /// The things it is about, one `errors` entry each; none is one entry without a detail. A thing is
    /// its bare text (a digest, a tag), since clients print what they find: `map[digest:sha256:...]`.
    pub details: Vec<Value>,
    /// Headers that belong to the response (`Allow`, `Range`, `Location`, ...).
    pub headers: Vec<(&'static str, String)>,
    /// The cause, for the log only. Never sent.
    pub cause: Option<String>,
}

impl Error {
    /// An error with the code's own message.
    pub fn new(code: Code) -> Error {
        Error {
            code,
            message: None,
            details: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// Replaces the table's message. What is very long is cut: it may contain a client's text, and is
    /// logged as well.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Error {
        let mut message = message.into();
        cut(&mut message, MESSAGE_BYTES_MAX);
        self.message = Some(message);
        self
    }

    /// Adds a thing that it is about. Longer texts than any such thing are cut.
    #[must_use]
    pub fn detail(mut self, mut detail: Value) -> Error {
        match &mut detail {
            Value::String(text) => cut(text, DETAIL_BYTES_MAX),
            Value::Object(members) => members.values_mut().for_each(|value| {
                if let Value::String(text) = value {
                    cut(text, DETAIL_BYTES_MAX);
                }
            }),
            _ => {}
        }
        self.details.push(detail);
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Error {
        self.headers.push((name, value.into()));
        self
    }

    /// Keeps the cause, for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl ToString) -> Error {
        self.cause = Some(cause.to_string());
        self
    }

    /// The message that is sent.
    pub fn text(&self) -> &str {
        self.message.as_deref().unwrap_or(self.code.message())
    }

    /// The body: `{"errors":[{"code","message","detail"}]}`.
    pub fn to_json(&self) -> Vec<u8> {
        let (code, message) = (self.code.wire_name(), self.text());
        let entry = |detail: &Value| json!({"code": code, "message": message, "detail": detail});
        let entries: Vec<Value> = match self.details.as_slice() {
            [] => vec![json!({"code": code, "message": message})],
            details => details.iter().map(entry).collect(),
        };
        let mut body = json!({ "errors": entries }).to_string().into_bytes();
        body.push(b'\n');
        body
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Error {
        Error::new(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_exactly_one_row_and_a_wire_name_of_the_spec_form() {
        for (code, name, status, message) in TABLE {
            assert_eq!(
                TABLE.iter().filter(|row| row.0 == code).count(),
                1,
                "{code:?}"
            );
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                "{name}"
            );
            assert!((400..600).contains(&status) && !message.is_empty());
        }
        // A code without a row would be a 500: the table is as long as the enum.
        assert_eq!(Code::Unknown as usize + 1, TABLE.len());
    }

    #[test]
    fn each_detail_is_an_entry_of_its_own() {
        let error = Error::new(Code::ManifestBlobUnknown)
            .detail("a".into())
            .detail("b".into());
        let body: Value = serde_json::from_slice(&error.to_json()).unwrap();
        assert_eq!(body["errors"][0]["code"], "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(body["errors"][1]["detail"], "b");
    }
}
