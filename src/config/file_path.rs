//! File system paths in a configuration: as people write them for YAML, a shell or a Dockerfile, and as Windows
//! must not take them. A path that is not what was meant is a directory in the wrong place, and so an
//! empty registry: what is doubtful is an error.

use super::value::Invalid;
use std::path::{Component, Path, PathBuf, is_separator};

/// The path without doubled separators: `c:\\data`, as people write it for a shell, is `c:\data`.
pub fn parse(text: &str) -> Result<PathBuf, Invalid> {
    normalized(text).map_err(Invalid::Because)
}

fn normalized(text: &str) -> Result<PathBuf, String> {
    if text.contains(char::is_control) {
        return Err(format!(
            "found {text:?}, which has a control character; allowed: a path; in double quotes a \
             backslash starts an escape sequence: write 'c:\\data' in single quotes, or \"c:\\\\data\""
        ));
    }
    if !is_separator('\\') {
        return Ok(tidied(text));
    }
    // The name of a share with all of its backslashes doubled.
    let halved = text.starts_with(r"\\\\").then(|| text.replace(r"\\", r"\"));
    let text = halved.as_deref().unwrap_or(text);
    let path = Path::new(text);
    let has_prefix = matches!(path.components().next(), Some(Component::Prefix(_)));
    if has_prefix && !path.has_root() {
        let (drive, rest) = text.split_once(':').unwrap_or((text, ""));
        return Err(format!(
            "found `{text}`, which is relative to the current directory of drive {drive}:; allowed: \
             `{drive}:\\{rest}` (a Dockerfile removes single backslashes unless it starts with \
             # escape=`)"
        ));
    }
    if !has_prefix && text.starts_with(r"\\") {
        return Err(format!(
            "found `{text}`; allowed: the whole path of a shared directory, such as \
             \\\\server\\share\\data"
        ));
    }
    let has_colon =
        |part| matches!(part, Component::Normal(name) if name.to_string_lossy().contains(':'));
    match path.components().any(has_colon) {
        true => Err(format!(
            "found `{text}`; allowed: a path without a colon except after the drive letter"
        )),
        false => Ok(tidied(text)),
    }
}

fn tidied(text: &str) -> PathBuf {
    Path::new(text).components().collect()
}
