//! URLs in answers: `Location` and `Link`.

use super::Api;
use crate::config::LocationStyle;
use crate::http::{Forwarded, Request};
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

/// Scheme and host as the client sees them: what a proxy says of them, or the request's own. `Forwarded`
/// is preferred to the `X-Forwarded-*` fields, as in distribution; what it does not say is looked for
/// there. What is malformed, and any scheme but these two, is as good as not there.
fn origin(request: &Request<'_>) -> Option<String> {
    let forwarded = request.header("Forwarded").and_then(Forwarded::first);
    let forwarded = forwarded.unwrap_or_default();
    let first = |name| request.header(name)?.split(',').next();
    let scheme = [forwarded.proto.as_deref(), first("X-Forwarded-Proto")]
        .into_iter()
        .find_map(|text| scheme(text?));
    let host = [
        forwarded.host.as_deref(),
        first("X-Forwarded-Host"),
        first("Host"),
    ]
    .into_iter()
    .find_map(|text| host(text?))?;
    let own = if request.is_secure() { "https" } else { "http" };
    Some(format!("{}://{host}", scheme.unwrap_or(own)))
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
