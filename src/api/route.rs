//! What a path names; no I/O (distribution spec, "Endpoints").
//!
//! A path is matched from its end, since a repository name may itself contain words like `blobs`.

use super::operation::Endpoint;
use crate::http::{Method, target};
use crate::spec::name::{InvalidReference, InvalidTag};
use crate::spec::{Code, Digest, Error, Name, Reference, UploadId};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/`: the server is alive.
    Root,
    /// `/v2/`: the API is spoken here.
    Base,
    /// `/v2/_catalog`.
    Catalog,
    /// `/v2/_token`: where this registry issues tokens.
    Token,
    /// `/v2/<name>/tags/list`.
    Tags(Name),
    /// `/v2/<name>/manifests/<reference>`.
    Manifest(Name, Reference),
    /// `/v2/<name>/referrers/<digest>`.
    Referrers(Name, Digest),
    /// `/v2/<name>/blobs/<digest>`.
    Blob(Name, Digest),
    /// `/v2/<name>/blobs/uploads/`.
    Uploads(Name),
    /// `/v2/<name>/blobs/uploads/<id>`.
    Upload(Name, UploadId),
    /// `/v2/<name>/`: see [`Route::repository_itself`].
    Repository(Name),
}

impl Route {
    /// Matches a raw path below `prefix` (which starts and ends with `/`).
    ///
    /// Errors: `PATH_UNKNOWN`, `NAME_INVALID`, `TAG_INVALID`, `DIGEST_INVALID`,
    /// `BLOB_UPLOAD_UNKNOWN`.
    pub fn parse(path: &str, prefix: &str) -> Result<Route, Error> {
        let decoded = target::decode(path).map_err(|error| {
            Error::new(Code::NameInvalid).message(format!("the path cannot be decoded: {error}"))
        })?;
        if decoded == "/" || decoded == prefix {
            return Ok(Route::Root);
        }
        let unknown = || Error::new(Code::PathUnknown).detail(decoded.as_ref().into());
        let rest = decoded.strip_prefix(prefix).ok_or_else(unknown)?;
        match rest.strip_prefix("v2") {
            Some("" | "/") => Ok(Route::Base),
            Some("/_catalog") => Ok(Route::Catalog),
            Some("/_token") => Ok(Route::Token),
            Some(rest) if rest.starts_with('/') => {
                repository_route(rest.trim_start_matches('/')).unwrap_or_else(|| Err(unknown()))
            }
            _ => Err(unknown()),
        }
    }

    /// Matches `/v2/<name>/`, which only [`Method::Delete`] asks for: for any other it is no endpoint, as in distribution.
    /// Without the slash it is none either, so that a path that lost its end deletes nothing.
    ///
    /// It is tried after [`Route::parse`], so that what is an endpoint otherwise stays that.
    pub fn repository_itself(path: &str, prefix: &str, method: &Method) -> Option<Route> {
        if !matches!(method, Method::Delete | Method::Options) {
            return None;
        }
        let decoded = target::decode(path).ok()?;
        let rest = decoded.strip_prefix(prefix)?.strip_prefix("v2/")?;
        Some(Route::Repository(rest.strip_suffix('/')?.parse().ok()?))
    }

    /// The form of the path.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Route::Root => Endpoint::Root,
            Route::Base => Endpoint::Base,
            Route::Catalog => Endpoint::Catalog,
            Route::Token => Endpoint::Token,
            Route::Tags(_) => Endpoint::Tags,
            Route::Manifest(..) => Endpoint::Manifest,
            Route::Referrers(..) => Endpoint::Referrers,
            Route::Blob(..) => Endpoint::Blob,
            Route::Uploads(_) => Endpoint::Uploads,
            Route::Upload(..) => Endpoint::Upload,
            Route::Repository(_) => Endpoint::Repository,
        }
    }

    /// The repository that the path is in.
    pub fn repository(&self) -> Option<&Name> {
        match self {
            Route::Root | Route::Base | Route::Catalog | Route::Token => None,
            Route::Tags(name)
            | Route::Manifest(name, _)
            | Route::Referrers(name, _)
            | Route::Blob(name, _)
            | Route::Uploads(name)
            | Route::Upload(name, _)
            | Route::Repository(name) => Some(name),
        }
    }
}

/// Matches what follows `/v2/`; `None` when it does not have the form of an endpoint.
fn repository_route(rest: &str) -> Option<Result<Route, Error>> {
    let (head, last) = rest.rsplit_once('/')?;
    if last == "uploads" || last.is_empty() {
        // The spec has a slash at the end; some clients leave it out.
        let uploads = if last.is_empty() { head } else { rest };
        if let Some(name) = uploads.strip_suffix("/blobs/uploads") {
            return Some(parse_name(name).map(Route::Uploads));
        }
    }
    if let Some(name) = head.strip_suffix("/blobs/uploads") {
        return Some(parse_name(name).and_then(|name| upload(name, last)));
    }
    let (name, noun) = head.rsplit_once('/')?;
    Some(match (noun, last) {
        ("tags", "list") => parse_name(name).map(Route::Tags),
        ("manifests", last) => parse_name(name).and_then(|name| manifest(name, last)),
        ("blobs", last) => parse_name(name)
            .and_then(|name| parse_digest(last).map(|digest| Route::Blob(name, digest))),
        ("referrers", last) => parse_name(name)
            .and_then(|name| parse_digest(last).map(|digest| Route::Referrers(name, digest))),
        _ => return None,
    })
}

fn manifest(name: Name, text: &str) -> Result<Route, Error> {
    match text.parse() {
        Ok(reference) => Ok(Route::Manifest(name, reference)),
        Err(InvalidReference::Tag(error)) => Err(invalid_tag(text, error)),
        Err(InvalidReference::Digest(error)) => Err(invalid_digest(text, error)),
    }
}

fn upload(name: Name, text: &str) -> Result<Route, Error> {
    let id = text
        .parse()
        .map_err(|_| Error::new(Code::BlobUploadUnknown).detail(text.into()))?;
    Ok(Route::Upload(name, id))
}

/// A repository name, or `NAME_INVALID`.
pub fn parse_name(text: &str) -> Result<Name, Error> {
    text.parse()
        .map_err(|error: crate::spec::name::InvalidName| {
            Error::new(Code::NameInvalid)
                .message(error.to_string())
                .detail(text.into())
        })
}

/// A digest, or `DIGEST_INVALID`.
pub fn parse_digest(text: &str) -> Result<Digest, Error> {
    text.parse().map_err(|error| invalid_digest(text, error))
}

/// `DIGEST_INVALID` for a text that is not a digest.
pub fn invalid_digest(text: &str, error: impl ToString) -> Error {
    Error::new(Code::DigestInvalid)
        .message(error.to_string())
        .detail(text.into())
}

/// `TAG_INVALID` for a text that is not a tag.
pub fn invalid_tag(text: &str, error: InvalidTag) -> Error {
    Error::new(Code::TagInvalid)
        .message(error.to_string())
        .detail(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ID: &str = "ffffffff-ffff-4fff-bfff-ffffffffffff";

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn paths_are_matched_from_their_end() {
        let digest: Digest = DIGEST.parse().unwrap();
        let by_tag = |tag: &str| Reference::Tag(tag.parse().unwrap());
        for (path, route) in [
            ("/", Route::Root),
            ("/v2", Route::Base),
            ("/v2/", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/_token", Route::Token),
            ("/v2/a/tags/list", Route::Tags(name("a"))),
            ("/v2/tags/list/tags/list", Route::Tags(name("tags/list"))),
            (
                "/v2/a/b/manifests/v1",
                Route::Manifest(name("a/b"), by_tag("v1")),
            ),
            (
                "/v2/a/manifests/manifests",
                Route::Manifest(name("a"), by_tag("manifests")),
            ),
            (
                &format!("/v2/blobs/uploads/blobs/{DIGEST}"),
                Route::Blob(name("blobs/uploads"), digest.clone()),
            ),
            (
                &format!("/v2/a/blobs/sha256%3A{}", digest.hex()),
                Route::Blob(name("a"), digest.clone()),
            ),
            (
                &format!("/v2/a/referrers/{DIGEST}"),
                Route::Referrers(name("a"), digest),
            ),
            ("/v2/a/blobs/uploads/", Route::Uploads(name("a"))),
            ("/v2/a/blobs/uploads", Route::Uploads(name("a"))),
            ("/v2/blobs/blobs/uploads/", Route::Uploads(name("blobs"))),
            (
                &format!("/v2/a/blobs/uploads/{ID}"),
                Route::Upload(name("a"), ID.parse().unwrap()),
            ),
        ] {
            assert_eq!(Route::parse(path, "/").unwrap(), route, "{path}");
        }
        assert_eq!(
            Route::parse("/x/v2/a/tags/list", "/x/").unwrap(),
            Route::Tags(name("a"))
        );
    }

    #[test]
    fn a_repository_itself_ends_with_a_slash_and_is_only_deleted() {
        for (method, path, expected) in [
            (Method::Delete, "/x/v2/a/", Some("a")),
            (Method::Delete, "/x/v2/a/tags/", Some("a/tags")),
            (Method::Options, "/x/v2/team/app/", Some("team/app")),
            (Method::Get, "/x/v2/a/", None),
            (Method::Delete, "/x/v2/a", None),
            (Method::Delete, "/x/v2/", None),
            (Method::Delete, "/x/v2//", None),
            (Method::Delete, "/x/v2/a//", None),
            (Method::Delete, "/x/v2/a%2f", Some("a")),
            (Method::Delete, "/x/v2/A/", None),
            (Method::Delete, "/x/v2/_catalog/", None),
            (Method::Delete, "/v2/a/", None),
        ] {
            let found = Route::repository_itself(path, "/x/", &method);
            let found = found.as_ref().and_then(Route::repository);
            assert_eq!(found.map(Name::as_str), expected, "{method} {path}");
        }
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        let long = format!("/v2/{}/tags/list", "a".repeat(256));
        for (path, code) in [
            ("/v3/", Code::PathUnknown),
            ("/v2/a", Code::PathUnknown),
            ("/v2/a/b/c", Code::PathUnknown),
            ("/v2/tags/list", Code::PathUnknown),
            ("/v2/a/tags/other", Code::PathUnknown),
            ("/v2/../tags/list", Code::NameInvalid),
            ("/v2/%2e%2e/tags/list", Code::NameInvalid),
            ("/v2/a%2f..%2fb/tags/list", Code::NameInvalid),
            ("/v2/a%00/tags/list", Code::NameInvalid),
            ("/v2/a%5cb/tags/list", Code::NameInvalid),
            ("/v2/a%zz/tags/list", Code::NameInvalid),
            ("/v2/A/tags/list", Code::NameInvalid),
            ("/v2/a//tags/list", Code::NameInvalid),
            (&long, Code::NameInvalid),
            ("/v2/a/manifests/-x", Code::TagInvalid),
            ("/v2/a/manifests/sha256:0", Code::DigestInvalid),
            ("/v2/a/blobs/latest", Code::DigestInvalid),
            ("/v2/a/blobs/uploads/x", Code::BlobUploadUnknown),
            ("/v2/a/blobs/uploads/..", Code::BlobUploadUnknown),
        ] {
            let outcome = Route::parse(path, "/");
            assert_eq!(
                outcome.as_ref().err().map(|error| error.code),
                Some(code),
                "{path}"
            );
        }
        assert!(Route::parse("/v2/", "/x/").is_err());
    }
}
