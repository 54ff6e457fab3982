//! Where the YAML comes from: the file that was named, or the one that is found.
//!
//! If none is named, it is `config.yml` in the current directory, or the one that
//! distribution's images have at a place of their own, so that what is mounted there counts here. Only
//! where there is none at all it is the built-in one, which is open to everyone: a file that is there
//! and cannot be read is an error, never ignored.

use super::report::{ConfigError, Notice, Severity};
use crate::yaml::Provenance;
use crate::{encoding, small_file, sys};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The largest file that is read.
const FILE_BYTES_MAX: usize = 1024 * 1024;
/// The file that is looked for in the current directory.
const HERE: &str = "config.yml";
/// What reports call the built-in configuration.
const BUILT_IN_NAME: &str = "the built-in configuration";
const BUILT_IN: &str = include_str!("default.yml");

/// Where the YAML comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// A file.
    File(PathBuf),
    /// A text, with the name that reports give it.
    Text {
        /// Used instead of a file name.
        name: String,
        /// YAML.
        text: String,
    },
}

impl ConfigSource {
    /// The configuration to read if none is named, with notices about the choice.
    pub fn search() -> Result<(ConfigSource, Vec<Notice>), ConfigError> {
        let system = sys::SYSTEM_CONFIGURATIONS.map(Path::new);
        ConfigSource::search_in(Path::new(HERE), &system)
    }

    /// The same where `here` is the file that counts if it is there, else one of the `system`, which must be
    /// equal.
    pub fn search_in(
        here: &Path,
        system: &[&Path],
    ) -> Result<(ConfigSource, Vec<Notice>), ConfigError> {
        if is_there(here)? {
            let others = system.iter().filter(|path| path.exists());
            let ignored = others.filter(|path| !is_same(here, path));
            let notices = ignored.map(|path| notice(path, here)).collect();
            return Ok((ConfigSource::File(here.to_owned()), notices));
        }
        let mut found = Vec::new();
        for path in system.iter().copied() {
            if is_there(path)? {
                found.push(path);
            }
        }
        let Some((first, others)) = found.split_first() else {
            let text = BUILT_IN.to_owned();
            let name = BUILT_IN_NAME.to_owned();
            return Ok((ConfigSource::Text { name, text }, Vec::new()));
        };
        match others.iter().find(|other| !is_same(first, other)) {
            None => Ok((ConfigSource::File(first.to_path_buf()), Vec::new())),
            Some(other) => Err(error(
                first,
                format!(
                    "differs from {}; keep one of them, or name the one to use",
                    other.display()
                ),
            )),
        }
    }

    /// Its name and its text.
    pub(super) fn read(self) -> Result<(String, String), ConfigError> {
        let (name, bytes) = match self {
            ConfigSource::Text { name, text } => (name, Ok(text.into_bytes())),
            ConfigSource::File(path) => {
                let bytes = small_file::read_once(&path, FILE_BYTES_MAX);
                (path.display().to_string(), bytes)
            }
        };
        let error = |message: String| ConfigError::in_file(&name, message);
        let too_large = || {
            error(format!(
                "has more than {FILE_BYTES_MAX} bytes; a configuration is smaller"
            ))
        };
        let bytes = bytes.map_err(|why| match why.kind() {
            ErrorKind::FileTooLarge => too_large(),
            _ => error(format!("cannot be read: {why}")),
        })?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(too_large());
        }
        let bytes = encoding::utf8(&bytes).map_err(|why| error(why.to_owned()))?;
        let text = std::str::from_utf8(bytes).map_err(|why| {
            let good = bytes.get(..why.valid_up_to()).unwrap_or_default();
            let line = good.split(|byte| *byte == b'\n').count();
            error(format!("not valid UTF-8: line {line} has an invalid byte"))
        })?;
        let text = text.to_owned();
        Ok((name, text))
    }
}

/// Whether something is at a path. Where that cannot be found out, or its directory only holds
/// configurations of other names, whoever put them there meant something.
fn is_there(path: &Path) -> Result<bool, ConfigError> {
    let unknown = |why: io::Error| {
        let message = format!("cannot be looked for: {why}; name the configuration to use");
        error(path, message)
    };
    match path.symlink_metadata() {
        Ok(_) if path.is_dir() => Err(error(
            path,
            "is a directory; a container engine creates one when the file to mount does not exist on the host"
                .to_owned(),
        )),
        Ok(_) => Ok(true),
        Err(why) if why.kind() == ErrorKind::NotFound => match misnamed(path).map_err(unknown)? {
            None => Ok(false),
            Some(other) => Err(error(
                path,
                format!(
                    "does not exist, but {} does; call it config.yml, or name it",
                    other.display()
                ),
            )),
        },
        Err(why) => Err(unknown(why)),
    }
}

/// A YAML file next to the one that is looked for, in a directory of its own.
fn misnamed(path: &Path) -> io::Result<Option<PathBuf>> {
    let Some(directory) = path.parent().filter(|parent| parent.is_absolute()) else {
        return Ok(None);
    };
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let other = entry?.path();
        if other
            .extension()
            .is_some_and(|end| end == "yml" || end == "yaml")
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Whether two files have the same content. One that cannot be read is like no other.
fn is_same(one: &Path, other: &Path) -> bool {
    let read = |path| small_file::read(path, FILE_BYTES_MAX).ok();
    let content = read(one);
    content.is_some() && content == read(other)
}

fn error(path: &Path, message: String) -> ConfigError {
    ConfigError::in_file(path.display().to_string(), message)
}

fn notice(ignored: &Path, here: &Path) -> Notice {
    Notice {
        severity: Severity::Warning,
        provenance: Provenance::File(ignored.display().to_string()),
        key: String::new(),
        message: format!(
            "is ignored in favor of {} in the current directory; name the file to use",
            here.display()
        ),
    }
}
