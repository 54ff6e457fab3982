//! Sessions that one process began and another goes on with from the state of a hash, over one directory.

use super::*;
use std::io;
use std::path::Path;

fn open(root: &Path) -> Storage {
    let driver = driver::Filesystem::new(root, 4).unwrap();
    Storage::new(Arc::new(driver), tests::options())
}

#[test]
fn a_session_that_is_resumed_from_a_hash_state_has_the_digest_of_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let open = || open(directory.path());
    let (a, content) = (name("a"), bytes(7, 9500));
    for algorithm in Algorithm::ALL {
        let id = open().start_upload(&a, algorithm, None).unwrap();
        let one = open();
        for part in content[..9000].chunks(3000) {
            let mut part = part;
            one.append_upload(&a, &id, chunk(&mut part, Offset::Unstated))
                .unwrap();
        }
        let other = open();
        let digest = Algorithm::Sha256.digest(&content);
        let wrong = Algorithm::Sha256.digest(b"");
        for (asked, is_right) in [(&wrong, false), (&digest, true)] {
            let mut last = &content[9000..];
            let last = chunk(&mut last, Offset::Unstated);
            match other.commit_upload(&a, &id, asked, last) {
                Err(Error::DigestMismatch { computed }) => {
                    assert!(!is_right && computed == digest);
                }
                committed => assert!(is_right && committed.is_ok(), "{committed:?}"),
            }
        }
        assert!(read(&open(), &digest) == content);
        open().delete_blob(&a, &digest).unwrap();
    }
}

#[test]
fn a_hash_state_of_another_algorithm_is_not_taken_for_that_of_the_digest() {
    let directory = tempfile::tempdir().unwrap();
    let open = || open(directory.path());
    let (a, content) = (name("a"), bytes(8, 9000));
    for noted in Algorithm::ALL {
        for asked in Algorithm::ALL {
            let one = open();
            let id = one.start_upload(&a, noted, None).unwrap();
            for mut part in content.chunks(3000) {
                let part = chunk(&mut part, Offset::Unstated);
                one.append_upload(&a, &id, part).unwrap();
            }
            let digest = asked.digest(&content);
            let mut nothing = io::empty();
            let nothing = Chunk {
                length: Some(0),
                ..chunk(&mut nothing, Offset::Unstated)
            };
            let committed = open().commit_upload(&a, &id, &digest, nothing);
            assert!(committed.is_ok(), "{noted:?} {asked:?}: {committed:?}");
            assert!(read(&open(), &digest) == content);
        }
    }
}
