//! The query of a request. It is parsed again for each parameter that is looked up, since there may be
//! tens of thousands of them.

use crate::http::{Request, target};
use crate::spec::{Code, Error};
use std::borrow::Cow;

/// Query parameters, in order; each can be decoded.
#[derive(Clone, Copy)]
pub struct Parameters<'q>(&'q str);

impl<'q> Parameters<'q> {
    /// Checks the query. One that cannot be decoded is a bad request.
    pub fn from_request(request: &'q Request<'_>) -> Result<Parameters<'q>, Error> {
        let query = request.query();
        let failed = target::query_pairs(query).find_map(Result::err);
        failed.map_or(Ok(Parameters(query)), |error| {
            let text = format!("the query cannot be decoded: {error}");
            Err(Error::new(Code::RequestInvalid).message(text))
        })
    }

    /// The first parameter of that name; an empty value counts as none.
    pub fn first(self, name: &str) -> Option<Cow<'q, str>> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// Every parameter of that name, also with an empty value.
    pub fn all(self, name: &str) -> impl Iterator<Item = Cow<'q, str>> {
        let pairs = target::query_pairs(self.0).filter_map(Result::ok);
        let same = pairs.filter(move |(found, _)| found == name);
        same.map(|(_, value)| value)
    }
}
