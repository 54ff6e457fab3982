//! What the API notes of a request while it answers it, for whoever reports on requests afterwards: the access log,
//! and whatever else counts or records them.

use super::Route;
use super::operation::Operation;
use crate::spec::{Code, Digest, Name};
use std::sync::Arc;

/// What is known of a request once it was answered. Everything is empty of one that the HTTP engine refused itself.
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
