//! Which configuration is read where none is named: `config.yml` of the folder that the program was
//! started in, or the one that distribution's images have at a place of their own, so that what is
//! mounted there counts here. Only where there is none at all it is the built-in one, which is open to
//! everyone: what is there and cannot be read is a mistake, never passed over.

use super::{ConfigError, ConfigSource, FILE_BYTES_MAX, Notice, Provenance, Severity};
use crate::{sys, watched};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The file that is looked for in the folder that the program was started in.
const HERE: &str = "config.yml";
/// What reports call the built-in configuration.
const BUILT_IN_NAME: &str = "the built-in configuration";
const BUILT_IN: &str = include_str!("default.yml");

impl ConfigSource {
    /// The configuration to read where none is named, with what is good to know about the choice.
    pub fn search() -> Result<(ConfigSource, Vec<Notice>), Vec<ConfigError>> {
        let system = sys::SYSTEM_CONFIGURATIONS.map(Path::new);
        search(Path::new(HERE), &system).map_err(|mistake| vec![mistake])
    }
}

/// `here` counts where it is; else what is at the places of the `system`, which must be the same.
fn search(here: &Path, system: &[&Path]) -> Result<(ConfigSource, Vec<Notice>), ConfigError> {
    if is_there(here)? {
        let others = system.iter().filter(|path| path.exists());
        let passed_over = others.filter(|path| !same(here, path));
        let notices = passed_over.map(|path| notice(path, here)).collect();
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
    match others.iter().find(|other| !same(first, other)) {
        None => Ok((ConfigSource::File(first.to_path_buf()), Vec::new())),
        Some(other) => Err(mistake(
            first,
            format!(
                "is there, and {} with other content; keep one of them, or name the one that is meant",
                other.display()
            ),
        )),
    }
}

/// Whether something is at a path. Where that cannot be told, or its folder holds configurations of
/// other names alone, the one who put them there meant something.
fn is_there(path: &Path) -> Result<bool, ConfigError> {
    match path.symlink_metadata() {
        Ok(_) if path.is_dir() => Err(mistake(
            path,
            "is a folder; a container engine makes one where the file to mount is not there on the host"
                .to_owned(),
        )),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => match misnamed(path) {
            Ok(None) => Ok(false),
            Ok(Some(other)) => Err(mistake(
                path,
                format!(
                    "is not there, but {} is; call it config.yml, or name it",
                    other.display()
                ),
            )),
            Err(error) => Err(unseen(path, &error)),
        },
        Err(error) => Err(unseen(path, &error)),
    }
}

/// A YAML file beside the one that is looked for, in a folder of its own.
fn misnamed(path: &Path) -> io::Result<Option<PathBuf>> {
    let Some(folder) = path.parent().filter(|folder| folder.is_absolute()) else {
        return Ok(None);
    };
    let entries = match std::fs::read_dir(folder) {
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

/// Whether two files hold the same. One that cannot be read is like no other.
fn same(one: &Path, other: &Path) -> bool {
    let read = |path| watched::read(path, FILE_BYTES_MAX).ok();
    let content = read(one);
    content.is_some() && content == read(other)
}

fn unseen(path: &Path, error: &io::Error) -> ConfigError {
    let message = format!("cannot be looked for: {error}; name the configuration that is meant");
    mistake(path, message)
}

fn mistake(path: &Path, message: String) -> ConfigError {
    ConfigError {
        place: Provenance::File(path.display().to_string()),
        key: String::new(),
        message,
    }
}

fn notice(passed_over: &Path, here: &Path) -> Notice {
    Notice {
        severity: Severity::Warning,
        place: Provenance::File(passed_over.display().to_string()),
        key: String::new(),
        message: format!(
            "is ignored in favour of {} in this folder; name the file that you mean",
            here.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::fs;

    /// A folder with the three places.
    struct Places {
        folder: tempfile::TempDir,
        here: PathBuf,
        system: [PathBuf; 2],
    }

    fn places() -> Places {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("config.yml");
        let system = ["docker/config.yml", "distribution/config.yml"];
        let system = system.map(|path| folder.path().join("etc").join(path));
        Places {
            folder,
            here,
            system,
        }
    }

    impl Places {
        fn write(&self, path: &Path, text: &str) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn search(&self) -> Result<(ConfigSource, Vec<Notice>), String> {
            let system: Vec<&Path> = self.system.iter().map(PathBuf::as_path).collect();
            search(&self.here, &system).map_err(|mistake| mistake.to_string())
        }

        /// The file that is read.
        fn found(&self) -> PathBuf {
            match self.search().unwrap() {
                (ConfigSource::File(path), notices) if notices.is_empty() => path,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_one_that_is_there_is_read() {
        for system in [0, 1] {
            let places = places();
            places.write(&places.system[system], "x");
            assert_eq!(places.found(), places.system[system]);
        }
        let places = places();
        places.write(&places.here, "x");
        assert_eq!(places.found(), places.here);
    }

    #[test]
    fn two_that_differ_are_refused_and_two_that_are_equal_are_fine() {
        let places = places();
        places.write(&places.system[0], "x");
        places.write(&places.system[1], "x");
        assert_eq!(places.found(), places.system[0]);
        places.write(&places.system[1], "y");
        let said = places.search().unwrap_err();
        for path in &places.system {
            assert!(said.contains(path.to_str().unwrap()), "{said}");
        }
    }

    #[test]
    fn that_of_the_folder_wins_and_what_is_passed_over_is_named() {
        let places = places();
        places.write(&places.here, "x");
        places.write(&places.system[0], "x");
        assert_eq!(places.found(), places.here);
        places.write(&places.system[0], "y");
        let (source, notices) = places.search().unwrap();
        assert_eq!(source, ConfigSource::File(places.here.clone()));
        assert_eq!(notices.len(), 1, "{notices:?}");
        let said = notices[0].to_string();
        assert!(
            said.contains("docker/config.yml: is ignored in favour of"),
            "{said}"
        );
    }

    #[test]
    fn the_built_in_one_counts_only_where_nothing_is_there() {
        let places = places();
        let (source, _) = places.search().unwrap();
        let (config, notices) = Config::load(source, []).unwrap();
        assert!(notices.is_empty(), "{notices:?}");
        assert_eq!(config.source, BUILT_IN_NAME);
        // A folder that something else was mounted into, such as the file of users.
        places.write(&places.system[0].with_file_name("htpasswd"), "");
        assert!(matches!(
            places.search(),
            Ok((ConfigSource::Text { .. }, _))
        ));
    }

    #[test]
    fn what_is_there_and_no_file_to_read_is_refused() {
        let folder = places();
        fs::create_dir_all(&folder.system[0]).unwrap();
        let said = folder.search().unwrap_err();
        assert!(said.contains("config.yml: is a folder"), "{said}");

        let other = places();
        other.write(&other.system[1].with_file_name("registry.yaml"), "x");
        let said = other.search().unwrap_err();
        assert!(
            said.contains("registry.yaml is; call it config.yml"),
            "{said}"
        );

        // A file where the folder should be.
        let file = places();
        file.write(&file.folder.path().join("etc/docker"), "x");
        let found = file.search();
        assert!(cfg!(windows) || found.is_err(), "{found:?}");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_that_leads_nowhere_is_refused() {
        let places = places();
        let path = &places.system[0];
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/nonexistent/config.yml", path).unwrap();
        let errors = Config::load(ConfigSource::File(places.found()), []).unwrap_err();
        assert!(errors[0].to_string().contains("cannot be read"));
    }

    #[test]
    fn the_built_in_one_and_the_file_of_the_repository_come_to_the_same() {
        let render = |name: &str, text: &str| {
            let source = ConfigSource::Text {
                name: name.to_owned(),
                text: text.to_owned(),
            };
            let place = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY".to_owned();
            let variables = [(place, "/data".to_owned())];
            Config::load(source, variables).unwrap().0.render()
        };
        let file = include_str!("../../config.yml");
        let file = render("config.yml", file).replace("- ^https?://", "[]");
        let built_in = render("built in", BUILT_IN);
        let lines =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        assert_eq!(lines(&file), lines(&built_in));
    }
}
