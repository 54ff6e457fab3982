//! Uploads: `POST /v2/<name>/blobs/uploads/` and what follows it (end-4, end-5, end-6, end-11,
//! end-13, end-14).

use super::location::OFFSET;
use super::parameters::Parameters;
use super::route::{invalid_digest, parse_digest};
use super::{Api, Result};
use crate::auth::{Action, Identity};
use crate::http::{Request, Response};
use crate::spec::{Algorithm, Code, Digest, Error, Name, UploadId};
use crate::storage::{self, Chunk, Offset};
use serde_json::json;
use std::sync::Arc;

/// Shortest chunk that is accepted before the last one, in bytes: any.
const CHUNK_LENGTH_MIN: &str = "1";

impl Api {
    /// Starts a session, mounts a blob, or stores a whole blob at once.
    pub(super) fn start_upload(
        &self,
        request: &mut Request<'_>,
        identity: &Identity,
        name: &Name,
        noted: &mut Option<Digest>,
    ) -> Result {
        let parameters = Parameters::from_request(request)?;
        if let Some(text) = parameters.first("mount") {
            let from = parameters.first("from");
            if let Some(digest) = self.mount(identity, name, (&text, from.as_deref()))? {
                return Ok(self.created(request, name, digest, noted));
            }
        } else if let Some(text) = parameters.first("digest") {
            let digest = parse_digest(&text)?;
            let length = request.content_length();
            let chunk = chunk(request, Offset::Unstated, length);
            self.storage.put_blob(name, &digest, chunk)?;
            return Ok(self.created(request, name, digest, noted));
        }
        let algorithm = match parameters.first("digest-algorithm") {
            Some(text) => text.parse().map_err(|error| invalid_digest(&text, error))?,
            None => Algorithm::Sha256,
        };
        let id = self
            .storage
            .start_upload(name, algorithm, request.client())?;
        let response = self.session(request, 202, (name, &id), 0);
        Ok(response.header("OCI-Chunk-Min-Length", CHUNK_LENGTH_MIN))
    }

    /// Mounts a blob and returns its digest; `None` when that is not possible, for whatever reason: the client then uploads
    /// it (distribution spec, end-11). Clients also ask for names that are valid in other registries only.
    fn mount(
        &self,
        identity: &Identity,
        name: &Name,
        (digest, from): (&str, Option<&str>),
    ) -> Result<Option<Digest>> {
        let (Ok(digest), Ok(from)) = (digest.parse(), from.map(str::parse::<Name>).transpose())
        else {
            return Ok(None);
        };
        // A client that may not read it there must upload it.
        let may = match &from {
            Some(from) => self.permits(identity, from, Action::Pull),
            None => self.may_mount_from_anywhere(identity),
        };
        let is_mounted = may && self.storage.mount_blob(name, &digest, from.as_ref())?;
        Ok(is_mounted.then_some(digest))
    }

    /// Adds a chunk, or a stream of unknown length.
    pub(super) fn append_upload(
        &self,
        request: &mut Request<'_>,
        name: &Name,
        id: &UploadId,
    ) -> Result {
        let (offset, length) = extent(request, Parameters::from_request(request)?)?;
        let chunk = chunk(request, offset, length);
        let outcome = self.storage.append_upload(name, id, chunk);
        let length = outcome.map_err(|error| self.upload_error(request, (name, id), error))?;
        Ok(self.session(request, 202, (name, id), length))
    }

    /// Adds the last chunk, if there is one, and makes the session a blob.
    pub(super) fn commit_upload(
        &self,
        request: &mut Request<'_>,
        (name, id): (&Name, &UploadId),
        noted: &mut Option<Digest>,
    ) -> Result {
        let parameters = Parameters::from_request(request)?;
        let text = parameters.first("digest").ok_or_else(|| {
            let text = "the digest parameter is missing: PUT <location>?digest=<digest>";
            Error::new(Code::DigestInvalid).message(text)
        })?;
        let digest = parse_digest(&text)?;
        let (offset, length) = extent(request, parameters)?;
        let chunk = chunk(request, offset, length);
        let outcome = self.storage.commit_upload(name, id, &digest, chunk);
        outcome.map_err(|error| self.upload_error(request, (name, id), error))?;
        Ok(self.created(request, name, digest, noted))
    }

    /// Reports how many bytes a session has.
    pub(super) fn get_upload(&self, request: &Request<'_>, name: &Name, id: &UploadId) -> Result {
        let length = self.storage.upload_length(name, id);
        let length = length.map_err(|error| self.upload_error(request, (name, id), error))?;
        Ok(self.session(request, 204, (name, id), length))
    }

    /// Cancels a session.
    pub(super) fn cancel_upload(&self, name: &Name, id: &UploadId) -> Result {
        self.storage
            .cancel_upload(name, id)
            .map_err(|error| match Error::from(error) {
                error if error.code == Code::BlobUploadUnknown => error.detail(json!(id.as_str())),
                error => error,
            })?;
        Ok(Response::new(204))
    }

    /// The response for a blob that is now in the repository.
    fn created(
        &self,
        request: &Request<'_>,
        name: &Name,
        digest: Digest,
        noted: &mut Option<Digest>,
    ) -> Response {
        let digest = noted.insert(digest);
        Response::new(201)
            .header("Location", self.blob_url(request, name, digest))
            .header("Docker-Content-Digest", digest.as_str())
    }

    /// The response for a session that has `length` bytes.
    fn session(
        &self,
        request: &Request<'_>,
        status: u16,
        (name, id): (&Name, &UploadId),
        length: u64,
    ) -> Response {
        Response::new(status)
            .header("Location", self.upload_url(request, name, id, length))
            .header("Range", received(length))
            .header("Docker-Upload-UUID", id.as_str())
    }

    /// Adds the length of the session to an error, so that the client can resume.
    fn upload_error(
        &self,
        request: &Request<'_>,
        (name, id): (&Name, &UploadId),
        error: storage::Error,
    ) -> Error {
        let reached = match &error {
            storage::Error::WrongOffset { length } | storage::Error::Superseded { length } => {
                Some(*length)
            }
            storage::Error::UploadUnknown => {
                let detail = json!(id.as_str());
                return Error::from(error).detail(detail);
            }
            _ => None,
        };
        let response = Error::from(error);
        match reached {
            Some(length) => response
                .header("Location", self.upload_url(request, name, id, length))
                .header("Range", received(length))
                .header("Docker-Upload-UUID", id.as_str()),
            None => response,
        }
    }
}

/// The `Range` of a session: inclusive, so nothing and one byte look alike, as in distribution.
fn received(length: u64) -> String {
    format!("0-{}", length.saturating_sub(1))
}

/// A request's body as a chunk of a session.
fn chunk<'r>(request: &'r mut Request<'_>, offset: Offset, length: Option<u64>) -> Chunk<'r> {
    let stop = Arc::default();
    Chunk {
        body: request.body_until(&stop),
        offset,
        length,
        stop,
    }
}

/// Where a request's body belongs, and how long it says that is: by `Content-Range`, or else by the offset that its
/// `Location` was given for, and `Content-Length`.
fn extent(request: &Request<'_>, parameters: Parameters<'_>) -> Result<(Offset, Option<u64>)> {
    if let Some(text) = request.header("Content-Range") {
        return content_range(request, text);
    }
    let offset = match parameters.first(OFFSET) {
        None => Offset::Unstated,
        Some(text) => Offset::Location(number(&text).ok_or_else(|| {
            let message =
                "the offset parameter is not a number; use the Location as it was returned";
            Error::new(Code::RequestInvalid)
                .message(message)
                .detail(json!({ OFFSET: text }))
        })?),
    };
    Ok((offset, request.content_length()))
}

/// A number without a sign.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)
}

/// `Content-Range: <first>-<last>`, in the spec's form or in that of HTTP (`bytes 0-9/10`).
fn content_range(request: &Request<'_>, text: &str) -> Result<(Offset, Option<u64>)> {
    let range = text
        .trim_start_matches("bytes")
        .trim_start_matches(['=', ' ']);
    let range = range.split('/').next().unwrap_or_default();
    let bounds = range
        .split_once('-')
        .and_then(|(a, b)| Some((number(a)?, number(b)?)));
    let length = bounds.and_then(|(first, last)| last.checked_sub(first)?.checked_add(1));
    let (Some((first, _)), Some(length)) = (bounds, length) else {
        let message = "Content-Range must be <first byte>-<last byte>";
        let error = Error::new(Code::RangeInvalid).message(message);
        return Err(error.detail(json!({ "Content-Range": text })));
    };
    match request.content_length() {
        Some(announced) if announced != length => {
            let error = storage::Error::WrongLength {
                announced: length,
                received: announced,
            };
            Err(Error::from(error).detail(json!({ "Content-Range": text })))
        }
        _ => Ok((Offset::Range(first), Some(length))),
    }
}
