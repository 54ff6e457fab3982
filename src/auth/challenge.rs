//! `WWW-Authenticate`: how a client is asked to log in (RFC 9110, 11.6.1; RFC 7617; docker's token
//! specification).

/// `Basic realm="..."`.
pub fn basic(realm: &str) -> String {
    format!("Basic realm={}", quoted(realm))
}

/// `Bearer realm="...",service="...",scope="...",error="..."`.
pub fn bearer(
    realm: &str,
    service: &str,
    scope: Option<&str>,
    problem: Option<&'static str>,
) -> String {
    let parameter = |name, text: Option<&str>| {
        let one = text.map(|text| format!(",{name}={}", quoted(text)));
        one.unwrap_or_default()
    };
    format!(
        "Bearer realm={},service={}{}{}",
        quoted(realm),
        quoted(service),
        parameter("scope", scope),
        parameter("error", problem)
    )
}

/// A quoted string (RFC 9110, 5.6.4): what it holds can neither end it nor its line.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_cannot_leave_its_quotes() {
        assert_eq!(basic("Registry Realm"), r#"Basic realm="Registry Realm""#);
        assert_eq!(basic("a\"b\\c\r\nd"), r#"Basic realm="a\"b\\cd""#);
    }
}
