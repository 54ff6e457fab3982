//! The clean form of a path. A registry URL that ends in a slash, and programs that join URLs
//! carelessly, ask for `//v2/` or `/v2/_catalog/`; as in distribution they are redirected to the path that
//! they mean.
//!
//! Only the text of the path is examined, never what is stored, so this comes before
//! authentication. What is percent-encoded stays so: `%2e%2e` leads nowhere.

use super::Route;
use crate::http::{Method, Request, Response};

/// Where a raw path should lead: the path without empty and `.` segments, `..` resolved, and without the
/// slash at its end where that makes it an endpoint. `None` for a path that is clean.
///
/// It begins with one slash that another or a backslash never follows, so a browser cannot take it for
/// the name of a host.
pub fn clean(path: &str, prefix: &str) -> Option<String> {
    let tidied = is_untidy(path).then(|| tidy(path));
    let path = tidied.as_deref().unwrap_or(path);
    match path.strip_suffix('/') {
        Some(shorter) if Route::parse(path, prefix).is_err() && names(shorter, prefix) => {
            Some(shorter.to_owned())
        }
        _ => tidied,
    }
}

/// Redirects a client to a clean path, with its query: 301 as in distribution, and 308 where method
/// and body must be kept (RFC 9110, 15.4.9).
pub fn redirect(request: &Request<'_>, path: &str) -> Response {
    let status = match request.method() {
        Method::Get | Method::Head => 301,
        _ => 308,
    };
    let query = request.query();
    let mark = if query.is_empty() { "" } else { "?" };
    Response::new(status).header("Location", format!("{path}{mark}{query}"))
}

fn names(path: &str, prefix: &str) -> bool {
    Route::parse(path, prefix).is_ok()
}

/// Whether some segment is empty, `.` or `..`; the last may be empty.
fn is_untidy(path: &str) -> bool {
    let rest = path.strip_prefix('/').unwrap_or_default();
    let (last, others) = match rest.rsplit_once('/') {
        Some((others, last)) => (last, Some(others)),
        None => (rest, None),
    };
    matches!(last, "." | "..")
        || others.is_some_and(|others| others.split('/').any(|one| matches!(one, "" | "." | "..")))
}

fn tidy(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let end = match path.ends_with('/') && !segments.is_empty() {
        true => "/",
        false => "",
    };
    format!("/{}{end}", segments.join("/")).replace('\\', "%5C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_clean_form() {
        let id = "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000";
        for (path, expected) in [
            ("//", "/"),
            ("/./", "/"),
            ("//v2/", "/v2/"),
            ("//v2", "/v2"),
            ("/v2//", "/v2/"),
            ("/v2/./_catalog", "/v2/_catalog"),
            ("/v2/_catalog/", "/v2/_catalog"),
            ("///v2//_catalog//", "/v2/_catalog"),
            ("/v2/a/tags/list/", "/v2/a/tags/list"),
            ("/v2/a/manifests/v1/", "/v2/a/manifests/v1"),
            ("/v2//a/manifests/v1", "/v2/a/manifests/v1"),
            ("/v2/a/blobs/uploads//", "/v2/a/blobs/uploads/"),
            (&format!("{id}/"), id),
            ("/v2/a/../b/tags/list", "/v2/b/tags/list"),
            ("/v2/..", "/"),
            ("/../../../v2/", "/v2/"),
            ("//evil.example/", "/evil.example/"),
            ("//evil.example/..", "/"),
            ("/v2/..//evil.example", "/evil.example"),
            ("//\\evil.example/", "/%5Cevil.example/"),
            ("/.//\\/evil.example", "/%5C/evil.example"),
            ("//v2/%2e%2e//x", "/v2/%2e%2e/x"),
        ] {
            let cleaned = clean(path, "/").unwrap();
            assert_eq!(cleaned, expected, "{path}");
            assert!(!cleaned.starts_with("//") && !cleaned.starts_with("/\\"));
            assert_eq!(clean(&cleaned, "/"), None, "{path} takes two steps");
        }
    }

    #[test]
    fn a_clean_path_stays_what_it_is() {
        for path in [
            "/",
            "/v2",
            "/v2/",
            "/v2/_catalog",
            "/v2/a/blobs/uploads/",
            "/v2/a/blobs/uploads",
            "/v2/a/manifests/..v1",
            "/v2/no/such/endpoint/",
            "/v2/A/tags/list/",
            "/v2/%2e/_catalog",
            "/v2/a%2f%2fb/tags/list",
            "/\\evil.example/",
            "*",
        ] {
            assert_eq!(clean(path, "/"), None, "{path}");
        }
    }
}
