//! Which methods a path has: `OPTIONS`, `Allow`, and the refusal of others (RFC 9110, 9.3.7, 10.2.1, 15.5.6).

use super::operation::{Endpoint, Facts, TABLE};
use super::{Api, Result, Route};
use crate::http::{Method, Request, Response};
use crate::spec::{Code, Error};

/// Every method that some path has, in the order in which `Allow` names them.
const IN_ORDER: &[Method] = &[
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
];

impl Api {
    /// Answers `OPTIONS`: 200 and the methods of the path, or of all paths for `*`.
    ///
    /// Browsers ask this without credentials before they send a request of another site (the preflight
    /// of CORS) and accept nothing but success, and load balancers ask it to see that the
    /// registry is alive. So it is answered for every path and before anyone has to authenticate; it
    /// depends only on the form of the path.
    pub(super) fn allow(&self, request: &Request<'_>, route: Option<&Route>) -> Response {
        let allowed = match (request.target(), route) {
            ("*", _) => self.allowed(TABLE.iter()),
            (_, Some(route)) => self.allowed_methods(route.endpoint()),
            (_, None) => self.allowed([].into_iter()),
        };
        Response::new(200).header("Allow", allowed)
    }

    /// The operation that a request asks for. A method that the path does not have, or that the configuration has
    /// turned off, is refused before anything of the body is read.
    pub(super) fn operation(&self, route: &Route, method: &Method) -> Result<&'static Facts> {
        let error = match Facts::find(route, method) {
            None => {
                let allowed = self.allowed_methods(route.endpoint());
                let text = format!("{method} is not allowed here; allowed methods: {allowed}");
                Error::new(Code::MethodNotAllowed).message(text)
            }
            Some(facts) => match self.turned_off(facts) {
                None => return Ok(facts),
                Some(text) => Error::new(Code::Unsupported).message(text),
            },
        };
        Err(error.header("Allow", self.allowed_methods(route.endpoint())))
    }

    fn allowed_methods(&self, endpoint: Endpoint) -> String {
        self.allowed(Facts::for_endpoint(endpoint))
    }

    /// The value of `Allow`: the methods of those operations that are not turned off, each once, and `OPTIONS`.
    fn allowed(&self, operations: impl Iterator<Item = &'static Facts>) -> String {
        let left: Vec<&Facts> = operations
            .filter(|facts| self.turned_off(facts).is_none())
            .collect();
        let is_left = |method: &&Method| left.iter().any(|facts| facts.methods.contains(method));
        let methods = IN_ORDER
            .iter()
            .filter(is_left)
            .chain(&[Method::Options])
            .map(Method::as_str);
        methods.collect::<Vec<_>>().join(", ")
    }

    /// Why the configuration has turned an operation off; `None` when it has not.
    fn turned_off(&self, facts: &Facts) -> Option<&'static str> {
        if self.options.read_only && facts.writes {
            return Some("the registry is in read-only mode (storage.maintenance.readonly)");
        }
        (facts.deletes() && !self.options.delete_enabled)
            .then_some("deletion is disabled (storage.delete.enabled)")
    }
}
