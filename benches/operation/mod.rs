//! The operations the load generator times, each as a registry's client does it (OCI distribution-spec
//! "Endpoints"), and what must be in the registry before.

use crate::wire::{Connection, Outcome, RawResponse, Request};
use sha2::{Digest, Sha256};

const MEDIA_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MEDIA_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MEDIA_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// What every manifest refers to: a configuration and a layer as small as they can be.
const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}"#;
const LAYER: &[u8] = b"a layer";
/// Three numbers of 16 hexadecimal digits end each pushed blob.
const TAIL_BYTES: usize = 48;
const OCTETS: &str = "Content-Type: application/octet-stream\r\n";

/// One kind of request, or of several that belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `GET /v2/`.
    Ping,
    /// GET of one blob, always the same.
    Pull,
    /// A new blob: POST and PUT, or POST, PATCH and PUT.
    Push,
    /// GET of one manifest by tag.
    ManifestGet,
    /// PUT of a new manifest under a new tag.
    ManifestPut,
    /// The first page of a repository's tags.
    Tags,
    /// The first page of the catalog.
    Catalog,
    /// GET of a path, of any server.
    Get,
}

impl Operation {
    /// The operation of that name, as the command line gives it.
    pub fn parse(word: &str) -> Option<Self> {
        use Operation::*;
        [
            Ping,
            Pull,
            Push,
            ManifestGet,
            ManifestPut,
            Tags,
            Catalog,
            Get,
        ]
        .into_iter()
        .find(|operation| operation.name() == word)
    }

    /// Its name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Ping => "ping",
            Operation::Pull => "pull",
            Operation::Push => "push",
            Operation::ManifestGet => "manifest-get",
            Operation::ManifestPut => "manifest-put",
            Operation::Tags => "tags",
            Operation::Catalog => "catalog",
            Operation::Get => "get",
        }
    }
}

/// What is to be timed, before anything was sent.
pub struct Plan {
    /// The operation.
    pub operation: Operation,
    /// The repository it works in.
    pub repository: String,
    /// The path of [`Operation::Get`].
    pub path: String,
    /// A blob's size in bytes.
    pub blob_bytes: usize,
    /// The size of a PATCH in bytes; 0 sends the blob in the PUT.
    pub chunk_bytes: usize,
    /// So many tags or repositories are made before.
    pub fill: u64,
    /// Entries a page.
    pub page: u64,
}

/// A plan whose blobs, manifests and tags are in the registry; each connection works on a clone.
#[derive(Clone)]
pub struct Ready {
    operation: Operation,
    repository: String,
    target: String,
    chunk_bytes: usize,
    /// What is pushed: a common part, then a tail that is new each time.
    content: Vec<u8>,
    /// The running hash of the common part, made once, so that a push costs the server and not us.
    common: Sha256,
    run: u64,
}

impl Plan {
    /// Puts into the registry what the operation needs.
    pub fn prepare(&self, connection: &mut Connection) -> Outcome<Ready> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        let content = vec![0x5a; self.blob_bytes.max(TAIL_BYTES)];
        let (common, _) = content.split_at(content.len() - TAIL_BYTES);
        let mut ready = Ready {
            operation: self.operation,
            repository: self.repository.clone(),
            target: String::new(),
            chunk_bytes: self.chunk_bytes,
            common: Sha256::new_with_prefix(common),
            content,
            run: u64::from_le_bytes(seed),
        };
        let repository = &self.repository;
        ready.target = match self.operation {
            Operation::Ping => "/v2/".to_owned(),
            Operation::Get => self.path.clone(),
            Operation::Push => String::new(),
            Operation::Pull => {
                let digest = ready.push(connection, u64::MAX, 0)?;
                format!("/v2/{repository}/blobs/{digest}")
            }
            Operation::Catalog => {
                for number in 0..self.fill {
                    ready.repository = format!("{repository}/filled-{number:06}");
                    ready.fill_tags(connection, 1)?;
                }
                ready.repository.clone_from(repository);
                format!("/v2/_catalog?n={}", self.page)
            }
            Operation::Tags | Operation::ManifestGet | Operation::ManifestPut => {
                ready.fill_tags(connection, self.fill.max(1))?;
                match self.operation {
                    Operation::Tags => format!("/v2/{repository}/tags/list?n={}", self.page),
                    _ => format!("/v2/{repository}/manifests/fill-000000"),
                }
            }
        };
        Ok(ready)
    }
}

impl Ready {
    /// Does the operation once; `worker` and `round` make what is pushed new. Returns the bytes of
    /// content that went either way.
    pub fn run(&mut self, connection: &mut Connection, worker: u64, round: u64) -> Outcome<u64> {
        match self.operation {
            Operation::Push => {
                self.push(connection, worker, round)?;
                Ok(self.content.len() as u64)
            }
            Operation::ManifestPut => {
                let tag = format!("put-{:016x}-{worker}-{round}", self.run);
                self.put_manifest(connection, &tag)
            }
            Operation::ManifestGet => {
                let accept = format!("Accept: {MEDIA_MANIFEST}\r\n");
                Ok(ask(connection, ("GET", &self.target), &accept, b"", 200)?.body_bytes)
            }
            _ => {
                // See `Connection::skip_records`; a handshake is little beside a blob.
                let bulk = matches!(self.operation, Operation::Get | Operation::Pull);
                let last = match bulk && connection.is_secure() {
                    true => "Connection: close\r\n",
                    false => "",
                };
                Ok(ask(connection, ("GET", &self.target), last, b"", 200)?.body_bytes)
            }
        }
    }

    /// Pushes the content with a new tail; returns its digest.
    fn push(&mut self, connection: &mut Connection, worker: u64, round: u64) -> Outcome<String> {
        let tail = format!("{:016x}{worker:016x}{round:016x}", self.run);
        self.content.truncate(self.content.len() - TAIL_BYTES);
        self.content.extend_from_slice(tail.as_bytes());
        let digest = self.common.clone().chain_update(&tail).finalize();
        let digest = format!("sha256:{}", hex::encode(digest));
        self.push_blob(connection, &self.content, &digest)?;
        Ok(digest)
    }

    fn push_blob(&self, connection: &mut Connection, blob: &[u8], digest: &str) -> Outcome<()> {
        let uploads = format!("/v2/{}/blobs/uploads/", self.repository);
        let mut session = location(ask(connection, ("POST", &uploads), "", b"", 202)?)?;
        let mut last = blob;
        if self.chunk_bytes > 0 {
            for chunk in blob.chunks(self.chunk_bytes) {
                session = location(ask(connection, ("PATCH", &session), OCTETS, chunk, 202)?)?;
            }
            last = &[];
        }
        let joint = if session.contains('?') { '&' } else { '?' };
        let target = format!("{session}{joint}digest={digest}");
        ask(connection, ("PUT", &target), OCTETS, last, 201)?;
        Ok(())
    }

    /// Pushes the two blobs of [`Ready::put_manifest`] and that manifest under `count` tags.
    fn fill_tags(&self, connection: &mut Connection, count: u64) -> Outcome<()> {
        for blob in [CONFIG, LAYER] {
            self.push_blob(connection, blob, &digest_of(blob))?;
        }
        for number in 0..count {
            self.put_manifest(connection, &format!("fill-{number:06}"))?;
        }
        Ok(())
    }

    /// Puts a manifest whose bytes the tag makes its own.
    fn put_manifest(&self, connection: &mut Connection, tag: &str) -> Outcome<u64> {
        let (config, layer) = (digest_of(CONFIG), digest_of(LAYER));
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MEDIA_MANIFEST}","config":{{"mediaType":"{MEDIA_CONFIG}","digest":"{config}","size":{}}},"layers":[{{"mediaType":"{MEDIA_LAYER}","digest":"{layer}","size":{}}}],"annotations":{{"bench":"{tag}"}}}}"#,
            CONFIG.len(),
            LAYER.len(),
        );
        let target = format!("/v2/{}/manifests/{tag}", self.repository);
        let headers = format!("Content-Type: {MEDIA_MANIFEST}\r\n");
        ask(
            connection,
            ("PUT", &target),
            &headers,
            manifest.as_bytes(),
            201,
        )?;
        Ok(manifest.len() as u64)
    }
}

/// Sends one request and refuses any other status than `wanted`.
fn ask(
    connection: &mut Connection,
    (method, target): (&str, &str),
    headers: &str,
    body: &[u8],
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

fn location(response: RawResponse) -> Outcome<String> {
    response
        .location
        .ok_or_else(|| "an upload was answered without Location".into())
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
