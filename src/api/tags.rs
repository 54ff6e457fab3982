//! `GET /v2/<name>/tags/list` (end-8).

use super::page::PageRequest;
use super::{Api, Result, json};
use crate::http::{Body, Request, Response};
use crate::spec::{Code, Error, Name, Tag};
use crate::storage::Storage;
use serde_json::json;
use std::io::{self, Read};
use std::sync::Arc;

/// Longest page for a client that sends `n`, where `tags.maxtags` is not set, as in distribution.
const PAGE_MAX: usize = 1000;

/// How many tags of a list that is sent whole are in memory at once.
const STEP: usize = 100;

const CONTENT_TYPE: &str = "application/json; charset=utf-8";

impl Api {
    /// Without `n` and without `tags.maxtags` all tags, however many, as in distribution: not all
    /// clients follow `Link`.
    pub(super) fn list_tags(&self, request: &Request<'_>, name: &Name) -> Result {
        let page = PageRequest::from_request(request, self.options.tags_max.unwrap_or(PAGE_MAX))?;
        if !self.storage.has_repository(name)? {
            return Err(Error::new(Code::NameUnknown).detail(json!({ "name": name.as_str() })));
        }
        let is_whole = !page.has_limit && self.options.tags_max.is_none();
        let limit = if is_whole { STEP } else { page.limit };
        let (tags, more) = self.storage.tags(name, page.last.as_str(), limit)?;
        if more && is_whole {
            let body = AllTags::new(Arc::clone(&self.storage), name.clone(), &tags);
            let response = Response::new(200).header("Content-Type", CONTENT_TYPE);
            return Ok(response.body(Body::Stream(Box::new(body), None)));
        }
        let texts: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        let body = json!({ "name": name.as_str(), "tags": texts });
        let response = json(200, CONTENT_TYPE, &body);
        Ok(match tags.last().filter(|_| more) {
            Some(last) => {
                let url = self.url(request, &format!("v2/{name}/tags/list"));
                response.header("Link", page.link(&url, last.as_str()))
            }
            None => response,
        })
    }
}

/// The JSON of all tags of a repository, of which one page is in memory at a time. A tag that is added or removed
/// meanwhile may be in it or not.
struct AllTags {
    storage: Arc<Storage>,
    name: Name,
    /// JSON that has not been read yet.
    text: io::Cursor<Vec<u8>>,
    /// The last tag in `text`; `None` when `text` has the end of the list.
    last: Option<Tag>,
}

impl AllTags {
    /// Starts with a first page that is not the last.
    fn new(storage: Arc<Storage>, name: Name, first: &[Tag]) -> AllTags {
        // Neither a name nor a tag has a character that JSON escapes.
        let mut text = format!("{{\"name\":\"{name}\",\"tags\":[");
        for (tag, comma) in first
            .iter()
            .zip(std::iter::once("").chain(std::iter::repeat(",")))
        {
            text += &format!("{comma}\"{tag}\"");
        }
        let last = first.last().cloned();
        if last.is_none() {
            text += "]}";
        }
        AllTags {
            storage,
            name,
            text: io::Cursor::new(text.into_bytes()),
            last,
        }
    }

    /// Loads the next page.
    fn next_page(&mut self, after: &Tag) -> io::Result<()> {
        let page = self.storage.tags(&self.name, after.as_str(), STEP);
        let (tags, more) = page.map_err(io::Error::other)?;
        let mut text = String::new();
        for tag in &tags {
            text += &format!(",\"{tag}\"");
        }
        self.last = tags.last().filter(|_| more).cloned();
        if self.last.is_none() {
            text += "]}";
        }
        self.text = io::Cursor::new(text.into_bytes());
        Ok(())
    }
}

impl Read for AllTags {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.text.read(into)?;
            match self.last.take() {
                last if count > 0 || into.is_empty() => {
                    self.last = last;
                    return Ok(count);
                }
                None => return Ok(0),
                Some(last) => self.next_page(&last)?,
            }
        }
    }
}
