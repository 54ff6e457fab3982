//! Pages of a list: `n`, `last` and the `Link` to the next (distribution spec, "Listing Tags").

use super::parameters::Parameters;
use crate::http::{Request, target};
use crate::spec::{Code, Error, Position};
use serde_json::json;

/// Which part of a list is asked for.
pub struct Page {
    /// At most so many entries.
    pub limit: usize,
    /// Only entries after this one; empty for the start.
    pub last: Position,
    /// Whether the client named a number.
    pub is_asked_for: bool,
}

impl Page {
    /// Reads `n` and `last`. More than `limit_max` entries, any number of digits, are cut down to it;
    /// what is no number is `PAGINATION_NUMBER_INVALID`.
    pub fn of(request: &Request<'_>, limit_max: usize) -> Result<Page, Error> {
        let parameters = Parameters::of(request)?;
        let last = Position::of(&parameters.first("last").unwrap_or_default());
        let Some(text) = parameters.first("n") else {
            return Ok(Page {
                limit: limit_max,
                last,
                is_asked_for: false,
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
        Ok(Page {
            limit,
            last,
            is_asked_for: true,
        })
    }

    /// The value of `Link` for the page after the one that ended with `last`.
    pub fn link(&self, url: &str, last: &str) -> String {
        let last = target::encode_query(last);
        format!("<{url}?n={}&last={last}>; rel=\"next\"", self.limit)
    }
}
