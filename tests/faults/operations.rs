//! Everything that a client may ask for.

use super::served::{
    ALL, Prepared, SENT, Served, Touches, digest, has_blob, names, referrer, session_content,
    session_length, text,
};
use crate::util::image::{artifact, bytes, image, layer, sha256};
use crate::util::raw::RawResponse;

/// One request of a client.
pub struct Operation {
    pub name: &'static str,
    pub method: &'static str,
    pub path: fn(&Prepared) -> String,
    pub body: fn() -> Vec<u8>,
    /// What it is answered, and what it may be answered when it is repeated after a failure.
    pub success: u16,
    pub repeated: &'static [u16],
    /// Checks what has come of it, once it has been acknowledged.
    pub effect: fn(&Served, &Prepared, &RawResponse),
    /// What it may change even if it fails.
    pub touches: &'static [Touches],
}

fn nothing() -> Vec<u8> {
    Vec::new()
}

fn is_whole(_: &Served, _: &Prepared, _: &RawResponse) {}

fn operation(
    name: &'static str,
    method: &'static str,
    path: fn(&Prepared) -> String,
    success: u16,
) -> Operation {
    Operation {
        name,
        method,
        path,
        body: nothing,
        success,
        repeated: &[],
        effect: is_whole,
        touches: &[],
    }
}

pub fn reading() -> Vec<Operation> {
    vec![
        operation("look for the API", "GET", |_| "/v2/".into(), 200),
        operation("look for health", "GET", |_| "/".into(), 200),
        Operation {
            effect: |_, _, response| assert_eq!(response.body, text(&image(1))),
            ..operation(
                "get a manifest by tag",
                "GET",
                |_| "/v2/a/manifests/v1".into(),
                200,
            )
        },
        operation(
            "look up a manifest",
            "HEAD",
            |_| format!("/v2/a/manifests/{}", digest(&image(1))),
            200,
        ),
        Operation {
            effect: |_, _, response| assert!(response.body == layer(1)),
            ..operation(
                "get a blob",
                "GET",
                |_| format!("/v2/a/blobs/{}", sha256(&layer(1))),
                200,
            )
        },
        operation(
            "look up a blob",
            "HEAD",
            |_| format!("/v2/a/blobs/{}", sha256(&layer(1))),
            200,
        ),
        operation("list the tags", "GET", |_| "/v2/a/tags/list".into(), 200),
        operation("list the catalog", "GET", |_| "/v2/_catalog".into(), 200),
        operation(
            "list the referrers",
            "GET",
            |_| format!("/v2/a/referrers/{}", digest(&image(1))),
            200,
        ),
        operation("ask for a session", "GET", |own| own.session.clone(), 204),
    ]
}

pub fn uploading() -> Vec<Operation> {
    vec![
        Operation {
            effect: |served, _, response| {
                let location = response.header("Location").unwrap();
                served.expect(204, "GET", location, b"");
            },
            ..operation(
                "begin an upload",
                "POST",
                |_| "/v2/a/blobs/uploads/".into(),
                202,
            )
        },
        Operation {
            body: || bytes(5, 30),
            effect: |served, _, _| has_blob(served, &bytes(5, 30)),
            ..operation(
                "push a blob in one request",
                "POST",
                |_| format!("/v2/a/blobs/uploads/?digest={}", sha256(&bytes(5, 30))),
                201,
            )
        },
        Operation {
            effect: |served, _, _| has_blob(served, &layer(9)),
            ..operation(
                "mount a blob",
                "POST",
                |_| format!("/v2/a/blobs/uploads/?mount={}&from=b", sha256(&layer(9))),
                201,
            )
        },
        Operation {
            body: || session_content()[SENT..SENT + 10].to_vec(),
            effect: |served, own, _| assert_eq!(session_length(served, own), Some(SENT + 10)),
            touches: &[Touches::Session],
            ..operation("add a chunk", "PATCH", |own| own.session.clone(), 202)
        },
        Operation {
            body: || session_content()[SENT..].to_vec(),
            repeated: &[404, 416],
            effect: |served, own, _| {
                has_blob(served, &session_content());
                // What could not be removed of it is empty, and goes with the next purge.
                let left = session_length(served, own);
                assert!([None, Some(1)].contains(&left), "{left:?}");
            },
            touches: &[Touches::Session],
            ..operation(
                "commit an upload",
                "PUT",
                |own| format!("{}&digest={}", own.session, sha256(&session_content())),
                201,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, own, _| assert_eq!(session_length(served, own), None),
            touches: &[Touches::Session],
            ..operation("cancel an upload", "DELETE", |own| own.session.clone(), 204)
        },
    ]
}

pub fn pushing() -> Vec<Operation> {
    vec![
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| names(served, "v2", &image(2)),
            ..operation(
                "push a manifest",
                "PUT",
                |_| "/v2/a/manifests/v2".into(),
                201,
            )
        },
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| names(served, "fixed", &image(2)),
            ..operation(
                "push a manifest under an immutable tag",
                "PUT",
                |_| "/v2/a/manifests/fixed".into(),
                201,
            )
        },
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| names(served, "latest", &image(2)),
            touches: &[Touches::Latest],
            ..operation(
                "move a tag",
                "PUT",
                |_| "/v2/a/manifests/latest".into(),
                201,
            )
        },
        Operation {
            body: || text(&image(2)),
            effect: |served, _, _| {
                names(served, "x", &image(2));
                names(served, "y", &image(2));
            },
            ..operation(
                "push a manifest under several tags",
                "PUT",
                |_| format!("/v2/a/manifests/{}?tag=x&tag=y", digest(&image(2))),
                201,
            )
        },
        Operation {
            body: || text(&artifact(2, "application/x-other", &image(1))),
            effect: |served, _, _| {
                let path = format!("/v2/a/referrers/{}", digest(&image(1)));
                let found = served.expect(200, "GET", &path, b"");
                let other = digest(&artifact(2, "application/x-other", &image(1)));
                assert!(found.text().contains(&other), "{}", found.text());
            },
            ..operation(
                "push a referrer",
                "PUT",
                |_| {
                    let other = artifact(2, "application/x-other", &image(1));
                    format!("/v2/a/manifests/{}", digest(&other))
                },
                201,
            )
        },
    ]
}

pub fn deleting() -> Vec<Operation> {
    vec![
        Operation {
            repeated: &[404],
            effect: |served, _, _| drop(served.expect(404, "GET", "/v2/a/manifests/v1", b"")),
            touches: &[Touches::V1],
            ..operation(
                "delete a tag",
                "DELETE",
                |_| "/v2/a/manifests/v1".into(),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| {
                let path = format!("/v2/a/manifests/{}", digest(&image(1)));
                served.expect(404, "GET", &path, b"");
                served.expect(404, "GET", "/v2/a/manifests/v1", b"");
            },
            touches: &[Touches::V1, Touches::Latest, Touches::Image],
            ..operation(
                "delete a manifest",
                "DELETE",
                |_| format!("/v2/a/manifests/{}", digest(&image(1))),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| {
                let path = format!("/v2/a/referrers/{}", digest(&image(1)));
                let found = served.expect(200, "GET", &path, b"");
                assert!(
                    !found.text().contains(&digest(&referrer())),
                    "{}",
                    found.text()
                );
            },
            touches: &[Touches::Referrer],
            ..operation(
                "delete a referrer",
                "DELETE",
                |_| format!("/v2/a/manifests/{}", digest(&referrer())),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| {
                let path = format!("/v2/a/blobs/{}", sha256(&layer(1)));
                served.expect(404, "GET", &path, b"");
            },
            touches: &[Touches::Layer],
            ..operation(
                "delete a blob",
                "DELETE",
                |_| format!("/v2/a/blobs/{}", sha256(&layer(1))),
                202,
            )
        },
        Operation {
            repeated: &[404],
            effect: |served, _, _| drop(served.expect(404, "GET", "/v2/a/tags/list", b"")),
            touches: ALL,
            ..operation("delete a repository", "DELETE", |_| "/v2/a/".into(), 202)
        },
    ]
}
