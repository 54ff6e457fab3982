//! Manifests and indexes: what the registry has to know of them (OCI image spec `manifest.md` and
//! `image-index.md`, docker's schema 2). The bytes themselves are kept as they came.

use super::descriptor::{Annotations, Descriptor, null_is_default};
use super::media_type::{
    DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA_1, DOCKER_SCHEMA_1_SIGNED, MediaType, OCI_INDEX,
    OCI_MANIFEST,
};
use super::object;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fmt;

/// Largest manifest by default: what the spec asks registries to support and distribution allows.
pub const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The artifact manifest of a withdrawn draft of the image spec: still pushed by older clients.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// How deep the JSON of a manifest may be nested. The specs need six levels; a reader with a
/// recursive parser must not be brought down by what we stored.
pub const JSON_DEPTH_MAX: usize = 100;

/// The two shapes of a manifest.
#[derive(Debug)]
pub enum Content {
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

/// A checked manifest, as it was pushed.
#[derive(Debug)]
pub struct Manifest {
    /// Its type: the body's `mediaType`, or the request's `Content-Type`, or the shape's OCI type.
    pub media_type: MediaType,
    /// What it names.
    pub content: Content,
    /// The manifest that it refers to.
    pub subject: Option<Descriptor>,
    /// The type of the artifact; for an image without one, the media type of its config.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: Annotations,
}

/// The members that are read. A doubled member is an error, so no two readers can differ.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
struct Members {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    fs_layers: Option<IgnoredAny>,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    annotations: Annotations,
}

impl Manifest {
    /// Checks a manifest on its way in. `content_type` is what the request announced, if anything.
    ///
    /// Errors say in words what is wrong with it: bad JSON, JSON nested over [`JSON_DEPTH_MAX`], a type that
    /// is not supported, a type that differs from the announced one (CVE-2021-41190), the members of
    /// an image and an index together, a missing `config`.
    pub fn parse(bytes: &[u8], content_type: Option<&MediaType>) -> Result<Manifest, Invalid> {
        if json_depth(bytes) > JSON_DEPTH_MAX {
            return Err(Invalid(format!(
                "the JSON is nested more than {JSON_DEPTH_MAX} deep"
            )));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Invalid(format!("bad JSON: it is not UTF-8: {error}")))?;
        let members: Members =
            serde_json::from_str(text).map_err(|error| Invalid(format!("bad JSON: {error}")))?;
        let media_type = members.media_type(content_type)?;
        if members.schema_version == Some(1) || media_type.is_schema_1() {
            return Err(Invalid::new(
                "docker's schema 1 is not accepted: push it as schema 2 or as an OCI manifest",
            ));
        }
        if members.schema_version != Some(2) && media_type.as_str() != OCI_ARTIFACT {
            return Err(Invalid::new("schemaVersion must be 2"));
        }
        members.check_shape()?;
        members.into_manifest(media_type)
    }

    /// Every descriptor that must be in the repository, with the subject left out.
    pub fn references(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, rest) = match &self.content {
            Content::Image { config, layers } => (config.as_ref(), layers),
            Content::Index(manifests) => (None, manifests),
        };
        config.into_iter().chain(rest)
    }
}

impl Members {
    /// Settles the type between the body and the request.
    fn media_type(&self, content_type: Option<&MediaType>) -> Result<MediaType, Invalid> {
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
                return Err(Invalid(format!(
                    "mediaType is {own:?} but the request's Content-Type is {:?}: they must be equal",
                    sent.as_str()
                )));
            }
            (Some(own), _) => own,
            (None, Some(sent)) => sent.as_str(),
            (None, None) => inferred,
        };
        text.parse()
            .map_err(|error| Invalid(format!("mediaType {text:?}: {error}")))
    }

    /// Refuses a manifest that is an image to one reader and an index to another.
    fn check_shape(&self) -> Result<(), Invalid> {
        let image = self.config.is_some() || self.layers.is_some() || self.blobs.is_some();
        if self.manifests.is_some() && image {
            return Err(Invalid::new(
                "an index has `manifests` and none of `config`, `layers`, `blobs`; an image the reverse",
            ));
        }
        if self.fs_layers.is_some() {
            return Err(Invalid::new(
                "`fsLayers` belongs to docker's schema 1, which is not accepted",
            ));
        }
        Ok(())
    }

    fn into_manifest(self, media_type: MediaType) -> Result<Manifest, Invalid> {
        let wrong = |what: &str| Invalid(format!("{} {what}", media_type.as_str()));
        let content = match media_type.as_str() {
            OCI_MANIFEST | DOCKER_MANIFEST => {
                if self.manifests.is_some() {
                    return Err(wrong("must not have `manifests`"));
                }
                let config = Some(self.config.ok_or_else(|| wrong("must have a `config`"))?);
                Content::Image {
                    config,
                    layers: self.layers.unwrap_or_default(),
                }
            }
            OCI_INDEX | DOCKER_LIST => Content::Index(
                self.manifests
                    .ok_or_else(|| wrong("must have `manifests`"))?,
            ),
            OCI_ARTIFACT => Content::Image {
                config: None,
                layers: self.blobs.unwrap_or_default(),
            },
            _ => {
                return Err(Invalid(format!(
                    "media type {:?} is not supported: use one of {OCI_MANIFEST}, {OCI_INDEX}, \
                     {DOCKER_MANIFEST}, {DOCKER_LIST}",
                    media_type.as_str()
                )));
            }
        };
        let own = self.artifact_type.filter(|text| !text.is_empty());
        let of_config = match &content {
            Content::Image {
                config: Some(config),
                ..
            } => Some(config.media_type.clone()),
            _ => None,
        };
        Ok(Manifest {
            media_type,
            content,
            subject: self.subject,
            artifact_type: own.or(of_config),
            annotations: self.annotations,
        })
    }
}

/// The type of a manifest that is already stored, also one that would not be accepted today.
///
/// Distribution does not keep the type beside the bytes either: it is the body's `mediaType`; an OCI
/// manifest may lack it and is told by its shape. `None`: the bytes are no manifest at all.
pub fn stored_media_type(bytes: &[u8]) -> Option<MediaType> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape {
        media_type: Option<String>,
        schema_version: Option<u64>,
        manifests: Option<IgnoredAny>,
        signatures: Option<IgnoredAny>,
    }
    let shape: Shape = serde_json::from_slice(bytes).ok()?;
    let inferred = match shape {
        Shape {
            schema_version: Some(1),
            signatures: Some(_),
            ..
        } => DOCKER_SCHEMA_1_SIGNED,
        Shape {
            schema_version: Some(1),
            ..
        } => DOCKER_SCHEMA_1,
        Shape {
            manifests: Some(_), ..
        } => OCI_INDEX,
        _ => OCI_MANIFEST,
    };
    shape
        .media_type
        .and_then(|own| own.parse().ok())
        .or_else(|| inferred.parse().ok())
}

/// What is wrong with a manifest, in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid(pub String);

impl Invalid {
    fn new(text: &str) -> Invalid {
        Invalid(text.to_owned())
    }
}

impl fmt::Display for Invalid {
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

object::only!(Members);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Algorithm;
    use serde_json::json;

    fn descriptor(text: &str) -> serde_json::Value {
        let digest = Algorithm::Sha256.digest(text.as_bytes());
        json!({"mediaType": "text/plain", "digest": digest, "size": text.len()})
    }

    fn parse(value: serde_json::Value, content_type: Option<&str>) -> Result<Manifest, Invalid> {
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
        assert_eq!(manifest.artifact_type.as_deref(), Some("text/plain"));
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

    #[test]
    fn the_type_of_stored_bytes_is_their_own_or_their_shape() {
        for (text, expected) in [
            (format!("{{\"mediaType\":\"{DOCKER_LIST}\"}}"), DOCKER_LIST),
            ("{\"manifests\":[]}".into(), OCI_INDEX),
            ("{\"config\":{}}".into(), OCI_MANIFEST),
            (
                "{\"schemaVersion\":1,\"signatures\":[]}".into(),
                DOCKER_SCHEMA_1_SIGNED,
            ),
        ] {
            assert_eq!(
                stored_media_type(text.as_bytes()).unwrap().as_str(),
                expected
            );
        }
        assert_eq!(stored_media_type(b"\x1f\x8b"), None);
    }
}
