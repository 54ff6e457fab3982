//! `GET /v2/<name>/referrers/<digest>` (end-12).

use super::page::Page;
use super::parameters::Parameters;
use super::route::parse_digest;
use super::{Api, Result, json};
use crate::http::{Request, target};
use crate::spec::media_type::OCI_INDEX;
use crate::spec::{Digest, Name};
use crate::storage::ReferrersQuery;
use serde_json::json;

/// Most descriptors in one page.
pub const REFERRERS_MAX: usize = 1000;

/// Most bytes of descriptors in one page, so that it stays within what clients take as a manifest.
pub const REFERRERS_BYTES_MAX: usize = 3 * 1024 * 1024;

impl Api {
    pub(super) fn list_referrers(
        &self,
        request: &Request<'_>,
        name: &Name,
        subject: &Digest,
    ) -> Result {
        let parameters = Parameters::of(request)?;
        let artifact_type = parameters.first("artifactType");
        let page = Page::of(request, REFERRERS_MAX)?;
        let last = page.last.as_str();
        let after = (!last.is_empty()).then(|| parse_digest(last)).transpose()?;
        let query = ReferrersQuery {
            subject,
            artifact_type,
            after,
            entries_max: page.limit,
            bytes_max: REFERRERS_BYTES_MAX,
        };
        let (descriptors, last) = self.storage.referrers(name, &query)?;
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors});
        let mut response = json(200, OCI_INDEX, &index);
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
