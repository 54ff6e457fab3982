//! Descriptors: pointers to content (OCI image spec `descriptor.md`), as they are pushed in a manifest and as
//! they are given in a list of referrers.
//!
//! A manifest may have tens of thousands: of a pushed one no more is kept than is needed later.

use super::digest::Digest;
use super::error::excerpt;
use super::media_type::MediaType;
use super::object;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Annotations, in the order of their keys.
pub type Annotations = BTreeMap<String, String>;

/// A pointer to content in a pushed manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct Descriptor {
    /// Whether the content need not be distributed, by its media type.
    #[serde(default, rename = "mediaType", deserialize_with = "nondistributable")]
    pub is_nondistributable: bool,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where else it can be fetched. A layer with such places need not be in the registry.
    #[serde(default)]
    pub urls: Urls,
    /// In an index: what the manifest runs on.
    #[serde(default)]
    pub platform: Option<Box<Platform>>,
    #[serde(default, rename = "artifactType")]
    _artifact_type: Option<CheckedText>,
    #[serde(default, rename = "annotations")]
    _annotations: Option<CheckedAnnotations>,
}

/// A pointer to a manifest in a list of referrers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferrerDescriptor<'m> {
    /// Its type.
    pub media_type: &'m str,
    /// Its digest.
    pub digest: &'m Digest,
    /// Its length in bytes.
    pub size: u64,
    /// The type of the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<&'m str>,
    /// The manifest's own annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: &'m Annotations,
}

/// Places where content can be fetched.
///
/// They are kept as one text, since tens of thousands of small ones would take many times the memory.
#[derive(Debug, Default)]
pub struct Urls {
    text: String,
    /// Where each ends in the text.
    ends: Vec<u32>,
}

impl Urls {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.text.as_str();
        let mut start = 0;
        self.ends.iter().map(move |end| {
            // Each end is where the text was when it was noted, so they rise and never pass its end.
            let (url, after) = rest.split_at((end - start) as usize);
            (rest, start) = (after, *end);
            url
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Urls, D::Error> {
        struct UrlsVisitor(Urls);

        impl<'de> Visitor<'de> for UrlsVisitor {
            type Value = Urls;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an array of texts")
            }

            fn visit_unit<E>(self) -> Result<Urls, E> {
                Ok(self.0)
            }

            fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<Urls, A::Error> {
                while let Some(url) = array.next_element::<Text<'de>>()? {
                    self.0.text.push_str(&url.0);
                    let end = u32::try_from(self.0.text.len()).map_err(serde::de::Error::custom)?;
                    self.0.ends.push(end);
                }
                Ok(self.0)
            }
        }

        deserializer.deserialize_any(UrlsVisitor(Urls::default()))
    }
}

/// A text, borrowed where it can be.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'t>(#[serde(borrow)] std::borrow::Cow<'t, str>);

/// A string of which nothing is kept.
#[derive(Debug)]
pub(super) struct CheckedText;

impl<'de> Deserialize<'de> for CheckedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CheckedText, D::Error> {
        Text::deserialize(deserializer).map(|_| CheckedText)
    }
}

/// Annotations of which nothing is kept: an object of strings, where Go reads `null` as an empty one.
#[derive(Debug)]
pub(super) struct CheckedAnnotations;

impl<'de> Deserialize<'de> for CheckedAnnotations {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<CheckedAnnotations, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = CheckedAnnotations;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map
                    .next_entry::<CheckedText, Option<CheckedText>>()?
                    .is_some()
                {}
                Ok(CheckedAnnotations)
            }
        }

        reader.deserialize_map(Map)
    }
}

fn nondistributable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = Option::<Text<'de>>::deserialize(deserializer)?;
    let media_type = text.and_then(|text| text.0.parse::<MediaType>().ok());
    Ok(media_type.is_some_and(|media_type| media_type.is_nondistributable()))
}

/// What a manifest in an index runs on, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        text.parse().map_err(|error| {
            let text = excerpt(&text, 200);
            serde::de::Error::custom(format!("digest {text:?}: {error}"))
        })
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
