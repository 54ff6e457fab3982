//! The power goes while the real driver works: what was acknowledged is there afterwards, and what was not harms nobody.
//!
//! A history is played on a real directory, and every operation of the driver is recorded. For each operation, every state in
//! which a power cut right after it may leave the disk (`driver::power_cut`) is built as a directory and opened as after a
//! restart. There everything must be as it was acknowledged; a request that was in the middle may have been carried out
//! or not; whatever else is found is whole; uploads go on with the right bytes or are refused; and the request that was in the
//! middle is made again, and is carried out.
//!
//! `REGISTRY_POWER_CUT_SAMPLES` and `REGISTRY_POWER_CUT_SEED` choose how many samples are tried for each operation, and which.

mod trial;

use crate::spec::media_type::OCI_MANIFEST;
use crate::spec::{Algorithm, Digest};
use serde_json::json;
use trial::{Names, Trial};

/// Bytes that are unlike those of any other seed.
fn bytes(seed: u8, count: usize) -> Vec<u8> {
    (0..count)
        .map(|at| (at / 251) as u8 ^ (at % 251) as u8 ^ seed.wrapping_mul(37))
        .collect()
}

fn digest(content: &[u8]) -> Digest {
    Algorithm::Sha256.digest(content)
}

/// An image of a config and a layer.
fn image(config: &[u8], layer: &[u8]) -> Vec<u8> {
    let descriptor = |media_type: &str, content: &[u8]| json!({"mediaType": media_type, "digest": digest(content).to_string(), "size": content.len()});
    let image = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    });
    image.to_string().into_bytes()
}

/// Plays a history on a disk of each kind, and cuts the power after each operation.
fn on_any_disk(history: impl Fn(&mut Trial)) {
    for names in [Names::InAnyOrder, Names::InOrder] {
        let mut trial = Trial::new(names);
        history(&mut trial);
        trial.cut_the_power_everywhere();
    }
}

#[test]
fn the_first_push_of_an_image_and_what_replaces_it() {
    on_any_disk(|trial| {
        let (config, layer, next) = (bytes(1, 40), bytes(2, 3000), bytes(3, 200));
        trial.push("a/b", &config);
        trial.push_in_pieces("a/b", &layer, 2);
        trial.put("a/b", &image(&config, &layer), &["1", "latest"]);
        trial.push("a/b", &next);
        trial.put("a/b", &image(&config, &next), &["2", "latest"]);
        // The same again is stored again.
        trial.push("a/b", &layer);
        trial.put("a/b", &image(&config, &layer), &["latest"]);
    });
}

#[test]
fn what_is_deleted_stays_deleted_and_what_is_pushed_again_stays() {
    on_any_disk(|trial| {
        let (config, layer) = (bytes(4, 30), bytes(5, 500));
        let image = image(&config, &layer);
        trial.push("a", &config);
        trial.push("a", &layer);
        trial.put("a", &image, &["1", "2"]);
        trial.delete_tag("a", "1");
        trial.put("a", &image, &["1"]);
        trial.delete_manifest("a", &image);
        trial.delete_blob("a", &layer);
        trial.push("a", &layer);
        trial.put("a", &image, &["2"]);
    });
}

#[test]
fn mounts_other_repositories_and_registries_that_start_again() {
    on_any_disk(|trial| {
        let (config, layer) = (bytes(6, 30), bytes(7, 700));
        trial.push("from/here", &config);
        trial.push("from/here", &layer);
        trial.mount("to/there", &config, "from/here");
        trial.restart();
        trial.mount("to/there", &layer, "from/here");
        trial.put("to/there", &image(&config, &layer), &["1"]);
        trial.delete_blob("from/here", &config);
        trial.restart();
        trial.push("from/here/below", &layer);
        trial.put("from/here/below", &image(&layer, &layer), &["1", "2"]);
        trial.delete_repository("from/here/below");
        trial.push("from/here/below", &config);
    });
}

#[test]
fn uploads_in_chunks_that_go_on_are_sent_again_or_are_cancelled() {
    on_any_disk(|trial| {
        // They differ in the middle, and whoever trusts what is known of one for the other takes them for the same.
        let right = bytes(8, 14_000);
        let mut wrong = right.clone();
        wrong[5000..10_000].fill(0xff);
        let upload = trial.start("a", &[&wrong, &right]);
        trial.append(&upload, 0, &wrong[..5000]);
        trial.append_and_break(&upload, 5000, &wrong[5000..10_000]);
        // What the client does not know to have arrived it sends again, and other bytes.
        trial.append(&upload, 5000, &right[5000..11_000]);
        trial.append(&upload, 11_000, &right[11_000..12_000]);
        trial.commit(&upload, &right, 12_000);
        let upload = trial.start("a", &[&right]);
        trial.append(&upload, 0, &right[..9000]);
        trial.cancel(&upload);
    });
}
