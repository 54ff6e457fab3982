//! `GET /v2/`, by which a client learns that the API is spoken here, and `GET /`.

use crate::http::{Body, Response};

/// The answer to `/v2/`: an empty object, as docker has it.
pub fn version() -> Response {
    Response::new(200)
        .header("Content-Type", "application/json; charset=utf-8")
        .body(Body::Bytes(b"{}".to_vec()))
}

/// The answer to `/`: the server is alive.
pub fn alive() -> Response {
    Response::new(200).header("Cache-Control", "no-cache")
}
