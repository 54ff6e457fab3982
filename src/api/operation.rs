//! What a request asks for, as one value: made from the method and the route, before anything is looked up.
//!
//! [`TABLE`] is the only place that says what an operation needs, what it is called in a token's scope, whether it
//! changes anything, and under which names metrics and events report it. The methods of a path (`OPTIONS`, `Allow`,
//! 405) come from it as well.

use super::Route;
use crate::auth::Action;
use crate::http::Method;

/// Everything the API can do. `HEAD` is the same operation as `GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `GET /`.
    CheckHealth,
    /// `GET /v2/` (end-1).
    CheckVersion,
    /// `GET /v2/_catalog`.
    ListRepositories,
    /// `GET /v2/_token`.
    IssueToken,
    /// `GET /v2/<name>/tags/list` (end-8).
    ListTags,
    /// `GET /v2/<name>/referrers/<digest>` (end-12).
    ListReferrers,
    /// `GET /v2/<name>/manifests/<reference>` (end-3).
    GetManifest,
    /// `PUT /v2/<name>/manifests/<reference>` (end-7).
    PutManifest,
    /// `DELETE /v2/<name>/manifests/<reference>` (end-9).
    DeleteManifest,
    /// `GET /v2/<name>/blobs/<digest>` (end-2).
    GetBlob,
    /// `DELETE /v2/<name>/blobs/<digest>` (end-10).
    DeleteBlob,
    /// `POST /v2/<name>/blobs/uploads/`: a session, a whole blob or a mount (end-4, end-11).
    StartUpload,
    /// `GET /v2/<name>/blobs/uploads/<id>` (end-13).
    GetUpload,
    /// `PATCH /v2/<name>/blobs/uploads/<id>` (end-5).
    AppendUpload,
    /// `PUT /v2/<name>/blobs/uploads/<id>` (end-6).
    CommitUpload,
    /// `DELETE /v2/<name>/blobs/uploads/<id>` (end-14).
    CancelUpload,
    /// `DELETE /v2/<name>/`: the whole repository, which no spec has.
    DeleteRepository,
}

/// The form of a path: a [`Route`] without its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// [`Route::Root`].
    Root,
    /// [`Route::Base`].
    Base,
    /// [`Route::Catalog`].
    Catalog,
    /// [`Route::Token`].
    Token,
    /// [`Route::Tags`].
    Tags,
    /// [`Route::Referrers`].
    Referrers,
    /// [`Route::Manifest`].
    Manifest,
    /// [`Route::Blob`].
    Blob,
    /// [`Route::Uploads`].
    Uploads,
    /// [`Route::Upload`].
    Upload,
    /// [`Route::Repository`].
    Repository,
}

/// The least permission that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// None beyond being let in at all.
    None,
    /// To list repositories.
    Catalog,
    /// This action in the repository of the route.
    Repository(Action),
}

/// One row of [`TABLE`].
pub struct Facts {
    /// The operation.
    pub operation: Operation,
    /// The paths that have it.
    pub endpoint: Endpoint,
    /// The methods that ask for it.
    pub methods: &'static [Method],
    /// What it needs.
    pub permission: Permission,
    /// The actions of a token scope that it asks for, as docker's clients expect them: a push also reads, to see what is
    /// already there.
    pub scope: &'static [&'static str],
    /// Whether it changes what is stored; refused in read-only mode.
    pub writes: bool,
    /// The action of the event that reports it, in distribution's terms (`notifications`).
    pub event: Option<&'static str>,
    /// The value of the `handler` label of metrics: distribution's names of its routes.
    pub metric: &'static str,
}

const READ: &[Method] = &[Method::Get, Method::Head];
const NO_SCOPE: &[&str] = &[];
const PULL: &[&str] = &["pull"];
const PUSH: &[&str] = &["pull", "push"];
const DELETE: &[&str] = &["delete"];

/// A row for what only reads.
const fn reads(
    operation: Operation,
    endpoint: Endpoint,
    permission: Permission,
    scope: &'static [&'static str],
    metric: &'static str,
) -> Facts {
    Facts {
        operation,
        endpoint,
        methods: READ,
        permission,
        scope,
        writes: false,
        event: None,
        metric,
    }
}

/// A row for what changes a repository.
const fn writes(
    operation: Operation,
    endpoint: Endpoint,
    methods: &'static [Method],
    (action, scope): (Action, &'static [&'static str]),
    event: Option<&'static str>,
    metric: &'static str,
) -> Facts {
    Facts {
        operation,
        endpoint,
        methods,
        permission: Permission::Repository(action),
        scope,
        writes: true,
        event,
        metric,
    }
}

/// Every operation. The first row of an endpoint also says what a request with a method that the path does not have
/// needs before it gets a 405.
#[rustfmt::skip]
pub static TABLE: [Facts; 17] = {
    use Operation as O;
    use Endpoint as E;
    use Permission::{Catalog, None as Nothing, Repository};
    const PUSH_NEW: (Action, &[&str]) = (Action::PushNew, PUSH);
    const REMOVE: (Action, &[&str]) = (Action::Delete, DELETE);
    const READS: Permission = Repository(Action::Pull);
    [
        reads(O::CheckHealth, E::Root, Nothing, NO_SCOPE, "root"),
        reads(O::CheckVersion, E::Base, Nothing, NO_SCOPE, "base"),
        reads(O::ListRepositories, E::Catalog, Catalog, &["*"], "catalog"),
        reads(O::IssueToken, E::Token, Nothing, NO_SCOPE, "token"),
        reads(O::ListTags, E::Tags, READS, PULL, "tags"),
        reads(O::ListReferrers, E::Referrers, READS, PULL, "referrers"),
        Facts {
            event: Some("pull"),
            ..reads(O::GetManifest, E::Manifest, READS, PULL, "manifest")
        },
        writes(O::PutManifest, E::Manifest, &[Method::Put], PUSH_NEW, Some("push"), "manifest"),
        writes(O::DeleteManifest, E::Manifest, &[Method::Delete], REMOVE, Some("delete"), "manifest"),
        Facts {
            event: Some("pull"),
            ..reads(O::GetBlob, E::Blob, READS, PULL, "blob")
        },
        writes(O::DeleteBlob, E::Blob, &[Method::Delete], REMOVE, Some("delete"), "blob"),
        writes(O::StartUpload, E::Uploads, &[Method::Post], PUSH_NEW, Some("push"), "blob-upload"),
        Facts {
            permission: Repository(Action::PushNew),
            ..reads(O::GetUpload, E::Upload, READS, PUSH, "blob-upload-chunk")
        },
        writes(O::AppendUpload, E::Upload, &[Method::Patch], PUSH_NEW, None, "blob-upload-chunk"),
        writes(O::CommitUpload, E::Upload, &[Method::Put], PUSH_NEW, Some("push"), "blob-upload-chunk"),
        writes(O::CancelUpload, E::Upload, &[Method::Delete], PUSH_NEW, None, "blob-upload-chunk"),
        writes(O::DeleteRepository, E::Repository, &[Method::Delete], REMOVE, Some("delete"), "repository"),
    ]
};

impl Facts {
    /// The row of what a request asks for; `None` when the path does not have the method.
    pub fn find(route: &Route, method: &Method) -> Option<&'static Facts> {
        Facts::for_endpoint(route.endpoint()).find(|facts| facts.methods.contains(method))
    }

    /// The row of what a request asks for, or the first row of its path: what has to be allowed before a client gets a 405.
    pub fn find_or_first(route: &Route, method: &Method) -> Option<&'static Facts> {
        Facts::find(route, method).or_else(|| Facts::for_endpoint(route.endpoint()).next())
    }

    /// The rows of a path, in the order in which its methods are named.
    pub fn for_endpoint(endpoint: Endpoint) -> impl Iterator<Item = &'static Facts> {
        TABLE.iter().filter(move |facts| facts.endpoint == endpoint)
    }

    /// Whether it removes what was pushed (`storage.delete.enabled`).
    pub fn deletes(&self) -> bool {
        self.permission == Permission::Repository(Action::Delete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn route(path: &str) -> Route {
        Route::parse(path, "/").unwrap()
    }

    #[test]
    fn every_operation_has_one_row_and_no_method_of_a_path_has_two() {
        let mut seen = HashSet::new();
        for (index, facts) in TABLE.iter().enumerate() {
            assert_eq!(facts.operation as usize, index, "{:?}", facts.operation);
            for method in facts.methods {
                let key = format!("{:?} {method}", facts.endpoint);
                assert!(seen.insert(key.clone()), "{key}");
            }
            let only_reads = facts.methods == READ;
            assert_eq!(facts.writes, !only_reads, "{:?}", facts.operation);
        }
    }

    #[test]
    fn an_operation_is_found_by_path_and_method() {
        let (manifest, blob) = ("/v2/a/manifests/v1", &format!("/v2/a/blobs/{DIGEST}"));
        let upload = "/v2/a/blobs/uploads/ffffffff-ffff-4fff-bfff-ffffffffffff";
        for (method, path, expected) in [
            (Method::Head, "/", Some(Operation::CheckHealth)),
            (Method::Get, manifest, Some(Operation::GetManifest)),
            (Method::Put, manifest, Some(Operation::PutManifest)),
            (Method::Patch, manifest, None),
            (Method::Delete, blob, Some(Operation::DeleteBlob)),
            (Method::Put, blob, None),
            (Method::Get, upload, Some(Operation::GetUpload)),
            (Method::Delete, upload, Some(Operation::CancelUpload)),
            (Method::Get, "/v2/a/blobs/uploads/", None),
        ] {
            let found = Facts::find(&route(path), &method).map(|facts| facts.operation);
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
