//! URLs in responses: `Location` and `Link`.

use super::Api;
use crate::config::LocationStyle;
use crate::http::{Forwarded, Request};
use crate::spec::{Digest, Name, UploadId};

/// The parameter of an upload session's URL that says how many bytes the session had when the URL was issued.
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

    /// The URL of an upload session that has `offset` bytes. A request to this URL shows by it how many bytes its
    /// client knows to have arrived.
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
        let prefix = &self.options.prefix;
        match &self.options.location {
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
    /// Where a client sends its password, or fetches another server's token: a path below the prefix of
    /// `http.host`, otherwise of the host of the request. What a proxy's headers say of the host is never used here,
    /// whoever the proxy is.
    pub(super) fn realm_url(&self, request: &Request<'_>, path: &str) -> String {
        let prefix = &self.options.prefix;
        if let LocationStyle::Host(_) = self.options.location {
            return self.url(request, path);
        }
        let is_secure = request.is_secure() || forwarded_scheme(request) == Some("https");
        let scheme = if is_secure { "https" } else { "http" };
        match request.header("Host").and_then(host) {
            Some(host) => format!("{scheme}://{host}{prefix}{path}"),
            None => format!("{prefix}{path}"),
        }
    }
}

/// Scheme and host as the client sees them: what a trusted proxy says of them, or the request's own. `Forwarded`
/// is preferred to the `X-Forwarded-*` headers, as in distribution; what it does not say is taken from
/// these. What is malformed, and any scheme but http and https, is ignored.
fn origin(request: &Request<'_>) -> Option<String> {
    let forwarded = request.forwarded("Forwarded").and_then(Forwarded::first);
    let host = [
        forwarded.unwrap_or_default().host.as_deref(),
        first(request.forwarded("X-Forwarded-Host")),
        request.header("Host"),
    ]
    .into_iter()
    .find_map(|text| host(text?).map(str::to_owned))?;
    let own = if request.is_secure() { "https" } else { "http" };
    let scheme = forwarded_scheme(request).unwrap_or(own);
    Some(format!("{scheme}://{host}"))
}

/// The scheme of the client's request to a trusted proxy.
fn forwarded_scheme(request: &Request<'_>) -> Option<&'static str> {
    let forwarded = request.forwarded("Forwarded").and_then(Forwarded::first);
    let proto = forwarded.and_then(|forwarded| forwarded.proto);
    let legacy = first(request.forwarded("X-Forwarded-Proto"));
    [proto.as_deref(), legacy]
        .into_iter()
        .find_map(|text| scheme(text?))
}

fn first(value: Option<&str>) -> Option<&str> {
    value?.split(',').next()
}

fn scheme(text: &str) -> Option<&'static str> {
    let same = |scheme: &&str| text.trim().eq_ignore_ascii_case(scheme);
    ["http", "https"].into_iter().find(same)
}

/// A host that may stand in a URL.
fn host(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    (!text.is_empty() && text.bytes().all(is_plain)).then_some(text)
}
