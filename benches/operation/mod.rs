//! The operations the load generator times, each as a registry's client does it (OCI distribution-spec
//! "Endpoints").

mod content;
mod fill;

use crate::wire::{Body, Connection, Outcome, RawResponse, Request, Server};
use content::{Blob, MEDIA_MANIFEST};
use fill::Fill;

const OCTETS: &str = "Content-Type: application/octet-stream\r\n";

/// One kind of request, or of several that belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `GET /v2/`.
    Ping,
    /// GET of a path, of any server.
    Get,
    /// HEAD of a path, of any server.
    Head,
    /// A new connection for `GET /v2/`.
    Handshake,
    /// GET of one blob, always the same.
    Pull,
    /// HEAD of one blob, always the same.
    BlobHead,
    /// A new blob: POST and PUT, or POST, PATCH and PUT.
    Push,
    /// GET of one manifest by tag.
    ManifestGet,
    /// HEAD of one manifest by tag.
    ManifestHead,
    /// PUT of a new manifest under a new tag.
    ManifestPut,
    /// A page of a repository's tags.
    Tags,
    /// A page of the catalog.
    Catalog,
    /// The referrers of one manifest.
    Referrers,
}

/// Every operation with its name on the command line and in the report.
const OPERATIONS: [(Operation, &str); 13] = [
    (Operation::Ping, "ping"),
    (Operation::Get, "get"),
    (Operation::Head, "head"),
    (Operation::Handshake, "handshake"),
    (Operation::Pull, "pull"),
    (Operation::BlobHead, "blob-head"),
    (Operation::Push, "push"),
    (Operation::ManifestGet, "manifest-get"),
    (Operation::ManifestHead, "manifest-head"),
    (Operation::ManifestPut, "manifest-put"),
    (Operation::Tags, "tags"),
    (Operation::Catalog, "catalog"),
    (Operation::Referrers, "referrers"),
];

impl Operation {
    /// The operation of that name, as the command line gives it.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = OPERATIONS.into_iter();
        all.find_map(|(operation, name)| (name == word).then_some(operation))
    }

    /// Its name on the command line and in the report.
    pub fn name(self) -> &'static str {
        let mut all = OPERATIONS.into_iter();
        let name = all.find_map(|(operation, name)| (operation == self).then_some(name));
        name.unwrap_or_default()
    }
}

/// How a blob is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// In the PUT that ends the session.
    Whole,
    /// In PATCHes of so many bytes.
    Chunks(usize),
    /// In one PATCH of unknown length, so with chunked coding, as docker sends it.
    Stream,
}

/// What is to be timed, before anything was sent.
pub struct Plan {
    /// The operation.
    pub operation: Operation,
    /// The repository it works in.
    pub repository: String,
    /// The path of [`Operation::Get`] and [`Operation::Head`].
    pub path: String,
    /// A blob's size in bytes.
    pub blob_bytes: usize,
    /// How a blob is sent.
    pub upload: Upload,
    /// So many tags, repositories or manifests are there before.
    pub fill: u64,
    /// Entries a page.
    pub page: u64,
}

/// A plan whose blobs, manifests and tags are in the registry; each connection works on a clone.
#[derive(Clone)]
pub struct Ready {
    operation: Operation,
    client: Client,
    target: String,
    /// What is pushed.
    blob: Blob,
    /// A page begins behind one of so many entries, whose names begin like this.
    entries: u64,
    entry: String,
}

/// Who pushes to a repository.
#[derive(Clone)]
struct Client {
    repository: String,
    upload: Upload,
}

impl Plan {
    /// Puts into the registry what the operation needs and is not there yet.
    pub fn prepare(&self, server: &Server) -> Outcome<Ready> {
        let client = Client {
            repository: self.repository.clone(),
            upload: self.upload,
        };
        let mut ready = Ready {
            operation: self.operation,
            target: String::new(),
            blob: Blob::new(self.blob_bytes)?,
            entries: self.fill,
            entry: String::new(),
            client,
        };
        let repository = &self.repository;
        let fill = Fill {
            server,
            repository,
            count: self.fill.max(1),
        };
        let mut connection = Connection::open(server)?;
        ready.target = match self.operation {
            Operation::Ping | Operation::Handshake => "/v2/".to_owned(),
            Operation::Get | Operation::Head => self.path.clone(),
            Operation::Push => String::new(),
            Operation::Pull | Operation::BlobHead => {
                let (bytes, digest) = Blob::new(self.blob_bytes)?.constant();
                let target = format!("/v2/{repository}/blobs/{digest}");
                if !is_there(&mut connection, &target)? {
                    ready.client.push(&mut connection, &bytes, &digest)?;
                }
                target
            }
            Operation::Catalog => {
                fill.repositories()?;
                ready.entry = format!("{repository}/{}", fill::NAME);
                format!("/v2/_catalog?n={}", self.page)
            }
            Operation::Tags => {
                fill.tags()?;
                ready.entry = fill::NAME.to_owned();
                format!("/v2/{repository}/tags/list?n={}", self.page)
            }
            Operation::ManifestGet | Operation::ManifestHead | Operation::ManifestPut => {
                fill.tags()?;
                format!("/v2/{repository}/manifests/{}", fill::name(0))
            }
            Operation::Referrers => {
                format!("/v2/{repository}/referrers/{}", fill.referrers()?)
            }
        };
        Ok(ready)
    }
}

impl Ready {
    /// Does the operation once; `worker` and `round` make what is pushed new. Returns the bytes of
    /// content that went either way.
    pub fn run(&mut self, connection: &mut Connection, worker: u64, round: u64) -> Outcome<u64> {
        let target = &self.target;
        let accept = format!("Accept: {MEDIA_MANIFEST}\r\n");
        let response = match self.operation {
            Operation::Push => {
                let (bytes, digest) = self.blob.next(worker, round);
                self.client.push(connection, bytes, &digest)?;
                return Ok(bytes.len() as u64);
            }
            Operation::ManifestPut => {
                let manifest = content::manifest(&self.blob.name(worker, round), None);
                let tag = format!("put-{}", self.blob.name(worker, round));
                self.client.put_manifest(connection, &tag, &manifest)?;
                return Ok(manifest.len() as u64);
            }
            Operation::Handshake => {
                connection.reopen()?;
                ask(connection, ("GET", target), "", Body::None, 200)?
            }
            Operation::ManifestGet => ask(connection, ("GET", target), &accept, Body::None, 200)?,
            Operation::ManifestHead => ask(connection, ("HEAD", target), &accept, Body::None, 200)?,
            Operation::BlobHead | Operation::Head => {
                ask(connection, ("HEAD", target), "", Body::None, 200)?
            }
            Operation::Tags | Operation::Catalog => {
                // Anywhere in the list, another place each time.
                let place = worker.wrapping_mul(7919) ^ round.wrapping_mul(104_729);
                let last = fill::number(place % self.entries.max(1));
                let target = format!("{target}&last={}{last}", self.entry);
                ask(connection, ("GET", &target), "", Body::None, 200)?
            }
            Operation::Ping | Operation::Referrers => {
                ask(connection, ("GET", target), "", Body::None, 200)?
            }
            Operation::Get | Operation::Pull => {
                // See `Connection::skip_records`; a handshake is little beside a blob.
                let last = match connection.is_secure() {
                    true => "Connection: close\r\n",
                    false => "",
                };
                ask(connection, ("GET", target), last, Body::None, 200)?
            }
        };
        Ok(response.body_bytes)
    }
}

impl Client {
    fn push(&self, connection: &mut Connection, blob: &[u8], digest: &str) -> Outcome<()> {
        let uploads = format!("/v2/{}/blobs/uploads/", self.repository);
        let begun = ask(connection, ("POST", &uploads), "", Body::Bytes(&[]), 202)?;
        let mut session = location(begun)?;
        let mut last = blob;
        if let Upload::Chunks(bytes) = self.upload {
            for chunk in blob.chunks(bytes.max(1)) {
                let patch = ("PATCH", session.as_str());
                session = location(ask(connection, patch, OCTETS, Body::Bytes(chunk), 202)?)?;
            }
            last = &[];
        }
        if self.upload == Upload::Stream {
            let patch = ("PATCH", session.as_str());
            session = location(ask(connection, patch, OCTETS, Body::Stream(blob), 202)?)?;
            last = &[];
        }
        let joint = if session.contains('?') { '&' } else { '?' };
        let target = format!("{session}{joint}digest={digest}");
        ask(connection, ("PUT", &target), OCTETS, Body::Bytes(last), 201)?;
        Ok(())
    }

    fn put_manifest(
        &self,
        connection: &mut Connection,
        reference: &str,
        manifest: &str,
    ) -> Outcome<()> {
        let target = format!("/v2/{}/manifests/{reference}", self.repository);
        let headers = format!("Content-Type: {MEDIA_MANIFEST}\r\n");
        let body = Body::Bytes(manifest.as_bytes());
        ask(connection, ("PUT", &target), &headers, body, 201)?;
        Ok(())
    }
}

/// Sends one request and refuses any other status than `wanted`.
fn ask(
    connection: &mut Connection,
    (method, target): (&str, &str),
    headers: &str,
    body: Body<'_>,
    wanted: u16,
) -> Outcome<RawResponse> {
    let response = connection.ask(&Request {
        method,
        target,
        headers,
        body,
    })?;
    if response.status != wanted {
        return Err(format!("{method} {target}: {} instead of {wanted}", response.status).into());
    }
    Ok(response)
}

/// Whether a HEAD finds something.
fn is_there(connection: &mut Connection, target: &str) -> Outcome<bool> {
    let headers = format!("Accept: {MEDIA_MANIFEST}, */*\r\n");
    let response = connection.ask(&Request {
        method: "HEAD",
        target,
        headers: &headers,
        body: Body::None,
    })?;
    Ok(response.status == 200)
}

fn location(response: RawResponse) -> Outcome<String> {
    response
        .location
        .ok_or_else(|| "an upload was answered without Location".into())
}
