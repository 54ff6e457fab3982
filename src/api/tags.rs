//! `GET /v2/<name>/tags/list` (end-8).

use super::page::Page;
use super::{Api, Result, json};
use crate::http::Request;
use crate::spec::{Code, Error, Name, Tag};
use serde_json::json;

impl Api {
    pub(super) fn list_tags(&self, request: &Request<'_>, name: &Name) -> Result {
        let page = Page::of(request, self.settings.tags_max)?;
        if !self.storage.has_repository(name)? {
            return Err(Error::new(Code::NameUnknown).detail(json!({ "name": name.as_str() })));
        }
        let (tags, more) = self.storage.tags(name, &page.last, page.limit)?;
        let texts: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        let body = json!({ "name": name.as_str(), "tags": texts });
        let response = json(200, "application/json; charset=utf-8", &body);
        Ok(match tags.last().filter(|_| more) {
            Some(last) => {
                let url = self.url(request, &format!("v2/{name}/tags/list"));
                response.header("Link", page.link(&url, last.as_str()))
            }
            None => response,
        })
    }
}
