//! What the API notes about a request while it answers it, for whatever reports requests afterwards: the access log,
//! metrics, events.

use super::Route;
use super::operation::Operation;
use crate::spec::{Code, Digest, Name};
use std::sync::Arc;

/// What is known about a request once it was answered. Everything is empty for one that the HTTP engine rejected itself.
#[derive(Debug, Default)]
pub struct RequestNote {
    /// The user who was authenticated.
    pub user: Option<Arc<str>>,
    /// What the path names, if it is an endpoint.
    pub route: Option<Route>,
    /// What was asked for, once it was allowed.
    pub operation: Option<Operation>,
    /// The manifest or blob that was read, stored or mounted.
    pub digest: Option<Digest>,
    /// Why it failed, if it did.
    pub failure: Option<Code>,
}

impl RequestNote {
    /// The repository that it was about.
    pub fn repository(&self) -> Option<&Name> {
        self.route.as_ref().and_then(Route::repository)
    }
}
