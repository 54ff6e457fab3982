//! Texts that have a form of their own: addresses, URLs, paths of URLs, names of headers. Each function takes
//! what was written and returns what is used.

use super::value::Invalid;

/// A text without control characters.
pub fn one_line(text: &str) -> Result<String, Invalid> {
    match text.chars().any(char::is_control) {
        true => Err("a string without line breaks and other control characters".into()),
        false => Ok(text.to_owned()),
    }
}

/// `host:port`, `:port` or `[IPv6 address]:port`.
pub fn address(text: &str) -> Result<String, Invalid> {
    match text.rsplit_once(':') {
        Some((host, port)) if is_host(host) && is_port(port) => Ok(text.to_owned()),
        _ => Err(
            "host:port, :port or [IPv6 address]:port with a port from 0 to 65535, such as :5000"
                .into(),
        ),
    }
}

fn is_host(host: &str) -> bool {
    let (host, is_bracketed) = match host.strip_prefix('[') {
        Some(rest) => (rest.strip_suffix(']').unwrap_or_default(), true),
        None => (host, false),
    };
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/[]@?#".contains(c);
    host.contains(':') == is_bracketed && !host.contains(is_odd)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// `/` or `/path/`; distribution asks for both slashes, here they are added.
pub fn prefix(text: &str) -> Result<String, Invalid> {
    let inner = text.trim_matches('/');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_step = |step: &str| !matches!(step, "" | "." | "..") && step.bytes().all(is_plain);
    match inner {
        "" => Ok("/".to_owned()),
        inner if inner.split('/').all(is_step) => Ok(format!("/{inner}/")),
        _ => {
            Err("a path of letters, digits, `-`, `.`, `_`, `~` and `/`, such as /registry/".into())
        }
    }
}

/// A URL with a scheme, a host and maybe a path, without a slash at its end.
pub fn base_url(text: &str) -> Result<String, Invalid> {
    if !text.contains("://") {
        return Err(Invalid::Ignored(format!(
            "found `{text}` without a scheme; it is ignored, as in distribution: write https://{text}, or http://"
        )));
    }
    let url = text.trim_end_matches('/');
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let is_plain = |c: char| c.is_ascii_graphic() && !"?#@\\\"<>".contains(c);
    match rest {
        Some(rest) if !matches!(rest.chars().next(), None | Some('/' | ':')) && rest.chars().all(is_plain) => {
            Ok(url.to_owned())
        }
        _ => Err("http:// or https:// with a host and nothing after the path, such as https://registry.example".into()),
    }
}

/// A path of a URL.
pub fn url_path(text: &str) -> Result<String, Invalid> {
    match text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("a path that starts with /".into()),
    }
}

/// Whether a text can be the name of a header (RFC 9110, 5.1).
pub fn is_header_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}
