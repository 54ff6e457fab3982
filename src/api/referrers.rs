//! `GET /v2/<name>/referrers/<digest>` (end-12).

use super::page::PageRequest;
use super::parameters::Parameters;
use super::route::parse_digest;
use super::{Api, Result};
use crate::http::{Body, Request, Response, Segment, target};
use crate::memory::LARGEST_SHARES;
use crate::spec::media_type::OCI_INDEX;
use crate::spec::{Digest, Name};
use crate::storage::{ReferrersPage, ReferrersQuery};

/// Most descriptors on a page.
pub const REFERRERS_MAX: usize = 1000;

/// Most bytes of descriptors on a page, so that it stays within what clients accept as a manifest.
pub const REFERRERS_BYTES_MAX: usize = 3 * 1024 * 1024;

impl Api {
    pub(super) fn list_referrers(
        &self,
        request: &Request<'_>,
        name: &Name,
        subject: &Digest,
    ) -> Result {
        let parameters = Parameters::from_request(request)?;
        let artifact_type = parameters.first("artifactType");
        let artifact_type = artifact_type.as_deref();
        let page = PageRequest::from_request(request, REFERRERS_MAX)?;
        let last = page.last.as_str();
        let after = (!last.is_empty()).then(|| parse_digest(last)).transpose()?;
        let query = ReferrersQuery {
            subject,
            artifact_type,
            after,
            entries_max: page.limit,
            bytes_max: REFERRERS_BYTES_MAX.min(self.storage.memory().bytes() / LARGEST_SHARES),
        };
        let ReferrersPage { json, last, share } = self.storage.referrers(name, &query)?;
        let end = format!("],\"mediaType\":\"{OCI_INDEX}\",\"schemaVersion\":2}}");
        let pieces = [b"{\"manifests\":[".to_vec(), json, end.into_bytes()];
        let body = Body::Segments(pieces.map(Segment::Bytes).into());
        let mut response = Response::new(200)
            .header("Content-Type", OCI_INDEX)
            .body(body)
            .counted(share);
        if artifact_type.is_some() {
            response = response.header("OCI-Filters-Applied", "artifactType");
        }
        if let Some(last) = last {
            let url = self.url(request, &format!("v2/{name}/referrers/{subject}"));
            let filter =
                artifact_type.map(|text| format!("artifactType={}&", target::encode_query(text)));
            let (filter, last) = (
                filter.unwrap_or_default(),
                target::encode_query(last.as_str()),
            );
            let link = format!("<{url}?{filter}n={}&last={last}>; rel=\"next\"", page.limit);
            response = response.header("Link", link);
        }
        Ok(response)
    }
}
