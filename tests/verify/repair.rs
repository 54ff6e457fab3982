//! A repair that is cut short: the power goes before any of its steps, and nothing that was whole is lost.

use crate::util::image::{config, image, layer};
use crate::util::storage;
use registry::driver::{Driver, Key, Memory, Object, Write};
use registry::spec::validation::Validation;
use registry::spec::{Algorithm, CheckedManifest, Digest, Name, Reference};
use registry::storage::{
    Chunk, Offset, RepairScope, Storage, Tagging, Verification, VerificationReport, layout,
};
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

fn storage(driver: &Memory) -> Storage {
    storage::open(Arc::new(driver.clone()))
}

fn name() -> Name {
    "team/app".parse().unwrap()
}

fn verify(storage: &Storage, repair: RepairScope) -> registry::storage::Result<VerificationReport> {
    storage.verify(&Verification {
        repair,
        threads: 1,
        buffer_bytes: 4096,
        first_byte: 0x80,
        pace: &|_| ControlFlow::Continue(()),
        found: &|finding| eprintln!("{finding}"),
    })
}

fn push(storage: &Storage, seed: u64, tag: &str) -> Digest {
    for content in [config(seed), layer(seed)] {
        let chunk = Chunk {
            body: &mut &content[..],
            offset: Offset::Unstated,
            length: None,
            stop: Arc::default(),
        };
        let digest = Algorithm::Sha256.digest(&content);
        storage.put_blob(&name(), &digest, chunk).unwrap();
    }
    let bytes = image(seed).to_string().into_bytes();
    let manifest = CheckedManifest::check(&bytes, None, None).unwrap();
    let tagging = Tagging {
        tags: &[tag.parse().unwrap()],
        may_move: true,
    };
    let rules = Validation::default();
    storage
        .put_manifest(&name(), &manifest, tagging, &rules)
        .unwrap();
    manifest.digest().clone()
}

fn read(driver: &Memory, key: &Key) -> Option<Vec<u8>> {
    let object: Option<Object> = driver.open(key, 0).unwrap();
    object.map(|object| {
        let mut bytes = Vec::new();
        object.reader().read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// One image that is whole, and one whose layer is damaged and whose manifest is gone.
fn damaged() -> (Memory, Digest) {
    let driver = Memory::default();
    let good = push(&storage(&driver), 1, "v1");
    let bad = push(&storage(&driver), 2, "v2");
    let lost = Algorithm::Sha256.digest(&layer(2));
    driver
        .write(&[Write::new(layout::blob_data(&lost), b"damaged")])
        .unwrap();
    driver.remove(&[&layout::blob_data(&bad)]).unwrap();
    (driver, good)
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_and_the_next_repair_ends_it() {
    let steps = {
        let (driver, _) = damaged();
        let before = driver.steps();
        let report = verify(&storage(&driver), RepairScope::Everything).unwrap();
        assert_eq!((report.failed, report.repaired), (0, 4), "{report:?}");
        driver.steps() - before
    };
    assert!(steps >= 4, "{steps}");
    let lost = Algorithm::Sha256.digest(&layer(2));
    for (cut, reordered) in (0..=steps).flat_map(|cut| [(cut, false), (cut, true)]) {
        let (driver, good) = damaged();
        if reordered {
            driver.reorder();
        }
        driver.stop_after(cut);
        let _ = verify(&storage(&driver), RepairScope::Everything);
        let after = driver.after_power_loss();
        let own = storage(&after);
        // The damaged bytes are in one place or the other.
        let places = [layout::blob_data(&lost), layout::lost_blob(&lost, 0)];
        let found = places.map(|place| read(&after, &place));
        let found: Vec<_> = found.into_iter().flatten().collect();
        assert_eq!(found, [b"damaged"], "{cut}");
        let report = verify(&own, RepairScope::Everything).unwrap();
        assert_eq!(report.failed, 0, "{cut}: {report:?}");
        let report = verify(&own, RepairScope::Nothing).unwrap();
        assert_eq!(report.errors, 0, "{cut}: {report:?}");
        let stored = own.manifest(&name(), &Reference::Digest(good)).unwrap();
        assert_eq!(
            &*own.bytes(&stored).unwrap(),
            image(1).to_string().as_bytes()
        );
        for content in [config(1), layer(1)] {
            let digest = Algorithm::Sha256.digest(&content);
            let blob = own.blob(&name(), &digest).unwrap();
            assert_eq!(blob.length(), content.len() as u64);
        }
        let (tags, _) = own.tags(&name(), "", 9).unwrap();
        assert_eq!(tags, ["v1".parse().unwrap()], "{cut}");
        push(&own, 2, "v2");
        assert_eq!(verify(&own, RepairScope::Nothing).unwrap().errors, 0);
    }
}
