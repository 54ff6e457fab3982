//! What is in the registry before anything is timed: tags, repositories, manifests. Pushed over several connections, and only
//! once: what an earlier run left is used again.

use super::content::{CONFIG, LAYER, digest_of, manifest};
use super::{Client, Upload, is_there};
use crate::wire::{Connection, Outcome, Server};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Connections that push at once.
const CONNECTIONS: usize = 8;
/// How many manifests refer to the one that is asked for.
const REFERRERS: u64 = 3;
/// How the names of tags and repositories begin.
pub const NAME: &str = "fill-";

/// The end of the name of one of them.
pub fn number(number: u64) -> String {
    format!("{number:06}")
}

/// The name of one of them.
pub fn name(of: u64) -> String {
    format!("{NAME}{}", number(of))
}

/// What is to be there.
pub struct Fill<'a> {
    /// Where.
    pub server: &'a Server,
    /// In which repository, or below which name.
    pub repository: &'a str,
    /// How many.
    pub count: u64,
}

impl Fill<'_> {
    /// So many tags of the repository, each of a manifest of its own.
    pub fn tags(&self) -> Outcome<()> {
        let last = format!("/v2/{}/manifests/{}", self.repository, name(self.count - 1));
        self.unless_there(&last, |connection| {
            let client = client(self.repository);
            client.push_parts(connection)?;
            self.share(|connection, number| {
                let tag = name(number);
                client.put_manifest(connection, &tag, &manifest(&tag, None))
            })
        })
    }

    /// So many repositories below the name, each with one tag.
    pub fn repositories(&self) -> Outcome<()> {
        let place = |number| format!("{}/{}", self.repository, name(number));
        let last = format!("/v2/{}/manifests/latest", place(self.count - 1));
        self.unless_there(&last, |_| {
            self.share(|connection, number| {
                let client = client(&place(number));
                client.push_parts(connection)?;
                client.put_manifest(connection, "latest", &manifest("", None))
            })
        })
    }

    /// So many manifests, of which a few refer to one, whose digest is returned.
    pub fn referrers(&self) -> Outcome<String> {
        let subject = manifest("subject", None);
        let digest = digest_of(subject.as_bytes());
        let last = format!("/v2/{}/manifests/subject", self.repository);
        self.unless_there(&last, |connection| {
            let client = client(self.repository);
            client.push_parts(connection)?;
            self.share(|connection, number| {
                let named = (number < REFERRERS).then_some((digest.as_str(), subject.len()));
                let text = manifest(&name(number), named);
                client.put_manifest(connection, &digest_of(text.as_bytes()), &text)
            })?;
            client.put_manifest(connection, "subject", &subject)
        })?;
        Ok(digest)
    }

    fn unless_there(
        &self,
        last: &str,
        push: impl FnOnce(&mut Connection) -> Outcome<()>,
    ) -> Outcome<()> {
        let mut connection = Connection::open(self.server)?;
        match is_there(&mut connection, last)? {
            true => Ok(()),
            false => push(&mut connection),
        }
    }

    /// Pushes each, several at once, the last one after all the others.
    fn share(&self, push: impl Fn(&mut Connection, u64) -> Outcome<()> + Sync) -> Outcome<()> {
        let next = AtomicU64::new(0);
        let work = || {
            let mut connection = Connection::open(self.server)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number + 1 >= self.count {
                    return Ok(());
                }
                push(&mut connection, number)?;
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
            let ended = |worker: thread::ScopedJoinHandle<'_, Outcome<()>>| match worker.join() {
                Ok(outcome) => outcome,
                Err(_) => Err("a thread panicked".into()),
            };
            workers.into_iter().try_for_each(ended)
        })?;
        push(&mut Connection::open(self.server)?, self.count - 1)
    }
}

fn client(repository: &str) -> Client {
    Client {
        repository: repository.to_owned(),
        upload: Upload::Whole,
    }
}

impl Client {
    /// Pushes the two blobs that every manifest refers to.
    fn push_parts(&self, connection: &mut Connection) -> Outcome<()> {
        for blob in [CONFIG, LAYER] {
            self.push(connection, blob, &digest_of(blob))?;
        }
        Ok(())
    }
}
