//! Manifests and indexes: what the registry has to know of them (OCI image spec `manifest.md` and
//! `image-index.md`, docker's schema 2). The bytes themselves are kept as they came.

use super::descriptor::{CheckedAnnotations, CheckedText, Descriptor};
use super::error::excerpt;
use super::json;
use super::media_type::{DOCKER_LIST, DOCKER_MANIFEST, MediaType, OCI_INDEX, OCI_MANIFEST};
use super::{object, stored};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fmt;

/// Largest manifest by default: what the spec asks registries to support and distribution allows.
pub const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The artifact manifest of a withdrawn draft of the image spec: still pushed by older clients.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// How deep the JSON of a manifest may be nested. The specs need six levels; a client with a
/// recursive parser must not crash on what we stored.
pub const JSON_DEPTH_MAX: usize = 100;

/// The two shapes of a manifest.
#[derive(Debug)]
pub enum ManifestContent {
    /// An image or artifact: a config (absent in the withdrawn artifact manifest) and layers.
    Image {
        /// The config.
        config: Option<Descriptor>,
        /// The layers; `blobs` in the withdrawn artifact manifest.
        layers: Vec<Descriptor>,
    },
    /// An index or docker's manifest list: further manifests.
    Index(Vec<Descriptor>),
}

/// What a pushed manifest says.
#[derive(Debug)]
pub struct Manifest {
    /// Its type: the body's `mediaType`, or the request's `Content-Type`, or the shape's OCI type.
    pub media_type: MediaType,
    /// What it names.
    pub content: ManifestContent,
    /// The manifest that it refers to.
    pub subject: Option<Descriptor>,
}

/// The members that are read; `null` means absent. A duplicate member is an error, so that no two readers can
/// disagree. What starts with an underscore is only checked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
struct ManifestMembers {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<IgnoredAny>,
    subject: Option<Descriptor>,
    #[serde(rename = "artifactType")]
    _artifact_type: Option<CheckedText>,
    #[serde(rename = "annotations")]
    _annotations: Option<CheckedAnnotations>,
}

const NAMES: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "blobs",
    "manifests",
    "fsLayers",
    "subject",
    "artifactType",
    "annotations",
];

impl Manifest {
    /// Checks a manifest on its way in. `content_type` is what the request announced, if anything.
    ///
    /// Errors say in words what is wrong with it: bad JSON, JSON nested over [`JSON_DEPTH_MAX`], a type that
    /// is not supported, a type that differs from the announced one (CVE-2021-41190), one that could not be
    /// recognized from the bytes again, the members of an image and an index together, a missing `config`.
    pub fn parse(
        bytes: &[u8],
        content_type: Option<&MediaType>,
    ) -> Result<Manifest, InvalidManifest> {
        if json_depth(bytes) > JSON_DEPTH_MAX {
            return Err(InvalidManifest(format!(
                "the JSON is nested more than {JSON_DEPTH_MAX} deep"
            )));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| InvalidManifest(format!("bad JSON: it is not UTF-8: {error}")))?;
        let members: ManifestMembers =
            serde_json::from_str(&json::replace_lone_surrogates(text))
                .map_err(|error| InvalidManifest(format!("bad JSON: {error}")))?;
        let media_type = members.media_type(content_type)?;
        if members.schema_version == Some(1) || media_type.is_schema_1() {
            return Err(InvalidManifest::new(
                "docker's schema 1 is not supported: push it as schema 2 or as an OCI manifest",
            ));
        }
        if members.schema_version != Some(2) && media_type.as_str() != OCI_ARTIFACT {
            return Err(InvalidManifest::new("schemaVersion must be 2"));
        }
        members.check_shape()?;
        let manifest = members.into_manifest(media_type)?;
        manifest.check_served_type(bytes)?;
        Ok(manifest)
    }

    /// Rejects what could not be served with the type it was pushed with: the type is not kept next to the
    /// bytes, so they must show it.
    fn check_served_type(&self, bytes: &[u8]) -> Result<(), InvalidManifest> {
        let (came, served) = (&self.media_type, stored::media_type(bytes));
        match served {
            Some(served) if served == *came => Ok(()),
            served => Err(InvalidManifest(format!(
                "its mediaType is missing, and it would be served as {}, not as the {came} that \
                 Content-Type says: add \"mediaType\": \"{came}\" to it",
                served.as_ref().map_or("nothing", MediaType::as_str),
            ))),
        }
    }

    /// Every descriptor in it but that of the subject.
    pub fn references(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, rest) = match &self.content {
            ManifestContent::Image { config, layers } => (config.as_ref(), layers),
            ManifestContent::Index(manifests) => (None, manifests),
        };
        config.into_iter().chain(rest)
    }
}

impl ManifestMembers {
    /// Determines the type from the body and the request.
    fn media_type(&self, content_type: Option<&MediaType>) -> Result<MediaType, InvalidManifest> {
        let inferred = if self.manifests.is_some() {
            OCI_INDEX
        } else {
            OCI_MANIFEST
        };
        let text = match (
            self.media_type.as_deref().filter(|own| !own.is_empty()),
            content_type,
        ) {
            (Some(own), Some(sent)) if own != sent.as_str() => {
                return Err(InvalidManifest(format!(
                    "mediaType is {:?} but the request's Content-Type is {:?}: they must be equal",
                    excerpt(own, 300),
                    sent.as_str()
                )));
            }
            (Some(own), _) => own,
            (None, Some(sent)) => sent.as_str(),
            (None, None) => inferred,
        };
        text.parse().map_err(|error| {
            InvalidManifest(format!("mediaType {:?}: {error}", excerpt(text, 300)))
        })
    }

    fn is_image(&self) -> bool {
        self.config.is_some() || self.layers.is_some() || self.blobs.is_some()
    }

    /// Rejects a manifest that is an image to one reader and an index to another.
    fn check_shape(&self) -> Result<(), InvalidManifest> {
        if self.manifests.is_some() && self.is_image() {
            return Err(InvalidManifest::new(
                "an index has `manifests` and none of `config`, `layers`, `blobs`; an image the reverse",
            ));
        }
        if self.fs_layers.is_some() {
            return Err(InvalidManifest::new(
                "`fsLayers` belongs to docker's schema 1, which is not supported",
            ));
        }
        Ok(())
    }

    fn into_manifest(self, media_type: MediaType) -> Result<Manifest, InvalidManifest> {
        let wrong = |what: &str| InvalidManifest(format!("{} {what}", media_type.as_str()));
        let content = match media_type.as_str() {
            OCI_MANIFEST | DOCKER_MANIFEST => {
                if self.manifests.is_some() {
                    return Err(wrong("must not have `manifests`"));
                }
                let config = Some(self.config.ok_or_else(|| wrong("must have a `config`"))?);
                ManifestContent::Image {
                    config,
                    layers: self.layers.unwrap_or_default(),
                }
            }
            // Go writes an index that names nothing as `"manifests": null`, or without it.
            OCI_INDEX | DOCKER_LIST => match self.manifests {
                None if self.is_image() => return Err(wrong("must have `manifests`")),
                manifests => ManifestContent::Index(manifests.unwrap_or_default()),
            },
            OCI_ARTIFACT => ManifestContent::Image {
                config: None,
                layers: self.blobs.unwrap_or_default(),
            },
            _ => {
                return Err(InvalidManifest(format!(
                    "media type {:?} is not supported: use one of {OCI_MANIFEST}, {OCI_INDEX}, \
                     {DOCKER_MANIFEST}, {DOCKER_LIST}",
                    media_type.as_str()
                )));
            }
        };
        Ok(Manifest {
            media_type,
            content,
            subject: self.subject,
        })
    }
}

/// What is wrong with a manifest, in words.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidManifest(pub String);

impl InvalidManifest {
    fn new(text: &str) -> InvalidManifest {
        InvalidManifest(text.to_owned())
    }
}

impl fmt::Display for InvalidManifest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How deep brackets are nested outside of strings; exact for valid JSON.
fn json_depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

object::only!(ManifestMembers, NAMES);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Algorithm;
    use serde_json::json;

    fn descriptor(text: &str) -> serde_json::Value {
        let digest = Algorithm::Sha256.digest(text.as_bytes());
        json!({"mediaType": "text/plain", "digest": digest, "size": text.len()})
    }

    fn parse(
        value: serde_json::Value,
        content_type: Option<&str>,
    ) -> Result<Manifest, InvalidManifest> {
        let content_type = content_type.map(|text| text.parse().unwrap());
        Manifest::parse(value.to_string().as_bytes(), content_type.as_ref())
    }

    #[test]
    fn an_image_names_its_config_and_layers_but_not_its_subject() {
        let manifest = parse(
            json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor("c"),
                   "layers": [descriptor("l")], "subject": descriptor("s"), "annotations": null}),
            Some(OCI_MANIFEST),
        )
        .unwrap();
        assert_eq!(manifest.references().count(), 2);
        assert!(manifest.subject.is_some());
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let config = descriptor("c");
        for (value, content_type, why) in [
            (
                json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": []}),
                None,
                "reverse",
            ),
            (
                json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config}),
                Some(OCI_INDEX),
                "equal",
            ),
            (
                json!({"schemaVersion": 2, "manifests": []}),
                Some(OCI_MANIFEST),
                "must not have",
            ),
            (
                json!({"schemaVersion": 2, "layers": []}),
                None,
                "must have a `config`",
            ),
            (
                json!({"schemaVersion": 2, "config": config}),
                Some("text/plain"),
                "not supported",
            ),
            (
                json!({"schemaVersion": 1, "fsLayers": []}),
                None,
                "schema 1",
            ),
            (json!({"config": config}), None, "schemaVersion"),
            (
                json!({"schemaVersion": 2, "config": {"digest": "sha256:0", "size": 1}}),
                None,
                "lower-case hex",
            ),
            (json!([]), None, "bad JSON"),
        ] {
            let error = parse(value.clone(), content_type).unwrap_err();
            assert!(error.0.contains(why), "{value}: {error}");
        }
        let doubled = br#"{"schemaVersion":2,"mediaType":"a/b","mediaType":"c/d"}"#;
        assert!(
            Manifest::parse(doubled, None)
                .unwrap_err()
                .0
                .contains("duplicate")
        );
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert!(
            Manifest::parse(deep.as_bytes(), None)
                .unwrap_err()
                .0
                .contains("nested")
        );
        assert_eq!(json_depth(br#"{"a":"[[\"[","b":[{}]}"#), 3);
    }
}
