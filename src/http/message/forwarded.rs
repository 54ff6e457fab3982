//! The `Forwarded` header (RFC 7239): what a proxy says about the request that it received.

/// What one element of the header says, so one proxy.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// `for`: who sent the request to the proxy.
    pub client: Option<String>,
    /// `host`: the `Host` header it carried.
    pub host: Option<String>,
    /// `proto`: the scheme, as it was written.
    pub proto: Option<String>,
}

impl Forwarded {
    /// Reads the first element, from the proxy that is nearest to the client. `None` when it is malformed; what follows
    /// is not looked at.
    pub fn first(value: &str) -> Option<Forwarded> {
        Some(element(value)?.0)
    }

    /// Reads all elements; none when one is malformed.
    pub(in crate::http) fn all(value: &str) -> Vec<Forwarded> {
        let (mut all, mut rest) = (Vec::new(), value);
        loop {
            let Some((forwarded, after)) = element(rest) else {
                return Vec::new();
            };
            all.push(forwarded);
            match after.strip_prefix(',') {
                Some(after) => rest = after,
                None => return all,
            }
        }
    }
}

/// An element and what follows it: `name=value` pairs between semicolons, each name at most once. Spaces around
/// semicolons, which the RFC does not allow but proxies write, are accepted.
fn element(text: &str) -> Option<(Forwarded, &str)> {
    let mut forwarded = Forwarded::default();
    let mut names: Vec<&str> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.starts_with([';', ',']) && !rest.is_empty() {
            let (name, after) = token(rest)?;
            let (value, after) = value(after.strip_prefix('=')?)?;
            if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return None;
            }
            names.push(name);
            if name.eq_ignore_ascii_case("for") {
                forwarded.client = Some(value);
            } else if name.eq_ignore_ascii_case("host") {
                forwarded.host = Some(value);
            } else if name.eq_ignore_ascii_case("proto") {
                forwarded.proto = Some(value);
            }
            rest = after.trim_start_matches([' ', '\t']);
        }
        match rest.strip_prefix(';') {
            Some(after) => rest = after,
            None if rest.is_empty() || rest.starts_with(',') => return Some((forwarded, rest)),
            None => return None,
        }
    }
}

/// A token (RFC 9110, 5.6.2) and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.split_at_checked(end)
        .filter(|(token, _)| !token.is_empty())
}

/// A token or a quoted string (RFC 9110, 5.6.4), and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(token, rest)| (token.to_owned(), rest));
    };
    let (mut value, mut chars) = (String::new(), quoted.chars());
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(String, String)> {
        let forwarded = Forwarded::first(value)?;
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        Some((text(forwarded.proto), text(forwarded.host)))
    }

    #[test]
    fn the_first_element_counts() {
        for (field, proto, host) in [
            ("", "-", "-"),
            ("proto=https", "https", "-"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "http", "-"),
            ("For=\"[2001:db8::17]:47011\"", "-", "-"),
            ("PROTO=HTTPS;Host=r.example", "HTTPS", "r.example"),
            (
                "proto=https;host=\"r.example:8443\"",
                "https",
                "r.example:8443",
            ),
            ("host=\"r\\.ex\\\"ample\"", "-", "r.ex\"ample"),
            ("host=\"a,b;c\" ; proto=https", "https", "a,b;c"),
            ("for=a;host=first, host=second;proto=https", "-", "first"),
            ("for=a,proto=https", "-", "-"),
            (", proto=https", "-", "-"),
            (";;proto=https;", "https", "-"),
            ("proto=https, =malformed", "https", "-"),
        ] {
            let expected = Some((proto.to_owned(), host.to_owned()));
            assert_eq!(read(field), expected, "{field}");
        }
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        for field in [
            "https",
            "proto",
            "proto=",
            "=https",
            "proto =https",
            "proto= https",
            "proto=https host=x",
            "proto=https;proto=http",
            "proto=https;PROTO=https",
            "host=r.example:8443",
            "host=\"r.example",
            "host=\"r.example\\",
            "host=\"a\"b",
            "proto=https;host",
            "pro\"to=https",
            "proto=h\u{e4}ttp",
        ] {
            assert_eq!(read(field), None, "{field}");
        }
    }
}
