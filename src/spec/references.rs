//! What a stored manifest names, read as leniently as `stored` reads everything else of it, whichever program
//! wrote it: for verification and garbage collection.

use super::digest::{Digest, InvalidDigest};
use super::json::{each_element, members, text};
use super::media_type::MediaType;
use serde_json::value::RawValue;

/// One reference of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoredReference {
    /// A config or a layer, in the repository of the manifest.
    Blob(Digest),
    /// A layer that says where else it is, or that need not be distributed: it may be in the repository.
    ForeignLayer(Digest),
    /// A manifest of an index.
    Child(Digest),
}

/// All references of a stored manifest.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StoredReferences {
    /// Those that can be read, in the order of the manifest. One whose digest has an algorithm that is not supported is left
    /// out.
    pub found: Vec<StoredReference>,
    /// The members that cannot be read, or only in part, each once.
    pub unreadable: Vec<&'static str>,
}

impl StoredReferences {
    /// Reads a manifest or an index, of OCI or of docker in any of its schemas; `None` when the bytes are not a JSON object.
    pub fn read(bytes: &[u8]) -> Option<StoredReferences> {
        let text = text(bytes);
        let names = &["config", "layers", "blobs", "fsLayers", "manifests"];
        let [config, layers, blobs, fs_layers, manifests] = members(&text, names).ok()?;
        let mut references = StoredReferences::default();
        if let Some(config) = config {
            references.add(
                "config",
                descriptor(config.get(), "digest", StoredReference::Blob),
            );
        }
        references.add_list("layers", layers, layer);
        references.add_list("blobs", blobs, layer);
        references.add_list("fsLayers", fs_layers, |element| {
            descriptor(element, "blobSum", StoredReference::Blob)
        });
        references.add_list("manifests", manifests, |element| {
            descriptor(element, "digest", StoredReference::Child)
        });
        Some(references)
    }

    fn add_list(
        &mut self,
        member: &'static str,
        list: Option<&RawValue>,
        read: impl Fn(&str) -> Outcome,
    ) {
        let Some(list) = list else { return };
        if !each_element(list, |element| self.add(member, read(element))) {
            self.add(member, Outcome::Unreadable);
        }
    }

    fn add(&mut self, member: &'static str, outcome: Outcome) {
        match outcome {
            Outcome::Read(reference) => self.found.push(reference),
            Outcome::Unsupported => {}
            Outcome::Unreadable if self.unreadable.contains(&member) => {}
            Outcome::Unreadable => self.unreadable.push(member),
        }
    }
}

/// What became of a descriptor.
enum Outcome {
    Read(StoredReference),
    /// Its digest has an algorithm that is not supported.
    Unsupported,
    Unreadable,
}

fn descriptor(text: &str, member: &'static str, make: fn(Digest) -> StoredReference) -> Outcome {
    let digest = members(text, &[member]).ok().and_then(|[digest]| digest);
    let digest = digest.and_then(|digest| serde_json::from_str::<String>(digest.get()).ok());
    match digest.map(|digest| digest.parse()) {
        Some(Ok(digest)) => Outcome::Read(make(digest)),
        Some(Err(InvalidDigest::Algorithm)) => Outcome::Unsupported,
        Some(Err(_)) | None => Outcome::Unreadable,
    }
}

fn layer(text: &str) -> Outcome {
    match members(text, &["mediaType", "urls"]) {
        Ok([media_type, urls]) if is_foreign(media_type, urls) => {
            descriptor(text, "digest", StoredReference::ForeignLayer)
        }
        _ => descriptor(text, "digest", StoredReference::Blob),
    }
}

fn is_foreign(media_type: Option<&RawValue>, urls: Option<&RawValue>) -> bool {
    let media_type = media_type.and_then(|text| serde_json::from_str::<String>(text.get()).ok());
    let media_type = media_type.and_then(|text| text.parse::<MediaType>().ok());
    let mut has_url = false;
    if let Some(urls) = urls {
        each_element(urls, |_| has_url = true);
    }
    has_url || media_type.is_some_and(|media_type| media_type.is_nondistributable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Algorithm;

    fn digest(seed: &str) -> Digest {
        Algorithm::Sha256.digest(seed.as_bytes())
    }

    #[test]
    fn every_schema_says_what_it_names() {
        let [a, b, c] = ["a", "b", "c"].map(digest);
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        for (text, found) in [
            (
                format!(
                    r#"{{"config":{{"digest":"{a}"}},"layers":[{{"Digest":"{b}","urls":[]}}]}}"#
                ),
                vec![
                    StoredReference::Blob(a.clone()),
                    StoredReference::Blob(b.clone()),
                ],
            ),
            (
                format!(
                    r#"{{"layers":[{{"digest":"{a}","urls":["x"]}},{{"digest":"{b}","urls":null}},
                       {{"mediaType":"{foreign}","digest":"{c}"}}]}}"#
                ),
                vec![
                    StoredReference::ForeignLayer(a.clone()),
                    StoredReference::Blob(b.clone()),
                    StoredReference::ForeignLayer(c.clone()),
                ],
            ),
            (
                format!(
                    r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{a}"}},{{"blobSum":"{a}"}}]}}"#
                ),
                vec![
                    StoredReference::Blob(a.clone()),
                    StoredReference::Blob(a.clone()),
                ],
            ),
            (
                format!(r#"{{"manifests":[{{"digest":"{b}"}}],"blobs":[{{"digest":"{a}"}}]}}"#),
                vec![
                    StoredReference::Blob(a.clone()),
                    StoredReference::Child(b.clone()),
                ],
            ),
            (r#"{"manifests":null,"layers":null}"#.to_owned(), vec![]),
            (r#"{"layers":[{"digest":"sha384:00"}]}"#.to_owned(), vec![]),
        ] {
            let references = StoredReferences::read(text.as_bytes()).unwrap();
            assert_eq!(references.found, found, "{text}");
            assert!(references.unreadable.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_and_hides_nothing_else() {
        let a = digest("a");
        let text = format!(
            r#"{{"config":"x","layers":[1,{{"digest":"{a}"}},{{"digest":"sha256:0"}},{{}}],"manifests":{{}}}}"#
        );
        let references = StoredReferences::read(text.as_bytes()).unwrap();
        assert_eq!(references.found, [StoredReference::Blob(a)]);
        assert_eq!(references.unreadable, ["config", "layers", "manifests"]);
        for none in ["", "[]", "\x1f", "null"] {
            assert_eq!(StoredReferences::read(none.as_bytes()), None);
        }
    }
}
