//! Whole repositories: `DELETE /v2/<name>/`, an extension of ours. No spec has a way to delete one.

use super::{Api, Result};
use crate::http::Response;
use crate::spec::{Error, Name};
use crate::storage;
use serde_json::json;

impl Api {
    /// Deletes a repository with its tags, manifests, links and upload sessions.
    pub(super) fn delete_repository(&self, name: &Name) -> Result {
        match self.storage.delete_repository(name) {
            Ok(()) => {
                log::info!("the repository {name} was deleted");
                Ok(Response::new(202))
            }
            Err(error @ storage::Error::RepositoryUnknown) => {
                Err(Error::from(error).detail(json!({ "name": name.as_str() })))
            }
            Err(error) => Err(error.into()),
        }
    }
}
