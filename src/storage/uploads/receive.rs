//! How the bytes of a body get into a session: read, written and hashed step by step, the hash of a large one by a second thread.

use super::helpers::Helper;
use super::turn::Turn;
use crate::memory::CopyBuffer;
use crate::spec::Hasher;
use crate::storage::{Error, Result};
use std::io::{ErrorKind, Read};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that are read, hashed and written in one step, if there is memory for them.
const BUFFER_BYTES: usize = 256 * 1024;

/// Bytes that a client has to send within [`FAST_WITHIN`] before a second thread is worth its start.
const FAST_BYTES: u64 = 2 * 1024 * 1024;

/// See [`FAST_BYTES`].
const FAST_WITHIN: Duration = Duration::from_millis(200);

/// A client for whose next bytes so much time was waited is slow: its second thread goes to another.
const SLOW: Duration = Duration::from_millis(100);

/// How a buffer was filled.
enum Filled {
    /// Up to where a whole one ends.
    Whole,
    /// Until the client was waited for.
    Slowly,
    /// By the last bytes.
    ToTheEnd,
}

impl Turn<'_> {
    /// Adds all of a body to the session.
    pub(super) fn receive(&mut self, body: &mut dyn Read) -> Result<()> {
        let mut buffer = self.store.memory.buffer(BUFFER_BYTES, 0);
        loop {
            let (begun, first) = (Instant::now(), self.written);
            while self.written - first < FAST_BYTES {
                match self.read(body, &mut buffer, 0)? {
                    0 => return Ok(()),
                    count => self.write(buffer.split_at(count).0)?,
                }
            }
            if begun.elapsed() > FAST_WITHIN {
                continue;
            }
            let Some(_place) = self.store.helpers.take() else {
                continue;
            };
            let Some(hasher) = self.take_hasher()? else {
                continue;
            };
            match self.receive_with_helper(body, buffer, hasher)? {
                Some(free) => buffer = free,
                None => return Ok(()),
            }
        }
    }

    /// Goes on until the end, or until the client is slow: then it gives the buffer back.
    fn receive_with_helper(
        &mut self,
        body: &mut dyn Read,
        buffer: CopyBuffer,
        hasher: Hasher,
    ) -> Result<Option<CopyBuffer>> {
        thread::scope(|scope| {
            let Ok(mut helper) = Helper::start(scope, &hasher) else {
                // There may be no more threads.
                self.give_back(hasher)?;
                return Ok(Some(buffer));
            };
            let outcome = self.feed(&mut helper, body, buffer);
            // What was received before a client went away is kept, so its hash is needed as well.
            let hashed = self.give_back(helper.finish());
            let rest = outcome?;
            hashed.map(|()| rest)
        })
    }

    fn feed(
        &mut self,
        helper: &mut Helper<'_>,
        body: &mut dyn Read,
        mut buffer: CopyBuffer,
    ) -> Result<Option<CopyBuffer>> {
        loop {
            let (filled, outcome) = self.fill(body, &mut buffer);
            // What was written is hashed, also if it is the last that came.
            buffer = helper.pass(buffer, filled, self.store.memory);
            match outcome? {
                Filled::Whole => {}
                Filled::Slowly => return Ok(Some(buffer)),
                Filled::ToTheEnd => return Ok(None),
            }
        }
    }

    /// Fills a buffer, and writes each piece as it comes: a body that comes in small ones, as with chunked coding, wakes up the
    /// helper no more often than another. Gives the number of bytes that were written.
    fn fill(&mut self, body: &mut dyn Read, buffer: &mut [u8]) -> (usize, Result<Filled>) {
        let mut filled = 0;
        loop {
            let asked = Instant::now();
            let count = match self.read(body, buffer, filled) {
                Ok(0) => return (filled, Ok(Filled::ToTheEnd)),
                Ok(count) => count,
                Err(error) => return (filled, Err(error)),
            };
            let is_slow = asked.elapsed() > SLOW;
            let (_, piece) = buffer.split_at(filled);
            if let Err(error) = self.write(piece.split_at(count).0) {
                return (filled, Err(error));
            }
            filled += count;
            if is_slow {
                return (filled, Ok(Filled::Slowly));
            }
            if self.past_whole(buffer.len()) == 0 {
                return (filled, Ok(Filled::Whole));
            }
        }
    }

    /// Takes the hash out of the session: a request that takes the turn before it is back reads the bytes again.
    fn take_hasher(&self) -> Result<Option<Hasher>> {
        Ok(self.lock()?.hasher.take())
    }

    fn give_back(&self, hasher: Hasher) -> Result<()> {
        self.lock()?.hasher = Some(hasher);
        Ok(())
    }

    /// How many bytes of the session are past the last multiple of the length of a buffer.
    fn past_whole(&self, buffer_bytes: usize) -> usize {
        let past = (self.start() + self.written) % buffer_bytes as u64;
        usize::try_from(past).unwrap_or(0)
    }

    /// Some of the next bytes, behind those that the buffer holds; none at the end.
    fn read(&self, body: &mut dyn Read, buffer: &mut [u8], filled: usize) -> Result<usize> {
        // Up to where a whole buffer would end: the head of a request brings some first bytes, and without this every page of
        // the file between two steps would be written twice.
        let room = buffer.len() - self.past_whole(buffer.len());
        let (room, _) = buffer.split_at_mut(filled).1.split_at_mut(room);
        loop {
            match body.read(room) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // Why the body ended early, when another request ended it.
                    drop(self.lock()?);
                    return Err(Error::Body(error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Offset;
    use crate::driver::Memory;
    use crate::spec::{Algorithm, Digest, Name, UploadId};
    use crate::storage::tests::{chunk, roomy_options};
    use crate::storage::{Error, Storage};
    use std::io::{self, ErrorKind, Read};
    use std::sync::Arc;
    use std::thread;

    /// More than one thread receives alone, and no multiple of any buffer.
    const LENGTH: usize = 3_100_011;

    fn name() -> Name {
        "a".parse().unwrap()
    }

    fn content(seed: usize) -> Vec<u8> {
        let part: Vec<u8> = (0..=250).cycle().take(65_521).collect();
        let mut content = Vec::new();
        // No part is like another.
        for at in seed.. {
            if content.len() >= LENGTH {
                break;
            }
            content.extend_from_slice(&part[at..]);
        }
        content.truncate(LENGTH);
        content
    }

    /// A body that arrives in pieces of odd sizes, at whose start something may happen.
    struct Body<'b, F> {
        rest: &'b [u8],
        received: usize,
        before: F,
    }

    impl<F: FnMut(usize) -> io::Result<()>> Read for Body<'_, F> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            (self.before)(self.received)?;
            let count = (self.received % 70_001 + 1)
                .min(into.len())
                .min(self.rest.len());
            let (now, rest) = self.rest.split_at(count);
            into[..count].copy_from_slice(now);
            self.rest = rest;
            self.received += count;
            Ok(count)
        }
    }

    fn body<F: FnMut(usize) -> io::Result<()>>(rest: &[u8], before: F) -> Body<'_, F> {
        Body {
            rest,
            received: 0,
            before,
        }
    }

    fn storage() -> Storage {
        Storage::new(Arc::new(Memory::default()), roomy_options())
    }

    fn start(storage: &Storage) -> UploadId {
        let started = storage.start_upload(&name(), Algorithm::Sha256, None);
        started.unwrap()
    }

    fn expect_blob(storage: &Storage, content: &[u8]) {
        let digest = Algorithm::Sha256.digest(content);
        let mut found = Vec::new();
        let blob = storage.blob(&name(), &digest).unwrap();
        blob.reader().read_to_end(&mut found).unwrap();
        assert!(found == content);
    }

    fn commit(storage: &Storage, id: &UploadId, digest: &Digest) -> crate::storage::Result<()> {
        let nothing = &mut io::empty();
        storage.commit_upload(&name(), id, digest, chunk(nothing, Offset::Unstated))
    }

    #[test]
    fn a_large_body_in_odd_pieces_is_what_was_sent() {
        let (storage, content) = (storage(), content(1));
        let mut interrupted = 0;
        let mut body = body(&content, |received| {
            interrupted += 1;
            match received > 0 && interrupted % 3 == 0 {
                true => Err(ErrorKind::Interrupted.into()),
                false => Ok(()),
            }
        });
        let digest = Algorithm::Sha256.digest(&content);
        let whole = chunk(&mut body, Offset::Unstated);
        storage.put_blob(&name(), &digest, whole).unwrap();
        expect_blob(&storage, &content);
    }

    #[test]
    fn a_fast_client_has_a_helper_until_it_is_slow() {
        let (storage, content) = (storage(), content(6));
        let helpers = storage.uploads.helpers();
        let all = helpers.free();
        let (mut least, mut waited) = (all, false);
        let mut body = body(&content, |received| {
            least = least.min(helpers.free());
            if waited {
                assert_eq!(helpers.free(), all);
            }
            if received > 2_600_000 && !waited {
                thread::sleep(2 * super::SLOW);
                waited = true;
            }
            Ok(())
        });
        let digest = Algorithm::Sha256.digest(&content);
        let whole = chunk(&mut body, Offset::Unstated);
        storage.put_blob(&name(), &digest, whole).unwrap();
        assert!(waited);
        // None where there is a single processor, or where a busy machine makes the client look slow.
        eprintln!("helpers free: {least} of {all}");
        expect_blob(&storage, &content);
    }

    #[test]
    fn a_large_body_that_breaks_off_is_gone_on_with() {
        let (storage, content) = (storage(), content(2));
        let id = start(&storage);
        let mut broken = body(&content, |received| match received > 2_600_000 {
            true => Err(ErrorKind::UnexpectedEof.into()),
            false => Ok(()),
        });
        let outcome = storage.append_upload(&name(), &id, chunk(&mut broken, Offset::Unstated));
        assert!(matches!(outcome, Err(Error::Body(_))), "{outcome:?}");
        let length = storage.upload_length(&name(), &id).unwrap();
        assert_eq!(length as usize, broken.received);
        let mut rest = &content[broken.received..];
        let digest = Algorithm::Sha256.digest(&content);
        let rest = chunk(&mut rest, Offset::Range(length));
        storage.commit_upload(&name(), &id, &digest, rest).unwrap();
        expect_blob(&storage, &content);
    }

    #[test]
    fn one_that_takes_the_turn_in_the_middle_of_a_large_body_goes_on() {
        let (storage, old, new) = (storage(), content(3), content(4));
        let id = start(&storage);
        let mut taken = false;
        let mut superseded = body(&old, |received| {
            if received > 2_600_000 && !taken {
                taken = true;
                let mut all = body(&new, |_| Ok(()));
                let added = chunk(&mut all, Offset::Unstated);
                let length = storage.append_upload(&name(), &id, added).unwrap();
                assert_eq!(length as usize, LENGTH);
            }
            Ok(())
        });
        let outcome = storage.append_upload(&name(), &id, chunk(&mut superseded, Offset::Unstated));
        assert!(
            matches!(outcome, Err(Error::Superseded { length }) if length as usize == LENGTH),
            "{outcome:?}"
        );
        let digest = Algorithm::Sha256.digest(&new);
        commit(&storage, &id, &digest).unwrap();
        expect_blob(&storage, &new);
    }

    #[test]
    fn a_large_body_of_another_digest_leaves_the_session_as_it_was() {
        let (storage, content) = (storage(), content(5));
        let id = start(&storage);
        let (first, rest) = content.split_at(500_000);
        let mut begun = body(first, |_| Ok(()));
        let begun = chunk(&mut begun, Offset::Unstated);
        storage.append_upload(&name(), &id, begun).unwrap();
        let digest = Algorithm::Sha256.digest(&content);
        let mut wrong = rest.to_vec();
        wrong[1_000_000] ^= 1;
        for (rest, is_right) in [(&wrong[..], false), (rest, true)] {
            let mut rest = body(rest, |_| Ok(()));
            let rest = chunk(&mut rest, Offset::Range(first.len() as u64));
            let outcome = storage.commit_upload(&name(), &id, &digest, rest);
            match outcome {
                Ok(()) => assert!(is_right),
                Err(Error::DigestMismatch { .. }) => assert!(!is_right),
                Err(error) => panic!("{error}"),
            }
        }
        expect_blob(&storage, &content);
    }
}
