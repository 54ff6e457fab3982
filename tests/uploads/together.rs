//! Uploads at the same time: on one session, of one digest, and many at once.

use super::{
    assert_no_session, assert_reached, assert_stored, complete, half_sent, patch, session,
};
use crate::util::image::{bytes, sha256};
use crate::util::pace::wait_until;
use crate::util::raw::Raw;
use crate::util::registry::TestRegistry;
use std::sync::Barrier;
use std::thread;

/// Does the same from several threads that start together; gives what each came to.
fn together<T: Send>(count: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let (act, barrier) = (&act, &barrier);
        let start = |number| {
            scope.spawn(move || {
                barrier.wait();
                act(number)
            })
        };
        let threads: Vec<_> = (0..count).map(start).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn of_two_chunks_for_one_place_exactly_one_is_taken() {
    let registry = TestRegistry::start();
    for _ in 0..10 {
        let location = session(&registry, b"0123");
        let chunks: [&[u8]; 2] = [b"aaaa", b"bbbb"];
        let responses = together(2, |number| {
            registry
                .patch(&location, &[("Content-Range", "4-7")], chunks[number])
                .status
        });
        let taken = responses.iter().position(|status| *status == 202).unwrap();
        assert_eq!(responses[1 - taken], 416, "{responses:?}");
        assert_reached(&registry, &location, 8);
        let content = [b"0123", chunks[taken]].concat();
        complete(&registry, &location, &sha256(&content), b"").expect(201);
        assert_stored(&registry, &sha256(&content), &content);
    }
}

#[test]
fn the_newest_request_goes_on_and_an_older_one_that_is_half_sent_ends() {
    let registry = TestRegistry::start();
    let (content, digest) = (bytes(1, 300_000), sha256(&bytes(1, 300_000)));
    for way in ["patch", "patch with a range", "put", "delete"] {
        let location = session(&registry, b"");
        let request = format!("PATCH {location}");
        let mut older = half_sent(&registry, &request, &location, &content[..200_000]);
        match way {
            "patch" => {
                let next = patch(&registry, &location, &content);
                complete(&registry, &next, &digest, b"").expect(201);
            }
            "patch with a range" => {
                let range = [("Content-Range", "200000-299999")];
                let added = registry.patch(&location, &range, &content[200_000..]);
                let next = added.expect(202).header("Location").to_owned();
                complete(&registry, &next, &digest, b"").expect(201);
            }
            "put" => drop(complete(&registry, &location, &digest, &content).expect(201)),
            _ => drop(registry.delete(&location).expect(204)),
        }
        // It may hear of its end while the session is there, between the newer request and the one that completes it.
        let status = older.answer_to("PATCH").status;
        let may_be_there = way.starts_with("patch");
        assert!(
            status == 404 || (status == 416 && may_be_there),
            "{way}: {status}"
        );
        match way {
            "delete" => assert_no_session(&registry),
            _ => assert_stored(&registry, &digest, &content),
        }
    }
}

#[test]
fn a_request_that_was_ended_is_told_how_far_the_session_is() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"");
    let request = format!("PATCH {location}");
    let mut older = half_sent(&registry, &request, &location, b"01");
    let next = patch(&registry, &location, b"0123");
    let ended = older.answer_to("PATCH");
    assert_eq!((ended.status, ended.header("Range")), (416, Some("0-3")));
    assert_eq!(ended.header("Location"), Some(&next[..]));
    assert_reached(&registry, &location, 4);
    complete(&registry, &next, &sha256(b"0123"), b"").expect(201);
}

#[test]
fn whoever_is_too_late_ends_nobody() {
    let registry = TestRegistry::start();
    let first = session(&registry, b"");
    let second = patch(&registry, &first, b"0123");
    let third = patch(&registry, &second, b"4567");
    let mut running = Raw::connect(registry.address);
    running.send(format!(
        "PATCH {third} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n89"
    ));
    wait_until("the session has what was sent", || {
        registry.get(&third).expect(204).header("Range") == "0-9"
    });
    registry
        .patch(&first, &[], b"0123")
        .expect_error(416, "RANGE_INVALID");
    registry
        .patch(&first, &[("Content-Range", "0-3")], b"0123")
        .expect_error(416, "RANGE_INVALID");
    let done = running.send("ab").answer_to("PATCH");
    assert_eq!((done.status, done.header("Range")), (202, Some("0-11")));
    let location = done.header("Location").unwrap();
    complete(&registry, location, &sha256(b"0123456789ab"), b"").expect(201);
}

#[test]
fn requests_at_one_offset_never_mix_their_bytes() {
    let registry = TestRegistry::start();
    for _ in 0..10 {
        let location = session(&registry, b"");
        let chunks: Vec<Vec<u8>> = (0..8_u8).map(|number| vec![number; 600_000]).collect();
        let responses = together(8, |number| {
            registry.patch(&location, &[], &chunks[number]).status
        });
        let is_known = |status: &u16| [202, 416].contains(status);
        assert!(
            responses.iter().all(is_known) && responses.contains(&202),
            "{responses:?}"
        );
        let (_, data) = registry
            .tree()
            .into_iter()
            .find(|(path, _)| path.ends_with("/data"))
            .unwrap();
        let data = data.unwrap();
        assert!(chunks.contains(&data), "{} bytes", data.len());
        registry.delete(&location).expect(204);
    }
}

#[test]
fn of_two_commits_of_one_session_exactly_one_is_taken() {
    let registry = TestRegistry::start();
    for round in 0..10 {
        let content = bytes(round, 1000);
        let (location, digest) = (session(&registry, &content), sha256(&content));
        let mut responses = together(2, |_| complete(&registry, &location, &digest, b"").status);
        responses.sort_unstable();
        // The newer one takes over, or comes when all is done.
        assert!(
            responses == [201, 404] || responses == [201, 416],
            "{responses:?}"
        );
        assert_stored(&registry, &digest, &content);
    }
}

#[test]
fn sessions_that_commit_one_digest_at_once_all_succeed() {
    let registry = TestRegistry::start();
    for round in 0..10 {
        let content = bytes(round, 50_000);
        let digest = sha256(&content);
        let sessions: Vec<String> = (0..4).map(|_| session(&registry, &content)).collect();
        let responses = together(4, |number| {
            complete(&registry, &sessions[number], &digest, b"").status
        });
        assert_eq!(responses, [201; 4]);
        assert_stored(&registry, &digest, &content);
    }
}

#[test]
fn many_uploads_at_once_all_arrive() {
    let registry = TestRegistry::start();
    let digests = together(40, |number| {
        let content = bytes(number as u64, 200_000);
        let location = session(&registry, &content[..100_000]);
        let location = patch(&registry, &location, &content[100_000..150_000]);
        let digest = sha256(&content);
        complete(&registry, &location, &digest, &content[150_000..]).expect(201);
        digest
    });
    for (number, digest) in digests.iter().enumerate() {
        let blob = registry.get(&format!("/v2/a/blobs/{digest}")).expect(200);
        assert!(blob.body == bytes(number as u64, 200_000));
    }
    assert_no_session(&registry);
    assert_eq!(registry.files("blobs").len(), 40);
}
