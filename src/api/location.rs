//! URLs in answers: `Location` and `Link`.

use super::Api;
use crate::config::LocationStyle;
use crate::http::Request;
use crate::spec::{Digest, Name, UploadId};

/// The parameter of an upload session's URL that says how many bytes it had when the URL was given.
pub(super) const OFFSET: &str = "offset";

impl Api {
    /// The URL of a blob.
    pub(super) fn blob_url(&self, request: &Request<'_>, name: &Name, digest: &Digest) -> String {
        self.url(request, &format!("v2/{name}/blobs/{digest}"))
    }

    /// The URL of a manifest.
    pub(super) fn manifest_url(&self, request: &Request<'_>, name: &Name, id: &Digest) -> String {
        self.url(request, &format!("v2/{name}/manifests/{id}"))
    }

    /// The URL of an upload session that has `offset` bytes. A request that comes to it tells by that how far its
    /// client believes the session to be.
    pub(super) fn upload_url(
        &self,
        request: &Request<'_>,
        name: &Name,
        id: &UploadId,
        offset: u64,
    ) -> String {
        let path = format!("v2/{name}/blobs/uploads/{id}?{OFFSET}={offset}");
        self.url(request, &path)
    }

    /// The URL of a path below the prefix.
    pub(super) fn url(&self, request: &Request<'_>, path: &str) -> String {
        let prefix = &self.settings.prefix;
        match &self.settings.location {
            LocationStyle::Relative => format!("{prefix}{path}"),
            LocationStyle::Host(base) => format!("{}{prefix}{path}", base.trim_end_matches('/')),
            LocationStyle::FromRequest => match origin(request) {
                Some(origin) => format!("{origin}{prefix}{path}"),
                None => format!("{prefix}{path}"),
            },
        }
    }
}

impl Api {
    /// The URL of a path below the prefix with scheme and host, whatever is configured for others:
    /// for what a client takes for no reference but for an address.
    pub(super) fn absolute_url(&self, request: &Request<'_>, path: &str) -> String {
        let prefix = &self.settings.prefix;
        match (&self.settings.location, origin(request)) {
            (LocationStyle::Relative, Some(origin)) => format!("{origin}{prefix}{path}"),
            _ => self.url(request, path),
        }
    }
}

/// Scheme and host as the client sees them: what a proxy says of them, or the request's own.
fn origin(request: &Request<'_>) -> Option<String> {
    let first = |name| {
        let value = request.header(name)?.split(',').next()?.trim();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
        (!value.is_empty() && value.bytes().all(is_plain)).then_some(value)
    };
    let scheme = match first("X-Forwarded-Proto") {
        Some("https") => "https",
        None if request.is_secure() => "https",
        _ => "http",
    };
    let host = first("X-Forwarded-Host").or_else(|| first("Host"))?;
    Some(format!("{scheme}://{host}"))
}
