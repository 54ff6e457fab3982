//! Real content to push: bytes of any length, layers, images, indexes and artifacts.

use super::registry::{RawResponse, TestRegistry};
use registry::spec::Algorithm;
use registry::spec::media_type::{OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

/// Bytes that no compression shortens; the same for the same seed.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The sha256 digest, as text.
pub fn sha256(bytes: &[u8]) -> String {
    Algorithm::Sha256.digest(bytes).to_string()
}

/// The sha512 digest, as text.
pub fn sha512(bytes: &[u8]) -> String {
    Algorithm::Sha512.digest(bytes).to_string()
}

/// A descriptor of bytes.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes), "size": bytes.len()})
}

/// The layer that [`TestRegistry::push_image`] pushes for a seed.
pub fn layer(seed: u64) -> Vec<u8> {
    bytes(seed, 10_000)
}

/// The config that [`TestRegistry::push_image`] pushes for a seed.
pub fn config(seed: u64) -> Vec<u8> {
    json!({"architecture": "amd64", "os": "linux", "seed": seed})
        .to_string()
        .into_bytes()
}

/// An image of one layer.
pub fn image(seed: u64) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config(seed)),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer(seed))],
    })
}

/// An index of manifests, one a platform.
pub fn index(manifests: &[(&str, &Value)]) -> Value {
    let child = |(architecture, manifest): &(&str, &Value)| {
        let mut child = descriptor(OCI_MANIFEST, manifest.to_string().as_bytes());
        child["platform"] = json!({"os": "linux", "architecture": architecture});
        child
    };
    let manifests: Vec<Value> = manifests.iter().map(child).collect();
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
}

/// An artifact that refers to a manifest.
pub fn artifact(seed: u64, artifact_type: &str, subject: &Value) -> Value {
    let mut artifact = image(seed);
    artifact["artifactType"] = json!(artifact_type);
    artifact["annotations"] = json!({"seed": seed.to_string()});
    let media_type = subject["mediaType"].as_str().unwrap();
    artifact["subject"] = descriptor(media_type, subject.to_string().as_bytes());
    artifact
}

impl TestRegistry {
    /// Pushes a blob by POST and PUT; gives its digest.
    pub fn push_blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let started = self.post(&format!("/v2/{name}/blobs/uploads/")).expect(202);
        let location = format!("{}&digest={digest}", started.header("Location"));
        let created = self.put(
            &location,
            &[("Content-Type", "application/octet-stream")],
            bytes,
        );
        created.expect(201);
        digest
    }

    /// Puts a manifest by tag or digest, whatever comes of it.
    pub fn put_manifest(&self, name: &str, reference: &str, manifest: &Value) -> RawResponse {
        let content_type = manifest["mediaType"].as_str().unwrap_or(OCI_MANIFEST);
        let path = format!("/v2/{name}/manifests/{reference}");
        self.put(
            &path,
            &[("Content-Type", content_type)],
            manifest.to_string().as_bytes(),
        )
    }

    /// Pushes what an image or artifact of a seed needs.
    pub fn push_parts(&self, name: &str, seed: u64) {
        self.push_blob(name, &config(seed));
        self.push_blob(name, &layer(seed));
    }

    /// Pushes a whole image; gives the digest of its manifest.
    pub fn push_image(&self, name: &str, tag: &str, seed: u64) -> String {
        self.push_parts(name, seed);
        let manifest = image(seed);
        self.put_manifest(name, tag, &manifest).expect(201);
        sha256(manifest.to_string().as_bytes())
    }
}
