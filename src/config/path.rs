//! The paths of a configuration: as people write them for YAML, a shell or a Dockerfile, and as Windows
//! must not take them. A path that is not what was meant is a folder in the wrong place, and so an empty
//! registry: what is doubtful is a mistake.

use super::layers::Layers;
use super::values::steps;
use std::path::{Component, Path, PathBuf, is_separator};

impl Layers {
    /// The path at a key; `None` when there is none, and when it is wrong, which is recorded.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        match parse(&text) {
            Ok(path) => Some(path),
            Err(message) => {
                self.mistake(&steps(key), message);
                None
            }
        }
    }
}

/// The path without doubled separators: `c:\\data`, as people write it for a shell, is `c:\data`. The
/// error says what was found and what is allowed.
fn parse(text: &str) -> Result<PathBuf, String> {
    if text.contains(char::is_control) {
        return Err(format!(
            "found {text:?}, which has a control character; allowed: a path; in double quotes a \
             backslash begins an escape: write 'c:\\data' in single quotes, or \"c:\\\\data\""
        ));
    }
    if !is_separator('\\') {
        return Ok(tidy(text));
    }
    // The name of a share with all of its backslashes doubled.
    let halved = text.starts_with(r"\\\\").then(|| text.replace(r"\\", r"\"));
    let text = halved.as_deref().unwrap_or(text);
    let path = Path::new(text);
    let has_prefix = matches!(path.components().next(), Some(Component::Prefix(_)));
    if has_prefix && !path.has_root() {
        let (drive, rest) = text.split_once(':').unwrap_or((text, ""));
        return Err(format!(
            "found `{text}`, which is relative to the folder that drive {drive}: is at; allowed: \
             `{drive}:\\{rest}` (a Dockerfile takes single backslashes away, unless it begins with \
             # escape=`)"
        ));
    }
    if !has_prefix && text.starts_with(r"\\") {
        return Err(format!(
            "found `{text}`; allowed: the whole path of a folder that is shared, such as \
             \\\\server\\share\\data"
        ));
    }
    let has_colon =
        |part| matches!(part, Component::Normal(name) if name.to_string_lossy().contains(':'));
    match path.components().any(has_colon) {
        true => Err(format!(
            "found `{text}`; allowed: a path with no colon but that after the drive"
        )),
        false => Ok(tidy(text)),
    }
}

fn tidy(text: &str) -> PathBuf {
    Path::new(text).components().collect()
}
