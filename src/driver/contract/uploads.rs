//! Uploads, on each driver.

use super::{key, on_each, read, write};
use crate::driver::{Driver, Replay, Upload, UploadNote, Write};
use std::io::{Read, Write as _};
use std::ops::ControlFlow;

/// The note of an upload that has so many bytes.
pub(super) fn note(length: u64) -> [u8; 8] {
    length.to_be_bytes()
}

pub(super) fn checkpoint(upload: &mut dyn Upload) {
    let content = note(upload.length());
    upload.checkpoint(kind(&content)).unwrap();
}

fn kind(content: &[u8]) -> UploadNote<'_> {
    UploadNote {
        kind: "sha256",
        content,
    }
}

/// What is given back of an upload: a note that is taken, or all bytes.
#[derive(Default)]
pub(super) struct Given {
    takes_notes: bool,
    pub(super) restored: u64,
    pub(super) bytes: Vec<u8>,
}

impl Replay for Given {
    fn restore(&mut self, length: u64, note: UploadNote<'_>) -> bool {
        assert_eq!(
            (note.kind, note.content),
            ("sha256", &self::note(length)[..])
        );
        if self.takes_notes {
            self.restored = length;
        }
        self.takes_notes
    }

    fn bytes(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self.bytes.extend_from_slice(bytes);
        ControlFlow::Continue(())
    }
}

/// Goes on with an upload as another process would.
pub(super) fn resume(driver: &dyn Driver, path: &str, length: u64) -> (Box<dyn Upload>, Given) {
    let mut given = Given {
        takes_notes: true,
        ..Given::default()
    };
    let resumed = driver.resume(&key(path), length, &mut given).unwrap();
    assert_eq!(given.restored + given.bytes.len() as u64, length);
    (resumed.unwrap(), given)
}

fn content(upload: &mut dyn Upload) -> String {
    let mut text = String::new();
    upload.reader().unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn an_upload_grows_goes_back_and_becomes_an_object() {
    on_each(|driver| {
        let mut upload = driver.upload(&key("up/1")).unwrap();
        assert_eq!(driver.upload_state(&key("up/1")).unwrap(), None);
        checkpoint(&mut *upload);
        let state = driver.upload_state(&key("up/1")).unwrap().unwrap();
        assert_eq!((state.length, &state.version), (0, &upload.version()));
        assert!(driver.upload_started(&key("up/1")).unwrap().is_some());
        upload.write_all(b"hello").unwrap();
        checkpoint(&mut *upload);
        upload.write_all(b", ").unwrap();
        upload.rewind(5).unwrap();
        upload.write_all(b" my").unwrap();
        checkpoint(&mut *upload);
        upload.write_all(b" old").unwrap();
        checkpoint(&mut *upload);
        assert_eq!(content(&mut *upload), "hello my old");
        // Back to a checkpoint that others followed.
        upload.rewind(5).unwrap();
        upload.write_all(b" world").unwrap();
        checkpoint(&mut *upload);
        assert_eq!(
            (upload.length(), &*content(&mut *upload)),
            (11, "hello world")
        );
        let state = driver.upload_state(&key("up/1")).unwrap().unwrap();
        assert_eq!((state.length, state.version), (11, upload.version()));
        assert_eq!(driver.list(&key("up"), "", 9).unwrap(), ["1"]);
        let link = Write::new(key("links/1"), b"1");
        upload.publish(&key("blobs/1"), &[link]).unwrap();
        assert_eq!(read(driver, "blobs/1"), "hello world");
        assert_eq!(read(driver, "links/1"), "1");
        driver.discard(&key("up/1"));
        assert_eq!(driver.upload_state(&key("up/1")).unwrap(), None);
        assert!(!driver.has_directory(&key("up/1")).unwrap());
    });
}

#[test]
fn what_was_never_checkpointed_can_be_published_and_so_can_nothing() {
    on_each(|driver| {
        for content in ["", "whole"] {
            write(driver, "blobs/1", "before");
            let mut upload = driver.upload(&key("up/1")).unwrap();
            upload.write_all(content.as_bytes()).unwrap();
            upload.publish(&key("blobs/1"), &[]).unwrap();
            assert_eq!(read(driver, "blobs/1"), content);
            driver.discard(&key("up/1"));
            assert!(driver.list(&key("up"), "", 9).unwrap().is_empty());
        }
    });
}

#[test]
fn an_upload_goes_on_elsewhere_and_no_longer_here() {
    on_each(|driver| {
        let mut first = driver.upload(&key("up/1")).unwrap();
        first.write_all(b"ours").unwrap();
        checkpoint(&mut *first);
        let (mut second, _) = resume(driver, "up/1", 4);
        // Until it goes on there, nothing has changed here.
        first.rewind(4).unwrap();
        checkpoint(&mut *first);
        let (mut third, _) = resume(driver, "up/1", 4);
        third.rewind(4).unwrap();
        third.write_all(b" and theirs").unwrap();
        checkpoint(&mut *third);
        let state = driver.upload_state(&key("up/1")).unwrap().unwrap();
        assert_eq!((state.length, &state.version), (15, &third.version()));
        assert_ne!(state.version, first.version());
        let outcomes = [
            first
                .write_all(b" alone")
                .map_err(|error| error.to_string()),
            first
                .checkpoint(kind(&note(10)))
                .map_err(|error| error.is_changed().to_string()),
        ];
        assert_eq!(outcomes[1], Err("true".to_owned()), "{outcomes:?}");
        let published = first.publish(&key("blobs/1"), &[]);
        assert!(published.is_err_and(|error| error.is_changed()));
        assert_eq!(driver.stat(&key("blobs/1")).unwrap(), None);
        drop(first);
        assert_eq!(content(&mut *third), "ours and theirs");
        third.publish(&key("blobs/1"), &[]).unwrap();
        assert_eq!(read(driver, "blobs/1"), "ours and theirs");
        assert!(
            second.publish(&key("blobs/2"), &[]).is_err()
                || driver.stat(&key("blobs/2")).unwrap().is_some()
        );
    });
}

#[test]
fn an_upload_without_bytes_goes_on_elsewhere() {
    on_each(|driver| {
        let mut first = driver.upload(&key("up/1")).unwrap();
        checkpoint(&mut *first);
        let (mut second, _) = resume(driver, "up/1", 0);
        second.rewind(0).unwrap();
        second.write_all(b"there").unwrap();
        checkpoint(&mut *second);
        second.publish(&key("blobs/1"), &[]).unwrap();
        assert_eq!(read(driver, "blobs/1"), "there");
    });
}

#[test]
fn bytes_come_back_to_whoever_cannot_use_the_note() {
    on_each(|driver| {
        let mut upload = driver.upload(&key("up/1")).unwrap();
        upload.write_all(b"0123").unwrap();
        checkpoint(&mut *upload);
        let mut given = Given::default();
        let resumed = driver.resume(&key("up/1"), 4, &mut given).unwrap();
        assert!(resumed.is_some() && given.bytes == b"0123");
        assert!(
            driver
                .resume(&key("up/2"), 4, &mut given)
                .unwrap()
                .is_none()
        );
        assert!(driver.resume(&key("up/1"), 5, &mut given).is_err());
    });
}
