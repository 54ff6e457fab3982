//! Tags that no client moves or deletes.

use crate::util::image::{config, image, layer, sha256};
use crate::util::registry::{Settings, TestRegistry};

const NAME: &str = "team/app";
const RULES: &str =
    "[{repositories: ['team/**'], tags: ['v*', stable]}, {repositories: [one], tags: ['*']}]";

fn start() -> Settings {
    Settings::default().set("STORAGE_MAINTENANCE_IMMUTABLE", RULES)
}

fn digest(seed: u64) -> String {
    sha256(image(seed).to_string().as_bytes())
}

fn named(registry: &TestRegistry, tag: &str) -> String {
    let found = registry.get(&format!("/v2/{NAME}/manifests/{tag}"));
    found.expect(200).header("Docker-Content-Digest").to_owned()
}

#[test]
fn nobody_moves_an_immutable_tag_and_everybody_may_push_it_again() {
    let registry = start().start();
    registry.push_parts(NAME, 2);
    registry.push_image(NAME, "v1", 1);
    registry.put_manifest(NAME, "v1", &image(1)).expect(201);
    let denied = registry.put_manifest(NAME, "v1", &image(2));
    let denied = denied.expect_error(403, "DENIED").json();
    assert_eq!(denied["errors"][0]["detail"], "v1");
    // Tags in the query are no way round, and nothing of such a push is done.
    let both = format!("{}?tag=new&tag=v1", digest(2));
    let denied = registry.put_manifest(NAME, &both, &image(2));
    denied.expect_error(403, "DENIED");
    let new = format!("/v2/{NAME}/manifests/new");
    registry.get(&new).expect(404);
    assert_eq!(named(&registry, "v1"), digest(1));
    // Other tags move, beside an immutable one that is created too, and in other repositories.
    registry.push_image(NAME, "latest", 1);
    let both = format!("{}?tag=latest&tag=v2", digest(2));
    registry.put_manifest(NAME, &both, &image(2)).expect(201);
    assert_eq!(named(&registry, "latest"), digest(2));
    assert_eq!(named(&registry, "v2"), digest(2));
    for seed in [1, 2] {
        registry.push_image("other/app", "v1", seed);
    }
}

#[test]
fn an_immutable_tag_is_deleted_neither_by_itself_nor_with_its_manifest() {
    let registry = start().start();
    registry.push_image(NAME, "v1", 1);
    registry.push_image(NAME, "latest", 1);
    registry.push_image(NAME, "old", 2);
    let path = |reference: &str| format!("/v2/{NAME}/manifests/{reference}");
    for reference in ["v1", &digest(1)] {
        let denied = registry.delete(&path(reference));
        let denied = denied.expect_error(403, "DENIED").json();
        assert_eq!(denied["errors"][0]["detail"], "v1");
    }
    assert_eq!(named(&registry, "latest"), digest(1));
    registry.delete(&path("latest")).expect(202);
    registry.delete(&path(&digest(2))).expect(202);
    // One that is not there is not found, immutable or not.
    registry.delete(&path("v9")).expect(404);
    assert_eq!(named(&registry, "v1"), digest(1));
}

#[test]
fn a_repository_with_an_immutable_tag_is_not_deleted() {
    let registry = start().start();
    registry.push_image(NAME, "v1", 1);
    registry.push_image(NAME, "latest", 1);
    registry.push_image("team/other", "latest", 1);
    let denied = registry.delete("/v2/team/app/").expect_error(403, "DENIED");
    assert_eq!(denied.json()["errors"][0]["detail"], "v1");
    assert_eq!(named(&registry, "latest"), digest(1));
    registry.delete("/v2/team/other/").expect(202);
}

#[test]
fn of_many_who_create_an_immutable_tag_one_does_also_at_two_registries_on_one_folder() {
    let first = start().start();
    let second = start().root(&first.root).start();
    let seeds: Vec<u64> = (1..=8).collect();
    for seed in &seeds {
        first.push_blob(NAME, &config(*seed));
        first.push_blob(NAME, &layer(*seed));
    }
    for tag in ["v1", "stable"] {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let put = |seed: &u64| {
                let (seed, own) = (
                    *seed,
                    [&first, &second][usize::from(seed.is_multiple_of(2))],
                );
                scope.spawn(move || own.put_manifest(NAME, tag, &image(seed)).status)
            };
            let puts: Vec<_> = seeds.iter().map(put).collect();
            puts.into_iter().map(|put| put.join().unwrap()).collect()
        });
        let count = |status| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((count(201), count(403)), (1, 7), "{statuses:?}");
    }
}
