//! Every kind of damage, done to good data: what is said of it, and that a repair leaves nothing to say.

use super::verify;
use crate::util::image::{artifact, bytes, image, index, layer, sha256, sha512};
use crate::util::registry::TestRegistry;
use serde_json::{Value, json};
use std::fs;
use std::thread;

const HERE: &str = "repositories/team/app";

/// A registry with an image `v1`, an artifact that refers to it, and an index, stopped.
fn stopped() -> (TestRegistry, String) {
    let mut registry = TestRegistry::start();
    let digest = registry.push_image("team/app", "v1", 1);
    registry
        .put_manifest("team/app", "signature", &artifact(1, "a/b", &image(1)))
        .expect(201);
    registry
        .put_manifest("team/app", "index", &index(&[("amd64", &image(1))]))
        .expect(201);
    registry.push_blob("team/app", &bytes(9, 100));
    registry.stop();
    (registry, digest)
}

fn hex(digest: &str) -> String {
    digest.replace(':', "/")
}

/// One kind of damage: what is done, the finding, and what a repair does about it.
struct Damage {
    done: Box<dyn Fn(&TestRegistry) + Send + Sync>,
    kinds: &'static [&'static str],
    first: Value,
    repair: &'static str,
    left: &'static [&'static str],
}

/// Writes to a link of the repository, or removes it.
fn link(path: String, content: Option<&str>) -> Box<dyn Fn(&TestRegistry) + Send + Sync> {
    let content = content.map(str::to_owned);
    Box::new(move |registry| match &content {
        Some(content) => registry.plant(&format!("{HERE}/{path}/link"), content),
        None => fs::remove_file(registry.file(&format!("{HERE}/{path}/link"))).unwrap(),
    })
}

fn damages(manifest: &str) -> Vec<Damage> {
    let loose = sha256(&bytes(9, 100));
    let other = sha256(b"nothing has this");
    let (subject, referrer) = (
        hex(manifest),
        sha256(artifact(1, "a/b", &image(1)).to_string().as_bytes()),
    );
    let here = json!({"repository": "team/app"});
    let with = |more: Value| {
        let mut value = here.clone();
        value
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        value
    };
    let layer_path = format!("_layers/{}", hex(&loose));
    let damage = |done, kinds, first, repair, left| Damage {
        done,
        kinds,
        first,
        repair,
        left,
    };
    vec![
        damage(
            link(layer_path.clone(), Some("")),
            &["empty-link"],
            with(json!({"digest": loose})),
            "removed",
            &[],
        ),
        damage(
            link(layer_path.clone(), Some("what")),
            &["broken-link"],
            with(json!({"digest": loose})),
            "removed",
            &[],
        ),
        damage(
            link(layer_path.clone(), Some(&"x".repeat(5000))),
            &["broken-link"],
            with(json!({"digest": loose})),
            "removed",
            &[],
        ),
        damage(
            link(layer_path, Some(manifest)),
            &["wrong-link"],
            with(json!({"digest": loose})),
            "written",
            &[],
        ),
        damage(
            link(format!("_layers/{}", hex(&other)), Some(&other)),
            &["dangling-layer"],
            with(json!({"digest": other})),
            "removed",
            &[],
        ),
        damage(
            link(
                format!("_manifests/revisions/{}", hex(&other)),
                Some(&other),
            ),
            &["dangling-manifest"],
            with(json!({"digest": other})),
            "removed",
            &[],
        ),
        damage(
            link(format!("_manifests/revisions/{subject}"), Some(&other)),
            &["wrong-link"],
            with(json!({"digest": manifest})),
            "written",
            &[],
        ),
        damage(
            link("_manifests/tags/lost/current".to_owned(), Some(&other)),
            &["dangling-tag"],
            with(json!({"digest": other, "tags": ["lost"]})),
            "removed",
            &[],
        ),
        damage(
            link("_manifests/tags/v1/current".to_owned(), Some("")),
            &["empty-link"],
            with(json!({"tags": ["v1"]})),
            "removed",
            &[],
        ),
        damage(
            link(
                format!("_manifests/tags/v1/index/{subject}"),
                Some("sha256:0"),
            ),
            &["broken-link"],
            with(json!({"digest": manifest})),
            "removed",
            &[],
        ),
        damage(
            link(
                format!("_manifests/referrers/{subject}/{}", hex(&referrer)),
                None,
            ),
            &["unindexed-referrer"],
            with(json!({"digest": referrer, "severity": "note"})),
            "written",
            &[],
        ),
        damage(
            link(
                format!("_manifests/referrers/{subject}/{}", hex(&other)),
                Some(&other),
            ),
            &["dangling-referrer"],
            with(json!({"digest": other})),
            "removed",
            &[],
        ),
        damage(
            link(
                format!("_manifests/referrers/{}/{}", hex(&other), hex(&referrer)),
                Some(&referrer),
            ),
            &["wrong-referrer"],
            with(json!({"digest": referrer})),
            "removed",
            &[],
        ),
        damage(
            link(format!("_layers/{}", hex(&sha256(&layer(1)))), None),
            &["missing-blob", "missing-blob"],
            with(json!({"digest": sha256(&layer(1))})),
            "none",
            &["missing-blob", "missing-blob"],
        ),
    ]
}

#[test]
fn each_kind_is_named_with_its_place_and_repaired_if_that_can_be() {
    let (_, manifest) = stopped();
    // In two threads: nothing else waits as long for programs to end.
    let damages = damages(&manifest);
    let (first, second) = damages.split_at(damages.len() / 2);
    thread::scope(|scope| {
        scope.spawn(|| each_is_named_and_repaired(first));
        each_is_named_and_repaired(second);
    });
}

fn each_is_named_and_repaired(damages: &[Damage]) {
    for (number, damage) in damages.iter().enumerate() {
        let (registry, _) = stopped();
        verify(&registry.root, &[]).expect_clean();
        (damage.done)(&registry);
        let before = registry.tree();
        let found = verify(&registry.root, &[]);
        assert_eq!(found.kinds(), damage.kinds, "{number}: {found}");
        let finding = found.findings.first().unwrap();
        for (key, value) in damage.first.as_object().unwrap() {
            assert_eq!(&finding[key], value, "{number}: {key}: {found}");
        }
        let is_note = finding["severity"] == "note";
        assert_eq!(found.code, i32::from(!is_note), "{number}: {found}");
        let path = finding["path"].as_str().unwrap();
        assert!(
            path.starts_with("docker/registry/v2/repositories/team/app/"),
            "{path}"
        );
        assert!(
            registry.tree() == before,
            "{number}: a verification changes nothing"
        );
        let repaired = verify(&registry.root, &["--repair"]);
        assert_eq!(repaired.kinds(), damage.kinds, "{number}: {repaired}");
        assert_eq!(
            repaired.findings[0]["repair"], damage.repair,
            "{number}: {repaired}"
        );
        let again = verify(&registry.root, &[]);
        assert_eq!(again.kinds(), damage.left, "{number}: {again}");
        // Whatever was wrong: the image is served as before, or a push heals it.
        let registry = registry.restart();
        registry.push_parts("team/app", 1);
        registry
            .put_manifest("team/app", "v1", &image(1))
            .expect(201);
        registry.get("/v2/team/app/manifests/v1").expect(200);
        registry
            .get(&format!("/v2/team/app/blobs/{}", sha256(&layer(1))))
            .expect(200);
        verify(&registry.root, &[]).expect_clean();
    }
}

#[test]
fn corrupt_bytes_are_found_put_aside_and_healed_by_a_push() {
    let (registry, manifest) = stopped();
    let (blob, loose) = (sha256(&layer(1)), sha256(&bytes(9, 100)));
    let mut bits = layer(1);
    bits[5000] ^= 1;
    // A bit that flipped, a file that was cut, one that lost all its bytes.
    fs::write(registry.blob_file(&blob), &bits).unwrap();
    fs::write(registry.blob_file(&loose), "").unwrap();
    fs::write(registry.blob_file(&manifest), &image(1).to_string()[..100]).unwrap();
    let found = verify(&registry.root, &[]);
    assert_eq!(
        found.kinds(),
        [
            "corrupt-blob",
            "corrupt-blob",
            "corrupt-blob",
            "corrupt-manifest",
            "corrupt-reference",
            "dangling-layer"
        ],
        "{found}"
    );
    let named = found.one("corrupt-manifest");
    assert_eq!(
        (&named["digest"], &named["tags"]),
        (&json!(manifest), &json!(["v1"]))
    );
    // The artifact has the same layer.
    let reference = found.one("corrupt-reference");
    assert_eq!(
        (&reference["digest"], &reference["tags"]),
        (&json!(blob), &json!(["signature"]))
    );
    let repaired = verify(&registry.root, &["--repair"]);
    assert_eq!(repaired.code, 1);
    for digest in [&blob, &loose, &manifest] {
        let is_it = |one: &&Value| one["digest"] == **digest && one["kind"] == "corrupt-blob";
        let finding = repaired.findings.iter().find(is_it).unwrap();
        let to = format!("lost+found/{}", digest.replace(':', "-"));
        assert_eq!(
            (&finding["repair"], &finding["movedTo"]),
            (&json!("moved"), &json!(to))
        );
        assert!(registry.root.join(to).is_file() && !registry.blob_file(digest).exists());
    }
    assert!(
        fs::read(
            registry
                .root
                .join(format!("lost+found/{}", blob.replace(':', "-")))
        )
        .unwrap()
            == bits
    );
    let registry = registry.restart();
    registry
        .get(&format!("/v2/team/app/blobs/{blob}"))
        .expect(404);
    registry.get("/v2/team/app/manifests/v1").expect(404);
    registry.push_image("team/app", "v1", 1);
    registry.get("/v2/team/app/manifests/v1").expect(200);
    assert!(
        registry
            .get(&format!("/v2/team/app/blobs/{blob}"))
            .expect(200)
            .body
            == layer(1)
    );
    verify(&registry.root, &[]).expect_clean();
    // The next one with the same digest finds its place taken.
    let mut registry = registry;
    registry.stop();
    fs::write(registry.blob_file(&blob), "other").unwrap();
    let repaired = verify(&registry.root, &["--repair"]);
    let to = format!("lost+found/{}.1", blob.replace(':', "-"));
    assert_eq!(repaired.one("corrupt-blob")["movedTo"], to);
}

#[test]
fn a_blob_of_sha512_counts_under_either_name() {
    let mut registry = TestRegistry::start();
    let content = bytes(7, 1000);
    let long = sha512(&content);
    registry.push_image("a", "v1", 1);
    registry.push_blob("a", &content);
    registry.stop();
    // As distribution links it; then as we store it.
    registry.plant(
        &format!("repositories/a/_layers/{}/link", hex(&long)),
        sha256(&content),
    );
    verify(&registry.root, &[]).expect_clean();
    registry.plant(
        &format!("repositories/a/_layers/{}/link", hex(&long)),
        &long,
    );
    registry.plant(
        &format!("blobs/sha512/{}/{}/data", &long[7..9], &long[7..]),
        &content,
    );
    verify(&registry.root, &[]).expect_clean();
    registry.plant(
        &format!("blobs/sha512/{}/{}/data", &long[7..9], &long[7..]),
        b"x",
    );
    let found = verify(&registry.root, &[]);
    assert_eq!(found.one("corrupt-blob")["digest"], long);
}

#[test]
fn nothing_is_removed_where_all_blobs_are_out_of_reach() {
    let (registry, _) = stopped();
    let blobs = registry.file("blobs");
    fs::rename(&blobs, registry.root.join("elsewhere")).unwrap();
    for is_mount_point in [false, true] {
        if is_mount_point {
            fs::create_dir(&blobs).unwrap();
        }
        let before = registry.tree();
        let configuration = super::Configuration::of(&registry.root);
        let path = configuration.path();
        let output = crate::process::registry(&["verify", "--repair", path.to_str().unwrap()], &[]);
        assert_eq!(output.status.code(), Some(2));
        let said = crate::process::err(&output);
        assert!(said.contains("is a volume not mounted?"), "{said}");
        let locks = |tree: crate::util::tree::Tree| -> Vec<String> {
            tree.into_keys()
                .filter(|path| !path.starts_with("locks"))
                .collect()
        };
        assert_eq!(locks(registry.tree()), locks(before));
    }
}
