//! Which methods a path has: `OPTIONS`, `Allow`, and what is refused for its method (RFC 9110, 9.3.7,
//! 10.2.1, 15.5.6).

use super::{Api, Result, Route};
use crate::http::{Method, Request, Response};
use crate::spec::{Code, Error};

/// What `OPTIONS *` names: every method that some path has.
const EVERY: &[Method] = &[
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
];

impl Api {
    /// Answers `OPTIONS`: 200 and the methods of the path.
    ///
    /// Browsers ask this without credentials before they send a request of another site (the preflight
    /// of CORS) and take no other answer than success, and load balancers ask it to see that the
    /// registry lives. So it is answered for every path and before anyone is asked who they are; it
    /// depends on the form of the path alone.
    pub(super) fn options(&self, request: &Request<'_>, route: Option<&Route>) -> Response {
        let allowed = match (request.target(), route) {
            ("*", _) => self.allowed(EVERY, None),
            (_, Some(route)) => self.allowed(route.methods(), Some(route)),
            (_, None) => self.allowed(&[], None),
        };
        Response::new(200).header("Allow", allowed)
    }

    /// Refuses a method that the path does not have, or that the configuration has turned off,
    /// before anything of the body is read.
    pub(super) fn check_allowed(&self, route: &Route, method: &Method) -> Result<()> {
        let allowed = self.allowed(route.methods(), Some(route));
        let error = if !route.methods().contains(method) {
            let text = format!("{method} is not allowed here; these are: {allowed}");
            Error::new(Code::MethodNotAllowed).message(text)
        } else if let Some(text) = self.turned_off(Some(route), method) {
            Error::new(Code::Unsupported).message(text)
        } else {
            return Ok(());
        };
        Err(error.field("Allow", allowed))
    }

    /// The value of `Allow`: those of these methods that are not turned off, and `OPTIONS`.
    fn allowed(&self, methods: &[Method], route: Option<&Route>) -> String {
        let is_left = |method: &&Method| self.turned_off(route, method).is_none();
        let left = methods.iter().filter(is_left).chain(&[Method::Options]);
        left.map(Method::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Why a method that the path has is turned off by the configuration; `None`: it is not. Without a
    /// path it is about those that have the method.
    fn turned_off(&self, route: Option<&Route>, method: &Method) -> Option<&'static str> {
        let reads = matches!(method, Method::Get | Method::Head | Method::Options);
        if self.settings.read_only && !reads {
            return Some("the registry is in read-only mode (storage.maintenance.readonly)");
        }
        let deletes = matches!(route, Some(Route::Manifest(..) | Route::Blob(..)))
            && matches!(method, Method::Delete);
        (deletes && !self.settings.delete_enabled)
            .then_some("deleting is turned off (storage.delete.enabled)")
    }
}
