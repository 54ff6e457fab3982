//! The query of a request, read once.

use crate::http::{Request, target};
use crate::spec::{Code, Error};

/// Decoded query parameters, in order.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the query. A query that cannot be decoded is a bad request.
    pub fn of(request: &Request<'_>) -> Result<Parameters, Error> {
        let owned = |pair: Result<target::Pair<'_>, target::Malformed>| {
            pair.map(|(name, value)| (name.into_owned(), value.into_owned()))
        };
        let pairs: Result<_, _> = target::query_pairs(request.query()).map(owned).collect();
        pairs.map(Parameters).map_err(|error| {
            Error::new(Code::RequestInvalid)
                .message(format!("the query cannot be decoded: {error}"))
        })
    }

    /// The first parameter of that name; an empty value counts as none.
    pub fn first(&self, name: &str) -> Option<&str> {
        let same = |pair: &&(String, String)| pair.0 == name && !pair.1.is_empty();
        self.0.iter().find(same).map(|(_, value)| value.as_str())
    }

    /// Every parameter of that name, also with an empty value.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |pair: &&(String, String)| pair.0 == name;
        self.0.iter().filter(same).map(|(_, value)| value.as_str())
    }
}
