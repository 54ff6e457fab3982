//! Pages of a list: `n`, `last` and the `Link` to the next page (distribution spec, "Listing Tags").

use super::parameters::Parameters;
use crate::http::{Request, target};
use crate::spec::{Code, Error, Position};
use serde_json::json;

/// Which part of a list a request asks for.
pub struct PageRequest {
    /// At most this many entries.
    pub limit: usize,
    /// Only entries after this one; empty for the beginning.
    pub last: Position,
    /// Whether the client sent `n`.
    pub has_limit: bool,
}

impl PageRequest {
    /// Parses `n` and `last`. A number over `limit_max`, with any number of digits, is lowered to it;
    /// what is not a number is `PAGINATION_NUMBER_INVALID`.
    pub fn from_request(request: &Request<'_>, limit_max: usize) -> Result<PageRequest, Error> {
        let parameters = Parameters::from_request(request)?;
        let last = Position::from_text(&parameters.first("last").unwrap_or_default());
        let Some(text) = parameters.first("n") else {
            return Ok(PageRequest {
                limit: limit_max,
                last,
                has_limit: false,
            });
        };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = "n must be a number of entries, 0 or more";
            let error = Error::new(Code::PaginationNumberInvalid).message(message);
            return Err(error.detail(json!({ "n": text })));
        }
        let limit = text
            .parse::<usize>()
            .map_or(limit_max, |limit| limit.min(limit_max));
        Ok(PageRequest {
            limit,
            last,
            has_limit: true,
        })
    }

    /// The value of `Link` for the page after the one that ended with `last`.
    pub fn link(&self, url: &str, last: &str) -> String {
        let last = target::encode_query(last);
        format!("<{url}?n={}&last={last}>; rel=\"next\"", self.limit)
    }
}
