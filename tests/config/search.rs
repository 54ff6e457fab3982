//! Which configuration is read where none is named.

use super::*;
use std::fs;

/// A directory with the three places.
struct Places {
    directory: tempfile::TempDir,
    here: PathBuf,
    system: [PathBuf; 2],
}

fn places() -> Places {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().join("config.yml");
    let system = ["docker/config.yml", "distribution/config.yml"];
    let system = system.map(|path| directory.path().join("etc").join(path));
    Places {
        directory,
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
        ConfigSource::search_in(&self.here, &system).map_err(|error| error.to_string())
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
        said.contains("docker/config.yml: is ignored in favor of"),
        "{said}"
    );
}

#[test]
fn the_built_in_one_counts_only_where_nothing_is_there() {
    let places = places();
    let (source, _) = places.search().unwrap();
    let (config, notices) = Config::load(source, []).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    assert_eq!(config.source, "the built-in configuration");
    // A directory that something else was mounted into, such as the file of users.
    places.write(&places.system[0].with_file_name("htpasswd"), "");
    assert!(matches!(
        places.search(),
        Ok((ConfigSource::Text { .. }, _))
    ));
}

#[test]
fn what_is_there_and_no_file_to_read_is_refused() {
    let directory = places();
    fs::create_dir_all(&directory.system[0]).unwrap();
    let said = directory.search().unwrap_err();
    assert!(said.contains("config.yml: is a directory"), "{said}");

    let other = places();
    other.write(&other.system[1].with_file_name("registry.yaml"), "x");
    let said = other.search().unwrap_err();
    assert!(
        said.contains("registry.yaml does; call it config.yml"),
        "{said}"
    );

    // A file where the directory should be.
    let file = places();
    file.write(&file.directory.path().join("etc/docker"), "x");
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
        // The file is for a server that is there to stay; nothing is removed unless a file says so.
        let collects = "REGISTRY_STORAGE_MAINTENANCE_GARBAGECOLLECT_ENABLED".to_owned();
        let variables = [(place, "/data".to_owned()), (collects, "false".to_owned())];
        Config::load(source, variables).unwrap().0.render()
    };
    let file = include_str!("../../config.yml");
    let file = render("config.yml", file).replace("- ^https?://", "[]");
    let built_in = render("built in", include_str!("../../src/config/default.yml"));
    let lines =
        |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    assert_eq!(lines(&file), lines(&built_in));
}
