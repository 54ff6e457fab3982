//! Random histories: pushes, re-tags, deletions of tags, manifests, blobs and repositories, mounts, collections,
//! retention and repairs, one after another, with a power cut before every durable step of every one of them.
//!
//! What was acknowledged before is there, what was deleted is not back, and of what was under way a client sees the state
//! before it or after it. Then the next collection and the next repair finish the work.

use super::{chunk, storage, tag};
use crate::util::chance::Chance;
use registry::driver::Memory;
use registry::policy::{Keep, RetentionRule};
use registry::spec::validation::Validation;
use registry::spec::{Algorithm, CheckedManifest, Digest, Name, Reference};
use registry::storage::{
    Collection, Error, FindingSeverity, MinimumAge, RepairScope, Result, Retention, Storage,
    Tagging, Verification,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::ControlFlow;
use std::time::Duration;

const REPOSITORIES: [&str; 2] = ["team/app", "team/app/sub"];
const TAGS: [&str; 3] = ["a", "b", "c"];
const SEEDS: u64 = 4;
const OPERATIONS: usize = 14;
/// Histories that are tried where `REGISTRY_TEST_HISTORIES` does not say how many, each cut at one in so many places,
/// which are other ones in every run. Odd, so that one history is cut in either order.
const HISTORIES: u64 = 2;
const EVERY: u64 = 5;

/// What a client does.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Push(usize, u64, usize),
    /// Mounts the layer from the other repository, where it may be.
    PushMounted(usize, u64, usize),
    Retag(usize, u64, usize),
    DeleteTag(usize, usize),
    DeleteManifest(usize, u64),
    DeleteLayer(usize, u64),
    DeleteRepository(usize),
    Collect(bool),
    Retain,
    Repair,
}

/// What a repository must have: what each tag names, and which images it has.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    tags: BTreeMap<usize, u64>,
    images: BTreeSet<u64>,
}

type World = [State; 2];

impl Operation {
    fn by(chance: &mut Chance) -> Operation {
        let (repository, seed) = (chance.below(2) as usize, chance.below(SEEDS));
        let tag = chance.below(3) as usize;
        match chance.below(16) {
            0..=4 => Operation::Push(repository, seed, tag),
            5 | 6 => Operation::PushMounted(repository, seed, tag),
            7 | 8 => Operation::Retag(repository, seed, tag),
            9 => Operation::DeleteTag(repository, tag),
            10 => Operation::DeleteManifest(repository, seed),
            11 => Operation::DeleteLayer(repository, seed),
            12 => Operation::DeleteRepository(repository),
            13 => Operation::Collect(chance.below(2) == 0),
            14 => Operation::Retain,
            _ => Operation::Repair,
        }
    }
}

fn name(repository: usize) -> Name {
    REPOSITORIES[repository].parse().unwrap()
}

fn content(kind: &str, seed: u64) -> Vec<u8> {
    format!("{kind} {seed}").repeat(20).into_bytes()
}

fn digest(content: &[u8]) -> Digest {
    Algorithm::Sha256.digest(content)
}

fn manifest(seed: u64) -> Vec<u8> {
    let descriptor = |kind: &str| {
        let content = content(kind, seed);
        json!({"mediaType": "application/octet-stream", "digest": digest(&content).to_string(), "size": content.len()})
    };
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    // All have the layer of the first in common.
    let shared = content("layer", 0);
    let shared = json!({"mediaType": "application/octet-stream", "digest": digest(&shared).to_string(), "size": shared.len()});
    json!({"schemaVersion": 2, "mediaType": media_type, "config": descriptor("config"), "layers": [descriptor("layer"), shared]})
        .to_string()
        .into_bytes()
}

fn blobs(seed: u64) -> [Vec<u8>; 3] {
    [
        content("config", seed),
        content("layer", seed),
        content("layer", 0),
    ]
}

fn push_blob(storage: &Storage, name: &Name, content: &[u8]) -> Result<()> {
    let id = storage.start_upload(name, Algorithm::Sha256, None)?;
    let (mut first, mut second) = content.split_at(content.len() / 2);
    storage.append_upload(name, &id, chunk(&mut first))?;
    storage.commit_upload(name, &id, &digest(content), chunk(&mut second))
}

fn put(storage: &Storage, name: &Name, seed: u64, tag_number: usize) -> Result<()> {
    let content = manifest(seed);
    let manifest = CheckedManifest::check(&content, None, None).unwrap();
    let tags = [tag(TAGS[tag_number])];
    let tagging = Tagging {
        tags: &tags,
        may_move: true,
    };
    storage.put_manifest(name, &manifest, tagging, &Validation::default())
}

/// What there was nothing of is no failure.
fn unless_unknown(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::BlobUnknown | Error::ManifestUnknown | Error::RepositoryUnknown) => Ok(()),
        other => other,
    }
}

fn collect(storage: &Storage, untagged: bool) -> Result<()> {
    let report = storage.collect(&Collection {
        untagged,
        minimum_age: MinimumAge::Exactly(Duration::ZERO),
        dry_run: false,
        threads: 1,
        may_continue: &|| true,
        report: &|_| {},
    })?;
    // A power that is gone looks like a disk that fails.
    match report.unreadable + report.stuck {
        0 => Ok(()),
        _ => Err(Error::BlobUnknown),
    }
}

/// Repairs; gives how much is wrong.
fn verify(storage: &Storage, repair: RepairScope) -> Result<u64> {
    let report = storage.verify(&Verification {
        repair,
        threads: 1,
        buffer_bytes: 4096,
        first_byte: 0,
        pace: &|_| ControlFlow::Continue(()),
        found: &|finding| {
            if finding.problem.severity() == FindingSeverity::Error {
                eprintln!("{finding}");
            }
        },
    })?;
    Ok(report.errors)
}

fn retain(storage: &Storage) -> Result<()> {
    let rules = [RetentionRule {
        repositories: vec!["team/app".parse().unwrap()],
        keep: Keep {
            last: None,
            tags: vec![TAGS[0].parse().unwrap()],
            younger_than: None,
        },
    }];
    let report = storage.apply_retention(&Retention {
        rules: &rules,
        dry_run: false,
        may_continue: &|| true,
    })?;
    match report.failed {
        0 => Ok(()),
        _ => Err(Error::BlobUnknown),
    }
}

impl Operation {
    /// Does it; an error says only that the power may have gone.
    fn run(self, storage: &Storage, world: &World) -> Result<()> {
        match self {
            Operation::Push(repository, seed, tag) => {
                let name = name(repository);
                for content in blobs(seed) {
                    push_blob(storage, &name, &content)?;
                }
                put(storage, &name, seed, tag)
            }
            Operation::PushMounted(repository, seed, tag) => {
                let (name, other) = (name(repository), name(1 - repository));
                for content in blobs(seed) {
                    if !storage.mount_blob(&name, &digest(&content), Some(&other))? {
                        push_blob(storage, &name, &content)?;
                    }
                }
                put(storage, &name, seed, tag)
            }
            Operation::Retag(repository, seed, tag) => {
                match world[repository].images.contains(&seed) {
                    true => put(storage, &name(repository), seed, tag),
                    false => Ok(()),
                }
            }
            Operation::DeleteTag(repository, number) => {
                unless_unknown(storage.delete_tag(&name(repository), &tag(TAGS[number])))
            }
            Operation::DeleteManifest(repository, seed) => {
                let manifest = digest(&manifest(seed));
                unless_unknown(storage.delete_manifest(&name(repository), &manifest))
            }
            // Only one that no image needs, as a client would.
            Operation::DeleteLayer(repository, seed) => match world[repository].images.is_empty() {
                true => {
                    let layer = digest(&content("layer", seed));
                    unless_unknown(storage.delete_blob(&name(repository), &layer))
                }
                false => Ok(()),
            },
            Operation::DeleteRepository(repository) => {
                unless_unknown(storage.delete_repository(&name(repository)))
            }
            Operation::Collect(untagged) => collect(storage, untagged),
            Operation::Retain => retain(storage),
            Operation::Repair => verify(storage, RepairScope::Everything).map(drop),
        }
    }

    /// What there must be when it was acknowledged.
    fn after(self, before: &World) -> World {
        let mut world = before.clone();
        match self {
            Operation::Push(repository, seed, tag)
            | Operation::PushMounted(repository, seed, tag) => {
                world[repository].images.insert(seed);
                world[repository].tags.insert(tag, seed);
            }
            Operation::Retag(repository, seed, tag) => {
                if world[repository].images.contains(&seed) {
                    world[repository].tags.insert(tag, seed);
                }
            }
            Operation::DeleteTag(repository, tag) => {
                world[repository].tags.remove(&tag);
            }
            Operation::DeleteManifest(repository, seed) => {
                world[repository].images.remove(&seed);
                world[repository].tags.retain(|_, named| *named != seed);
            }
            Operation::DeleteRepository(repository) => world[repository] = State::default(),
            Operation::Collect(true) => {
                for state in &mut world {
                    let tagged: BTreeSet<u64> = state.tags.values().copied().collect();
                    state.images.retain(|seed| tagged.contains(seed));
                }
            }
            Operation::Retain => world[0].tags.retain(|tag, _| *tag == 0),
            Operation::Collect(false) | Operation::DeleteLayer(..) | Operation::Repair => {}
        }
        world
    }
}

/// What a client sees.
fn seen(storage: &Storage) -> World {
    [0, 1].map(|repository| {
        let name = name(repository);
        let images = (0..SEEDS).filter(|seed| is_whole(storage, &name, *seed));
        let tags = TAGS.iter().enumerate().filter_map(|(number, text)| {
            let named = storage.tag(&name, &tag(text)).unwrap()?;
            let reference = Reference::Tag(tag(text));
            // A tag of a manifest that is gone is none: pulling it says so.
            storage.manifest(&name, &reference).ok()?;
            let seed = (0..SEEDS).find(|seed| digest(&manifest(*seed)) == named);
            Some((number, seed.unwrap()))
        });
        State {
            tags: tags.collect(),
            images: images.collect(),
        }
    })
}

/// Whether an image can be pulled. If its manifest can, all that it names can as well.
fn is_whole(storage: &Storage, name: &Name, seed: u64) -> bool {
    let content = manifest(seed);
    let reference = Reference::Digest(digest(&content));
    let Ok(stored) = storage.manifest(name, &reference) else {
        return false;
    };
    assert!(*storage.bytes(&stored).unwrap() == *content);
    for content in blobs(seed) {
        let blob = storage.blob(name, &digest(&content));
        let mut read = Vec::new();
        let blob = blob.unwrap_or_else(|error| panic!("image {seed} of {name}: {error}"));
        blob.reader().read_to_end(&mut read).unwrap();
        assert!(read == content);
    }
    true
}

/// Each tag and each image is as it was before or as it is after.
fn check(found: &World, before: &World, after: &World, context: &str) {
    for (repository, found) in found.iter().enumerate() {
        let (before, after) = (&before[repository], &after[repository]);
        for tag in 0..TAGS.len() {
            let found = found.tags.get(&tag);
            let is_known = found == before.tags.get(&tag) || found == after.tags.get(&tag);
            assert!(is_known, "{context}: tag {tag} of {repository}: {found:?}");
        }
        for seed in 0..SEEDS {
            let found = found.images.contains(&seed);
            let is_known =
                found == before.images.contains(&seed) || found == after.images.contains(&seed);
            assert!(is_known, "{context}: image {seed} of {repository}: {found}");
        }
    }
}

/// Runs a history until the power goes; gives the states before and after what was under way then.
fn run(driver: &Memory, history: &[Operation]) -> (World, World, Option<Operation>) {
    let mut world = World::default();
    let storage = storage(driver);
    for operation in history {
        let after = operation.after(&world);
        if operation.run(&storage, &world).is_err() {
            return (world, after, Some(*operation));
        }
        world = after;
    }
    (world.clone(), world, None)
}

/// A disk on which a repository is that nothing happens to.
fn prepared() -> Memory {
    let driver = Memory::default();
    let (storage, name) = (storage(&driver), "other".parse().unwrap());
    for content in blobs(0) {
        push_blob(&storage, &name, &content).unwrap();
    }
    put(&storage, &name, 0, 0).unwrap();
    driver
}

#[test]
fn a_power_cut_at_any_step_of_any_history_loses_nothing_and_brings_nothing_back() {
    let chosen = std::env::var("REGISTRY_TEST_HISTORIES").ok();
    let chosen = chosen.map(|number| number.parse().unwrap());
    let mut sample = Chance::of_this_run();
    let every = if chosen.is_some() { 1 } else { EVERY };
    let (mut cuts, histories) = (0, chosen.unwrap_or(HISTORIES));
    for number in 1..=histories {
        let mut chance = Chance::new(number);
        let history: Vec<Operation> = (0..OPERATIONS)
            .map(|_| Operation::by(&mut chance))
            .collect();
        let steps = {
            let driver = prepared();
            let steps = driver.steps();
            let (world, _, cut) = run(&driver, &history);
            assert!(cut.is_none(), "{cut:?}");
            assert_eq!(seen(&storage(&driver)), world, "{history:?}");
            driver.steps() - steps
        };
        let first = sample.below(every) as usize;
        let all = (0..steps).flat_map(|cut| [(cut, false), (cut, true)]);
        for (cut, is_reordered) in all.skip(first).step_by(every as usize) {
            let driver = prepared();
            if is_reordered {
                driver.reorder();
            }
            driver.stop_after(cut);
            let (before, after, under_way) = run(&driver, &history);
            let context = format!("history {number}, step {cut}, {is_reordered}, {under_way:?}");
            assert!(under_way.is_some(), "{context}");
            let disk = driver.after_power_loss();
            let own = storage(&disk);
            check(&seen(&own), &before, &after, &context);
            assert!(is_whole(&own, &"other".parse().unwrap(), 0), "{context}");
            // The next runs do the rest.
            verify(&own, RepairScope::Everything).unwrap();
            collect(&own, false).unwrap();
            check(&seen(&own), &before, &after, &context);
            assert_eq!(verify(&own, RepairScope::Nothing).unwrap(), 0, "{context}");
            cuts += 1;
        }
    }
    eprintln!("{cuts} power cuts in {histories} histories");
    assert!(cuts > 200 / every);
}
