//! Manifests: `/v2/<name>/manifests/<reference>` (end-3, end-7, end-9).

use super::content;
use super::failure;
use super::parameters::Parameters;
use super::route::invalid_tag;
use super::{Api, Result};
use crate::auth::Identity;
use crate::http::range;
use crate::http::{Request, Response};
use crate::memory::{Share, Use};
use crate::spec::media_type::{DOCKER_LIST, OCI_INDEX};
use crate::spec::stored::{self, Child};
use crate::spec::{CheckedManifest, ManifestError};
use crate::spec::{Code, Digest, Error, MediaType, Name, Reference, Tag};
use crate::storage::{self, StoredManifest, Tagging};
use std::io;

/// Longest value of `OCI-Tag`, in bytes: proxies accept 4 KiB for the whole head of a response (nginx,
/// `proxy_buffer_size`).
const OCI_TAG_BYTES_MAX: usize = 2048;

/// Bytes that are allocated first when a manifest arrives: most have fewer.
const BODY_BYTES: usize = 4096;

/// Memory that parsing a pushed manifest may take, as a multiple of its bytes.
const PARSED_TIMES: usize = 8;

/// Media types of `Accept` that are considered.
const ACCEPTED_MAX: usize = 100;

/// The separator of the tags in `OCI-Tag` (a list, RFC 9110, 5.6.1).
const TAG_SEPARATOR: &str = ", ";

impl Api {
    pub(super) fn get_manifest(
        &self,
        request: &Request<'_>,
        (name, reference): (&Name, &Reference),
        digest: &mut Option<Digest>,
    ) -> Result {
        let stored = self.storage.manifest(name, reference);
        let stored = stored.map_err(|error| name_manifest(error, name, reference))?;
        let stored = match reference {
            Reference::Tag(_) => self.negotiate(request, name, stored)?,
            Reference::Digest(_) => stored,
        };
        let tag = format!("\"{}\"", stored.digest);
        let known = request.header("If-None-Match");
        let response = if known.is_some_and(|list| range::if_none_match(list, &tag)) {
            Response::new(304)
        } else {
            Response::new(200)
                .header("Content-Type", stored.media_type.as_str())
                .body(content::whole(&stored.content))
        };
        let response = response
            .header("Docker-Content-Digest", stored.digest.as_str())
            .header("ETag", tag);
        *digest = Some(stored.digest);
        Ok(response)
    }

    /// For a client that asks by tag and accepts single manifests but no index, the
    /// linux/amd64 manifest of the index, as in distribution. A client without `Accept` gets the index.
    fn negotiate(
        &self,
        request: &Request<'_>,
        name: &Name,
        stored: StoredManifest,
    ) -> Result<StoredManifest> {
        let is_index = [OCI_INDEX, DOCKER_LIST].contains(&stored.media_type.as_str());
        if !is_index {
            return Ok(stored);
        }
        let accepted = AcceptedTypes::from_request(request);
        if accepted.accepts_any || accepted.accepts(&stored.media_type) {
            return Ok(stored);
        }
        let is_default = |child: &Child| {
            let media_type = child.media_type.as_deref().and_then(|own| own.parse().ok());
            let platform = child.platform.as_ref();
            platform.is_some_and(|(os, architecture)| os == "linux" && architecture == "amd64")
                && media_type.is_some_and(|own| accepted.accepts(&own))
        };
        let child = stored::find_child(&self.storage.bytes(&stored)?, is_default);
        let Some(child) = child else {
            return Ok(stored);
        };
        match self
            .storage
            .manifest(name, &Reference::Digest(child.digest))
        {
            Err(storage::Error::ManifestUnknown) => Ok(stored),
            other => Ok(other?),
        }
    }

    pub(super) fn put_manifest(
        &self,
        request: &mut Request<'_>,
        identity: &Identity,
        (name, reference): (&Name, &Reference),
        noted: &mut Option<Digest>,
    ) -> Result {
        let content_type = content_type(request)?;
        let (mut tags, expected) = match reference {
            Reference::Tag(tag) => (vec![tag.clone()], None),
            Reference::Digest(digest) => (Vec::new(), Some(digest)),
        };
        let from_query = match &expected {
            Some(_) => tag_parameters(request)?,
            None => Vec::new(),
        };
        tags.extend(from_query.iter().cloned());
        let (bytes, _held) = self.read_manifest(request)?;
        let memory = self.storage.memory();
        let _parsed = memory
            .work(bytes.len().saturating_mul(PARSED_TIMES))
            .map_err(failure::exhausted)?;
        let checked = CheckedManifest::check(&bytes, expected, content_type.as_ref())
            .map_err(manifest_error)?;
        let tagging = Tagging {
            tags: &tags,
            may_move: tags.is_empty() || self.may_move_tags(identity, name),
        };
        self.storage
            .put_manifest(name, &checked, tagging, &self.options.validation)?;
        let (digest, manifest) = checked.into_parts();
        let mut response = Response::new(201)
            .header("Location", self.manifest_url(request, name, &digest))
            .header("Docker-Content-Digest", digest.as_str());
        if let Some(subject) = manifest.subject {
            response = response.header("OCI-Subject", subject.digest.as_str());
        }
        if !from_query.is_empty() {
            response = response.header("OCI-Tag", join(&from_query));
        }
        *noted = Some(digest);
        Ok(response)
    }

    /// Reads the body, up to the size that a manifest may have. Its memory is counted as it
    /// grows, and grows with what arrived, not with what was announced.
    fn read_manifest(&self, request: &mut Request<'_>) -> Result<(Vec<u8>, Share)> {
        let bytes_max = self.options.manifest_bytes_max;
        let too_large = || {
            let text = format!(
                "a manifest may have {bytes_max} bytes at most (http.limits.manifestbytes)"
            );
            Error::new(Code::ManifestTooLarge).message(text)
        };
        if request
            .content_length()
            .is_some_and(|length| length > bytes_max)
        {
            return Err(too_large());
        }
        let most = request.content_length().unwrap_or(bytes_max);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut share = Share::new(self.storage.memory(), Use::Client);
        let (mut bytes, mut length) = (Vec::new(), 0);
        loop {
            if length == bytes.len() {
                // One byte more than is allowed, to see the end.
                let grown = (2 * length).max(BODY_BYTES).min(most.saturating_add(1));
                share.wait_for(grown).map_err(failure::exhausted)?;
                bytes.reserve_exact(grown.saturating_sub(length));
                bytes.resize(grown, 0);
            }
            // No more arrived than there was room for.
            let (_, room) = bytes.split_at_mut(length);
            match request.body().read(room) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failure::body(&error)),
            }
            if length > most {
                return Err(too_large());
            }
        }
        bytes.truncate(length);
        Ok((bytes, share))
    }

    pub(super) fn delete_manifest(&self, name: &Name, reference: &Reference) -> Result {
        match reference {
            Reference::Tag(tag) => self.storage.delete_tag(name, tag),
            Reference::Digest(digest) => self.storage.delete_manifest(name, digest),
        }
        .map_err(|error| name_manifest(error, name, reference))?;
        Ok(Response::new(202))
    }
}

/// The media types that a request accepts.
struct AcceptedTypes {
    types: Vec<MediaType>,
    /// It has no `Accept`, or accepts anything.
    accepts_any: bool,
}

impl AcceptedTypes {
    fn from_request(request: &Request<'_>) -> AcceptedTypes {
        let entries = || {
            let lists = request.headers("Accept");
            lists.flat_map(|list| list.split(','))
        };
        let is_wildcard = |entry: &str| {
            let essence = entry.split(';').next().unwrap_or_default().trim();
            essence == "*/*" || essence == "application/*"
        };
        let types = entries().filter_map(|text| text.parse().ok());
        AcceptedTypes {
            types: types.take(ACCEPTED_MAX).collect(),
            accepts_any: entries().next().is_none() || entries().any(is_wildcard),
        }
    }

    fn accepts(&self, media_type: &MediaType) -> bool {
        self.types.contains(media_type)
    }
}

/// The `Content-Type` of the request, without its parameters.
fn content_type(request: &Request<'_>) -> Result<Option<MediaType>> {
    let Some(text) = request
        .header("Content-Type")
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let parsed = text
        .parse()
        .map_err(|error: crate::spec::media_type::InvalidMediaType| {
            Error::new(Code::ManifestInvalid).message(format!("Content-Type: {error}"))
        })?;
    Ok(Some(parsed))
}

/// The tags for a manifest that is pushed by digest (end-7b), each once. More than the response can
/// name are rejected as the spec says, before anything is stored.
fn tag_parameters(request: &Request<'_>) -> Result<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut bytes: usize = 0;
    for text in Parameters::from_request(request)?.all("tag") {
        let tag: Tag = text.parse().map_err(|error| invalid_tag(&text, error))?;
        if tags.contains(&tag) {
            continue;
        }
        bytes += tag.as_str().len() + TAG_SEPARATOR.len();
        if bytes > OCI_TAG_BYTES_MAX + TAG_SEPARATOR.len() {
            let text = format!(
                "the tags of one request may have {OCI_TAG_BYTES_MAX} bytes in total, with {} between \
                 two; push the others in further requests",
                TAG_SEPARATOR.len()
            );
            return Err(Error::new(Code::TooManyTags).message(text));
        }
        tags.push(tag);
    }
    Ok(tags)
}

/// The value of `OCI-Tag`.
fn join(tags: &[Tag]) -> String {
    let texts: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    texts.join(TAG_SEPARATOR)
}

fn manifest_error(error: ManifestError) -> Error {
    match error {
        ManifestError::DigestMismatch { computed } => {
            storage::Error::DigestMismatch { computed }.into()
        }
        ManifestError::Invalid(error) => {
            Error::new(Code::ManifestInvalid).message(error.to_string())
        }
    }
}

/// Adds the manifest to an error, in the words of distribution.
fn name_manifest(error: storage::Error, name: &Name, reference: &Reference) -> Error {
    let error = Error::from(error);
    match reference {
        _ if error.code != Code::ManifestUnknown => error,
        Reference::Tag(tag) => error.detail(format!("unknown tag={tag}").into()),
        Reference::Digest(digest) => {
            error.detail(format!("unknown manifest name={name} revision={digest}").into())
        }
    }
}
