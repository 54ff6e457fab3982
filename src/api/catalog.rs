//! `GET /v2/_catalog`: docker's list of repositories.

use super::page::Page;
use super::{Api, Result, json};
use crate::http::Request;
use crate::spec::Name;
use serde_json::json;

impl Api {
    pub(super) fn list_repositories(&self, request: &Request<'_>) -> Result {
        let page = Page::of(request, self.settings.catalog_entries_max)?;
        let (names, more) = self.storage.repositories(&page.last, page.limit)?;
        let texts: Vec<&str> = names.iter().map(Name::as_str).collect();
        let response = json(
            200,
            "application/json; charset=utf-8",
            &json!({ "repositories": texts }),
        );
        Ok(match names.last().filter(|_| more) {
            Some(last) => response.header(
                "Link",
                page.link(&self.url(request, "v2/_catalog"), last.as_str()),
            ),
            None => response,
        })
    }
}
