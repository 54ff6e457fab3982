//! The verification that a server does by itself.

use super::verify;
use crate::util::image::{image, layer, sha256};
use crate::util::program::Program;
use crate::util::raw::Raw;
use crate::util::registry::TestRegistry;
use crate::util::tree::quick_directory;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn start(root: &Path, directory: &Path, settings: &str) -> Program {
    let text = format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'}}\nstorage:\n  \
         filesystem: {{rootdirectory: '{}'}}\n  maintenance: {{{settings}}}\n",
        root.display()
    );
    Program::start(directory, &text, &[])
}

fn stopped() -> TestRegistry {
    let mut registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    registry.stop();
    registry
}

#[test]
fn a_corrupt_blob_is_logged_and_put_aside_so_that_a_push_heals_it() {
    let registry = stopped();
    let blob = sha256(&layer(1));
    let kept = registry.file("repositories/a/_manifests/tags/empty/current/link");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, "").unwrap();
    fs::write(registry.blob_file(&blob), "damaged").unwrap();
    let directory = quick_directory();
    let mut program = start(
        &registry.root,
        directory.path(),
        "verify: {enabled: true, interval: 1s}",
    );
    let line = program.wait_for("corrupt-blob: ");
    assert!(
        line.contains(&blob) && line.contains("moved to lost+found/sha256-"),
        "{line}"
    );
    program.wait_for("missing-blob: a:v1: ");
    program.wait_for("empty-link: a:empty: ");
    program.wait_for("errors 4, notes 0, corrupt blobs put aside 1");
    let mut connection = Raw::connect(program.address());
    let response = connection
        .request(&format!("/v2/a/blobs/{blob}"))
        .response();
    assert_eq!(response.status, 404);
    // The next run finds the same again, and does not say so again.
    program.wait_for("errors 3, notes 0, corrupt blobs put aside 0");
    program.end_orderly();
    program.read_all();
    let said = |text: &str| {
        program
            .lines
            .iter()
            .filter(|line| line.contains(text))
            .count()
    };
    assert_eq!(
        (said("empty-link: "), said("corrupt-blob: ")),
        (1, 1),
        "{:#?}",
        program.lines
    );
    assert!(kept.exists(), "links are not repaired while a server runs");
    assert!(
        registry
            .root
            .join(format!("lost+found/{}", blob.replace(':', "-")))
            .is_file()
    );
    let registry = registry.restart();
    registry.push_parts("a", 1);
    registry.put_manifest("a", "v1", &image(1)).expect(201);
    assert!(
        registry
            .get(&format!("/v2/a/blobs/{blob}"))
            .expect(200)
            .body
            == layer(1)
    );
    assert_eq!(verify(&registry.root, &[]).kinds(), ["empty-link"]);
}

#[test]
fn it_keeps_to_its_rate_and_ends_at_once_with_the_server() {
    let registry = stopped();
    let directory = quick_directory();
    let settings = "verify: {enabled: true, rate: 1KiB}";
    let mut program = start(&registry.root, directory.path(), settings);
    program.wait_for("verifying all data in the background, at 1024 bytes a second");
    // 11 KB take ten seconds; the end does not wait for them.
    let asked = Instant::now();
    #[cfg(unix)]
    {
        program.signal("INT");
        assert!(program.end().success());
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
        program.read_all();
        let is_sum = |line: &&String| line.contains("(storage.maintenance.verify)");
        assert_eq!(
            program.lines.iter().filter(is_sum).count(),
            0,
            "{:#?}",
            program.lines
        );
    }
    let _ = asked;
}

#[test]
fn a_restart_does_not_repeat_what_was_done() {
    let registry = stopped();
    let directory = quick_directory();
    let again = |expected: &str| {
        let mut program = start(&registry.root, directory.path(), "verify: {enabled: true}");
        program.wait_for(expected);
        let mut connection = Raw::connect(program.address());
        assert_eq!(connection.request("/v2/").response().status, 200);
        program.end_orderly();
        program.read_all();
        std::mem::take(&mut program.lines)
    };
    again("errors 0, notes 0, corrupt blobs put aside 0");
    let done = registry.root.join("locks/verified");
    let told = |lines: &[String]| lines.iter().any(|line| line.contains("verifying all data"));
    assert!(!told(&again("listening on ")));
    // Whatever the clock did.
    for hours in [200_i64, -200] {
        let distance = Duration::from_secs(hours.unsigned_abs() * 3600);
        let now = std::time::SystemTime::now();
        let time = if hours > 0 {
            now - distance
        } else {
            now + distance
        };
        {
            // Closed at once: on Windows a file that is open here could not be replaced there.
            let file = fs::File::options().write(true).open(&done).unwrap();
            file.set_modified(time).unwrap();
        }
        assert!(told(&again("errors 0, notes 0, corrupt blobs put aside 0")));
    }
}

#[test]
fn in_read_only_mode_nothing_is_put_aside() {
    let registry = stopped();
    let blob = sha256(&layer(1));
    fs::write(registry.blob_file(&blob), "damaged").unwrap();
    let before = registry.tree();
    let directory = quick_directory();
    let settings = "readonly: {enabled: true}, verify: {enabled: true}";
    let mut program = start(&registry.root, directory.path(), settings);
    let line = program.wait_for("corrupt-blob: ");
    assert!(!line.contains("moved"), "{line}");
    program.wait_for("corrupt blobs put aside 0");
    program.kill();
    assert!(registry.tree() == before);
}

#[test]
fn it_is_off_unless_it_is_switched_on() {
    let registry = stopped();
    let directory = quick_directory();
    let mut program = start(&registry.root, directory.path(), "verify: {interval: 1s}");
    program.wait_for("listening on ");
    let mut connection = Raw::connect(program.address());
    assert_eq!(connection.request("/v2/").response().status, 200);
    program.end_orderly();
    program.read_all();
    assert!(
        !program.lines.iter().any(|line| line.contains("verifying")),
        "{:#?}",
        program.lines
    );
}
