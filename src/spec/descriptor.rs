//! Descriptors: pointers to content (OCI image spec `descriptor.md`).

use super::digest::Digest;
use super::object;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Annotations, in the order of their keys.
pub type Annotations = BTreeMap<String, String>;

/// A pointer to content.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Descriptor {
    /// What the content is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where else it can be fetched. A layer with such places need not be in the registry.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub urls: Vec<String>,
    /// In an index: what the manifest runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// In a list of referrers: the type of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// In a list of referrers: the manifest's own annotations.
    #[serde(
        default,
        deserialize_with = "annotations",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: Annotations,
}

/// What a manifest in an index runs on, as far as it matters here.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Platform {
    /// As Go's GOARCH.
    #[serde(default, deserialize_with = "null_is_default")]
    pub architecture: String,
    /// As Go's GOOS.
    #[serde(default, deserialize_with = "null_is_default")]
    pub os: String,
}

/// Go writes an empty list or map as `null`.
pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Go reads an annotation `null` as one without text.
pub(super) fn annotations<'de, D: Deserializer<'de>>(reader: D) -> Result<Annotations, D::Error> {
    let read: Option<BTreeMap<String, Option<String>>> = Option::deserialize(reader)?;
    let texts = read.unwrap_or_default().into_iter();
    Ok(texts
        .map(|(name, text)| (name, text.unwrap_or_default()))
        .collect())
}

object::only!(
    Descriptor,
    &[
        "mediaType",
        "digest",
        "size",
        "urls",
        "platform",
        "artifactType",
        "annotations"
    ]
);
object::only!(Platform, &["architecture", "os"]);

impl Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Platform::serialize(self, serializer)
    }
}

impl Serialize for Descriptor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Descriptor::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| serde::de::Error::custom(format!("digest {text:?}: {error}")))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
