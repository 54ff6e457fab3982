//! What a quota refuses takes no space, whichever way it was sent.

use crate::util::image::{bytes, sha256};
use crate::util::registry::Settings;
use std::fs;

#[test]
fn a_session_whose_bytes_go_over_a_quota_ends() {
    let settings = Settings::default().set("STORAGE_MAINTENANCE_QUOTA", "{bytes: 1MiB}");
    let registry = settings.start();
    let content = bytes(1, 1_500_000);
    let digest = sha256(&content);
    // As docker pushes: the length is known when all of it has arrived.
    let begun = registry.post("/v2/a/blobs/uploads/").expect(202);
    let patched = registry.patch(begun.header("Location"), &[], &content);
    let location = patched.expect(202).header("Location").to_owned();
    let put = format!("{location}&digest={digest}");
    registry.put(&put, &[], b"").expect_error(403, "DENIED");
    registry.get(&location).expect(404);
    let uploads = registry.file("repositories/a/_uploads");
    let left = fs::read_dir(uploads).map_or(0, Iterator::count);
    assert_eq!(left, 0, "sessions are left");
    // Half of it fits, in the same way.
    let half = &content[..700_000];
    let begun = registry.post("/v2/a/blobs/uploads/").expect(202);
    let patched = registry.patch(begun.header("Location"), &[], half);
    let put = format!(
        "{}&digest={}",
        patched.expect(202).header("Location"),
        sha256(half)
    );
    registry.put(&put, &[], b"").expect(201);
}
