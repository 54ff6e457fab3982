//! What is pushed: blobs that are new each time and cost this program next to nothing, and small manifests.

use crate::wire::Outcome;
use sha2::{Digest, Sha256};

/// The type of every manifest here.
pub const MEDIA_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MEDIA_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MEDIA_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// What every manifest refers to: a configuration and a layer as small as they can be.
pub const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}"#;
/// The layer.
pub const LAYER: &[u8] = b"a layer";
/// Three numbers of 16 hexadecimal digits end each blob.
const TAIL_BYTES: usize = 48;

/// A blob: a common part, then a tail that is new each time.
#[derive(Clone)]
pub struct Blob {
    content: Vec<u8>,
    /// The running hash of the common part, made once, so that a push costs the server and not us.
    common: Sha256,
    run: u64,
}

impl Blob {
    /// A blob of so many bytes, of which no other run has the like.
    pub fn new(bytes: usize) -> Outcome<Blob> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        let content = vec![0x5a; bytes.max(TAIL_BYTES)];
        let (common, _) = content.split_at(content.len() - TAIL_BYTES);
        Ok(Blob {
            common: Sha256::new_with_prefix(common),
            content,
            run: u64::from_le_bytes(seed),
        })
    }

    /// What is new each time, as hexadecimal digits.
    pub fn name(&self, worker: u64, round: u64) -> String {
        format!("{:016x}{worker:016x}{round:016x}", self.run)
    }

    /// The blob with a new tail, and its digest.
    pub fn next(&mut self, worker: u64, round: u64) -> (&[u8], String) {
        let tail = self.name(worker, round);
        self.content.truncate(self.content.len() - TAIL_BYTES);
        self.content.extend_from_slice(tail.as_bytes());
        let digest = self.common.clone().chain_update(&tail).finalize();
        let digest = format!("sha256:{}", hex::encode(digest));
        (&self.content, digest)
    }

    /// The blob of this size that is the same in every run, and its digest.
    pub fn constant(mut self) -> (Vec<u8>, String) {
        self.run = 0;
        let digest = self.next(0, 0).1;
        (self.content, digest)
    }
}

/// A manifest that the note makes unlike any other, with the digest and length of its subject if it has one.
pub fn manifest(note: &str, subject: Option<(&str, usize)>) -> String {
    let (config, layer) = (digest_of(CONFIG), digest_of(LAYER));
    let subject = subject.map_or(String::new(), |(digest, length)| {
        format!(
            r#","subject":{{"mediaType":"{MEDIA_MANIFEST}","digest":"{digest}","size":{length}}}"#
        )
    });
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MEDIA_MANIFEST}","config":{{"mediaType":"{MEDIA_CONFIG}","digest":"{config}","size":{}}},"layers":[{{"mediaType":"{MEDIA_LAYER}","digest":"{layer}","size":{}}}]{subject},"annotations":{{"bench":"{note}"}}}}"#,
        CONFIG.len(),
        LAYER.len(),
    )
}

/// The digest of some bytes, as a registry writes it.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
