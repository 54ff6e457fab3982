//! `GET /v2/_catalog`: docker's list of repositories.

use super::page::PageRequest;
use super::{Api, Result, json};
use crate::auth::{Action, Identity};
use crate::http::Request;
use crate::spec::Name;
use serde_json::json;

/// Repositories that are examined in one step.
const STEP: usize = 1000;

impl Api {
    pub(super) fn list_repositories(&self, request: &Request<'_>, identity: &Identity) -> Result {
        let page = PageRequest::from_request(request, self.options.catalog_entries_max)?;
        let (names, more) = self.visible_repositories(identity, &page)?;
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

    /// A page of what an identity may see, and whether there is more. With rules, only prefixes under which some rule
    /// shows something are walked, past what other rules hide there, until the page is full. How many
    /// repositories there are elsewhere is not revealed, not even by the time it takes.
    fn visible_repositories(
        &self,
        identity: &Identity,
        page: &PageRequest,
    ) -> Result<(Vec<Name>, bool)> {
        let Some(rules) = self.authenticator.rules() else {
            // A token for the catalog grants all of it, as in distribution.
            return Ok(self
                .storage
                .repositories("", page.last.as_str(), page.limit)?);
        };
        let is_visible = |name: &Name| {
            let actions = [Action::Pull, Action::Catalog];
            let permits = |action| rules.permits(identity, name.as_str(), action);
            actions.into_iter().all(permits)
        };
        let mut visible = Vec::new();
        for prefix in rules.catalog_prefixes(identity) {
            let mut after = page.last.as_str().to_owned();
            loop {
                let (names, more) = self.storage.repositories(prefix, &after, STEP)?;
                let last = names.last().map(|name| name.as_str().to_owned());
                for name in names.into_iter().filter(is_visible) {
                    if visible.len() == page.limit {
                        return Ok((visible, true));
                    }
                    visible.push(name);
                }
                match last.filter(|_| more) {
                    Some(last) => after = last,
                    None => break,
                }
            }
        }
        Ok((visible, false))
    }
}
