//! `GET /v2/`, by which a client finds out that this is a registry, and `GET /`.

use super::{Api, Result};
use crate::http::{Body, Response};
use crate::spec::{Code, Error};

/// The response to `/v2/`: an empty object, as in distribution.
pub fn version() -> Response {
    Response::new(200)
        .header("Content-Type", "application/json; charset=utf-8")
        .body(Body::Bytes(b"{}".to_vec()))
}

impl Api {
    /// The response to `/`, for monitoring: the registry is alive, and can write to its storage
    /// if it should. What is wrong is only logged: anyone may ask.
    pub(super) fn check_health(&self) -> Result {
        if self.options.watches_writability {
            self.storage.check_writable().map_err(|why| {
                let text = "the registry cannot write to its storage; its log says why";
                Error::new(Code::Unavailable).message(text).cause(why)
            })?;
        }
        Ok(Response::new(200).header("Cache-Control", "no-cache"))
    }
}
