//! `registry verify`: what is wrong is found and named, what is right is left alone, and a repair loses nothing.

mod background;
mod damage;
mod odd;
mod repair;

use crate::layout::tree;
use crate::process::{err, out, registry};
use crate::util::image::{artifact, image, index};
use crate::util::registry::TestRegistry;
use crate::util::tree::quick_directory;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A configuration file for data, in a directory of its own.
pub struct Configuration {
    directory: tempfile::TempDir,
}

impl Configuration {
    pub fn of(root: &Path) -> Configuration {
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
            root.display()
        );
        Configuration::text(&text)
    }

    pub fn text(text: &str) -> Configuration {
        let directory = quick_directory();
        std::fs::write(directory.path().join("config.yml"), text).unwrap();
        Configuration { directory }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("config.yml")
    }
}

/// What a verification said.
pub struct Verified {
    pub code: i32,
    pub findings: Vec<Value>,
    pub summary: Value,
}

impl Verified {
    /// The kinds of the findings, sorted.
    pub fn kinds(&self) -> Vec<&str> {
        let kinds = self.findings.iter();
        let mut kinds: Vec<&str> = kinds.map(|one| one["kind"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        kinds
    }

    /// The one finding of a kind.
    #[track_caller]
    pub fn one(&self, kind: &str) -> &Value {
        let mut found = self.findings.iter().filter(|one| one["kind"] == kind);
        let first = found.next();
        assert!(first.is_some() && found.next().is_none(), "{kind}: {self}");
        first.unwrap()
    }

    #[track_caller]
    pub fn expect_clean(&self) {
        assert_eq!((self.code, self.findings.len()), (0, 0), "{self}");
        assert_eq!(
            (&self.summary["errors"], &self.summary["notes"]),
            (&json!(0), &json!(0))
        );
    }
}

impl std::fmt::Display for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:#?} {}", self.code, self.findings, self.summary)
    }
}

/// Runs `registry verify --json` with more words.
pub fn verify(root: &Path, words: &[&str]) -> Verified {
    let configuration = Configuration::of(root);
    let path = configuration.path();
    let words = [&["verify", "--json"], words, &[path.to_str().unwrap()]].concat();
    let output = registry(&words, &[]);
    // Where there is no terminal there is no bar.
    assert_eq!(err(&output), "");
    let lines = out(&output);
    let mut findings: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary = findings.pop().unwrap();
    assert_eq!(summary["type"], "summary");
    for finding in &findings {
        assert_eq!(finding["type"], "finding");
    }
    Verified {
        code: output.status.code().unwrap(),
        findings,
        summary,
    }
}

#[test]
fn what_distribution_wrote_is_clean_but_for_what_was_damaged_by_hand() {
    for version in ["distribution-2.8", "distribution-3"] {
        let (root, expected) = tree(version);
        let found = verify(root.path(), &[]);
        assert_eq!(
            found.kinds(),
            ["empty-link", "unindexed-referrer", "unindexed-referrer"],
            "{found}"
        );
        let cut = found.one("empty-link");
        assert_eq!(
            (&cut["repository"], &cut["tags"]),
            (&json!("crashed"), &json!(["cut"]))
        );
        assert_eq!(
            (found.code, &found.summary["temporaryFiles"]),
            (1, &json!(1))
        );
        assert_eq!(found.summary["uploads"], 1);
        let repositories = expected["repositories"].as_object().unwrap();
        assert!(repositories.len() as u64 <= found.summary["repositories"].as_u64().unwrap());
        // Distribution has no index of referrers: that is no fault.
        std::fs::remove_file(root.path().join(cut["path"].as_str().unwrap())).unwrap();
        let found = verify(root.path(), &[]);
        assert_eq!(
            (found.code, &found.summary["errors"]),
            (0, &json!(0)),
            "{found}"
        );
        let repaired = verify(root.path(), &["--repair"]);
        assert_eq!(
            (repaired.code, &repaired.summary["repaired"]),
            (0, &json!(2)),
            "{repaired}"
        );
        verify(root.path(), &[]).expect_clean();
    }
}

#[test]
fn what_was_pushed_moved_mounted_and_deleted_is_clean_while_it_is_served() {
    let registry = TestRegistry::start();
    registry.push_image("team/app", "v1", 1);
    registry.push_image("team/app", "latest", 1);
    let second = registry.push_image("team/app", "latest", 2);
    registry.push_image("team/app/below", "v1", 3);
    let both = index(&[("amd64", &image(1)), ("arm64", &image(2))]);
    registry.put_manifest("team/app", "both", &both).expect(201);
    let signature = artifact(1, "a/b", &image(1));
    registry
        .put_manifest("team/app", "signature", &signature)
        .expect(201);
    registry.post("/v2/team/app/blobs/uploads/").expect(202);
    let mounted = crate::util::image::sha256(&crate::util::image::layer(3));
    let mount = format!("/v2/other/blobs/uploads/?mount={mounted}&from=team/app/below");
    registry.post(&mount).expect(201);
    let found = verify(&registry.root, &[]);
    found.expect_clean();
    let counted = ["repositories", "manifests", "tags", "uploads"].map(|what| &found.summary[what]);
    assert_eq!(counted, [&json!(3), &json!(5), &json!(5), &json!(1)]);
    // What a tag once named may be gone.
    registry.delete("/v2/team/app/manifests/both").expect(202);
    registry
        .delete(&format!("/v2/team/app/manifests/{second}"))
        .expect(202);
    registry.push_image("team/app", "latest", 1);
    let signed = crate::util::image::sha256(signature.to_string().as_bytes());
    registry
        .delete(&format!("/v2/team/app/manifests/{signed}"))
        .expect(202);
    let found = verify(&registry.root, &[]);
    // The index of both, which no tag names any more, has lost one.
    assert_eq!(
        (found.kinds(), found.code),
        (vec!["missing-child"], 0),
        "{found}"
    );
    assert_eq!(found.one("missing-child")["digest"], second.as_str());
}

#[test]
fn lines_are_for_people_and_the_last_one_sums_up() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("team/app", "v1", 1);
    let configuration = Configuration::of(&registry.root);
    let words = ["verify", configuration.path().to_str().unwrap()].map(str::to_owned);
    let run = || crate::process::registry(&words.each_ref().map(String::as_str), &[]);
    let output = run();
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    assert!(
        text.starts_with("verified 3 blobs with 10.2 KiB, 1 repositories,"),
        "{text}"
    );
    assert!(text.ends_with("; nothing is wrong\n"), "{text}");
    std::fs::write(registry.blob_file(&digest), "{}").unwrap();
    let output = run();
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    let manifest =
        format!("error: corrupt-manifest: team/app:v1: {digest}: the manifest is corrupt (docker/");
    assert!(
        text.lines().any(|line| line.starts_with(&manifest)),
        "{text}"
    );
    assert!(text.ends_with("; errors 2, notes 0\n"), "{text}");
}

#[test]
fn what_cannot_be_verified_is_said_and_exits_2() {
    let directory = quick_directory();
    let missing = directory.path().join("missing");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (configuration, said) in [
        (
            Configuration::of(&missing),
            "does not exist (storage.filesystem.rootdirectory)",
        ),
        (
            Configuration::of(&file),
            "does not exist (storage.filesystem.rootdirectory)",
        ),
        (
            Configuration::text("version: 0.1\nstorage: {inmemory: {}}\n"),
            "storage.inmemory keeps data only while",
        ),
        (
            Configuration::text("version: 0.2\n"),
            "allowed: `version: 0.1`",
        ),
    ] {
        let path = configuration.path();
        for words in [&["verify"][..], &["verify", "--json", "--repair"]] {
            let output = registry(&[words, &[path.to_str().unwrap()]].concat(), &[]);
            assert_eq!(output.status.code(), Some(2), "{}", err(&output));
            assert!(err(&output).contains(said), "{}", err(&output));
            assert_eq!(out(&output), "");
        }
    }
    assert!(!missing.exists());
    for words in [&["verify", "--bogus"][..], &["verify", "a.yml", "b.yml"]] {
        assert_eq!(registry(words, &[]).status.code(), Some(2));
    }
}

#[test]
fn a_repair_is_refused_while_a_registry_runs() {
    let registry = TestRegistry::start();
    registry.push_image("a", "v1", 1);
    let configuration = Configuration::of(&registry.root);
    let path = configuration.path();
    let tree = registry.tree();
    let output = crate::process::registry(&["verify", "--repair", path.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = err(&output);
    assert!(
        said.contains("is using") && said.contains("storage.maintenance.verify.enabled"),
        "{said}"
    );
    assert!(registry.tree() == tree);
}
