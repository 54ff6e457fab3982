//! Pipes, loops, directories in the place of files and what else people leave in a data directory: each is a finding, nothing
//! waits for one, and nothing else is hidden by it.

use super::verify;
use crate::util::image::{layer, sha256};
use crate::util::registry::TestRegistry;
use serde_json::json;
use std::fs;

fn stopped() -> TestRegistry {
    let mut registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    registry.push_image("a/b", "v1", 2);
    registry.stop();
    registry
}

#[test]
fn what_is_no_part_of_the_layout_is_named_and_stays() {
    let registry = stopped();
    let digest = sha256(&layer(1));
    let (hex, first_two) = (&digest[7..], &digest[7..9]);
    let mut places = vec![
        "blobs/notes.txt".to_owned(),
        "blobs/sha256/xyz/file".to_owned(),
        format!("blobs/sha256/{first_two}/file"),
        format!("blobs/sha256/{first_two}/{hex}/data.bak"),
        "repositories/.DS_Store".to_owned(),
        "repositories/Upper/file".to_owned(),
        "repositories/a/readme".to_owned(),
        "repositories/a/_other/file".to_owned(),
        "repositories/a/_layers/md5/file".to_owned(),
        "repositories/a/_layers/sha256/1234/link".to_owned(),
        format!("repositories/a/_layers/sha256/{hex}/other"),
        "repositories/a/_manifests/other/file".to_owned(),
        "repositories/a/_manifests/tags/-x/current/link".to_owned(),
        "repositories/a/_manifests/tags/v1/other/file".to_owned(),
        "repositories/a/_uploads/file".to_owned(),
    ];
    // In the directory of another byte, where nobody finds it.
    let wrong = if first_two == "00" { "01" } else { "00" };
    places.push(format!("blobs/sha256/{wrong}/{hex}/data"));
    for place in &places {
        registry.plant(place, "x");
    }
    let found = verify(&registry.root, &[]);
    assert_eq!(
        (found.code, found.kinds()),
        (1, vec!["stray-entry"; places.len()]),
        "{found}"
    );
    for finding in &found.findings {
        let path = finding["path"].as_str().unwrap();
        let path = path.strip_prefix("docker/registry/v2/").unwrap();
        let is_it = |place: &&String| **place == path || place.starts_with(&format!("{path}/"));
        assert_eq!(places.iter().filter(is_it).count(), 1, "{path}");
        let is_in_a = path.starts_with("repositories/a/");
        assert_eq!(
            finding["repository"],
            if is_in_a { json!("a") } else { json!(null) }
        );
    }
    let tree = registry.tree();
    assert_eq!(verify(&registry.root, &["--repair"]).summary["repaired"], 0);
    let is_data = |(path, _): &(&String, &Option<Vec<u8>>)| path.starts_with("docker");
    assert!(
        registry
            .tree()
            .iter()
            .filter(is_data)
            .eq(tree.iter().filter(is_data))
    );
    registry.restart().get("/v2/a/manifests/v1").expect(200);
}

#[test]
fn a_directory_in_the_place_of_a_file_goes_out_of_the_way() {
    let registry = stopped();
    let blob = registry.blob_file(&sha256(&layer(1)));
    fs::remove_file(&blob).unwrap();
    fs::create_dir(&blob).unwrap();
    fs::write(blob.join("kept"), "x").unwrap();
    let link = registry.file("repositories/a/_manifests/tags/v1/current/link");
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    let found = verify(&registry.root, &[]);
    assert_eq!(
        found.kinds(),
        [
            "dangling-layer",
            "missing-blob",
            "special-file",
            "special-file"
        ],
        "{found}"
    );
    let repaired = verify(&registry.root, &["--repair"]);
    let moved: Vec<&str> = repaired
        .findings
        .iter()
        .filter_map(|one| one["movedTo"].as_str())
        .collect();
    assert_eq!(moved.len(), 2, "{repaired}");
    let blob_place = format!("lost+found/{}", sha256(&layer(1)).replace(':', "-"));
    assert!(moved.contains(&blob_place.as_str()), "{moved:?}");
    assert!(registry.root.join(blob_place).join("kept").is_file());
    let registry = registry.restart();
    registry.push_image("a", "v1", 1);
    registry.get("/v2/a/manifests/v1").expect(200);
    verify(&registry.root, &[]).expect_clean();
}

#[cfg(unix)]
mod special {
    use super::*;
    use crate::util::image::image;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// Puts a named pipe, which nobody writes to, in the place of a file.
    fn pipe(path: &Path) {
        let _ = fs::remove_file(path);
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    /// Puts a link that leads to itself in the place of whatever is there.
    fn circle(path: &Path) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir_all(path);
        symlink(path.file_name().unwrap(), path).unwrap();
    }

    #[test]
    fn pipes_and_loops_of_links_are_findings_and_nothing_waits_for_them() {
        let registry = stopped();
        let at = |path: &str| registry.file(path);
        pipe(&registry.blob_file(&sha256(&layer(1))));
        circle(&registry.blob_file(&sha256(&layer(2))));
        pipe(&at("repositories/a/_manifests/tags/v1/current/link"));
        circle(&at("repositories/a/b/_manifests/tags/v1"));
        pipe(&at("repositories/pipe"));
        circle(&at("repositories/circle"));
        symlink("..", at("repositories/a/back")).unwrap();
        symlink("nowhere", at("repositories/a/_uploads")).unwrap_or_default();
        pipe(&at("blobs/pipe"));
        pipe(&at("blobs/sha256/pipe"));
        for _ in 0..2 {
            let found = verify(&registry.root, &[]);
            let odd = |kind: &&&str| ["special-file", "unreadable"].contains(*kind);
            assert!(found.kinds().iter().filter(odd).count() >= 9, "{found}");
            assert_eq!(found.summary["repositories"], 2, "{found}");
            assert_eq!(found.code, 1);
        }
        let repaired = verify(&registry.root, &["--repair"]);
        assert_eq!(repaired.summary["failed"], 0, "{repaired}");
        let registry = registry.restart();
        registry.push_image("a", "v1", 1);
        let manifest = registry.get("/v2/a/manifests/v1").expect(200);
        assert_eq!(manifest.body, image(1).to_string().as_bytes());
        assert!(
            registry
                .get(&format!("/v2/a/blobs/{}", sha256(&layer(1))))
                .expect(200)
                .body
                == layer(1)
        );
    }
}
