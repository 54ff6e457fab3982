//! Uploads at the same time: on one session, of one digest, and many at once.

use super::{assert_no_session, assert_reached, assert_stored, complete, session};
use crate::util::image::{bytes, sha256};
use crate::util::registry::{Settings, TestRegistry};
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
        let answers = together(2, |number| {
            registry
                .patch(&location, &[("Content-Range", "4-7")], chunks[number])
                .status
        });
        let taken = answers.iter().position(|status| *status == 202).unwrap();
        assert_eq!(answers[1 - taken], 416, "{answers:?}");
        assert_reached(&registry, &location, 8);
        let content = [b"0123", chunks[taken]].concat();
        complete(&registry, &location, &sha256(&content), b"").expect(201);
        assert_stored(&registry, &sha256(&content), &content);
    }
}

#[test]
fn chunks_without_a_place_are_put_one_after_the_other() {
    let registry = TestRegistry::start();
    let location = session(&registry, b"");
    let chunks: Vec<Vec<u8>> = (0..8_u8).map(|number| vec![number; 100_000]).collect();
    let answers = together(8, |number| {
        registry.patch(&location, &[], &chunks[number]).status
    });
    assert_eq!(answers, [202; 8]);
    // One chunk's bytes are in one piece, whichever order they came in.
    let (_, data) = registry
        .tree()
        .into_iter()
        .find(|(path, _)| path.ends_with("/data"))
        .unwrap();
    let data = data.unwrap();
    let pieces: Vec<&[u8]> = data.chunks(100_000).collect();
    assert!(
        pieces.len() == 8
            && pieces
                .iter()
                .all(|piece| piece.iter().all(|b| *b == piece[0]))
    );
    complete(&registry, &location, &sha256(&data), b"").expect(201);
    assert_stored(&registry, &sha256(&data), &data);
}

#[test]
fn chunks_of_a_session_that_memory_has_no_room_for_are_all_kept() {
    let registry = Settings::default().set("HTTP_LIMITS_UPLOADS", "1").start();
    let location = session(&registry, b"");
    let answers = together(8, |number| {
        let one = || {
            session(&registry, b"");
            registry
                .patch(&location, &[], &[b'a' + number as u8; 100])
                .status
        };
        (0..10).map(|_| one()).collect::<Vec<_>>()
    });
    assert_eq!(answers.concat(), [202; 80]);
    assert_reached(&registry, &location, 8000);
}

#[test]
fn of_two_commits_of_one_session_exactly_one_is_taken() {
    let registry = TestRegistry::start();
    for round in 0..10 {
        let content = bytes(round, 1000);
        let (location, digest) = (session(&registry, &content), sha256(&content));
        let mut answers = together(2, |_| complete(&registry, &location, &digest, b"").status);
        answers.sort_unstable();
        assert_eq!(answers, [201, 404]);
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
        let answers = together(4, |number| {
            complete(&registry, &sessions[number], &digest, b"").status
        });
        assert_eq!(answers, [201; 4]);
        assert_stored(&registry, &digest, &content);
    }
}

#[test]
fn many_uploads_at_once_all_arrive() {
    let registry = TestRegistry::start();
    let digests = together(40, |number| {
        let content = bytes(number as u64, 200_000);
        let location = session(&registry, &content[..100_000]);
        registry
            .patch(&location, &[], &content[100_000..150_000])
            .expect(202);
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
