//! Media types (RFC 6838) and those that the registry knows by name.

use std::fmt;
use std::str::FromStr;

/// Longest media type, in bytes: type and subtype of 127 each (RFC 6838, 4.2).
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// A media type without parameters: `type/subtype`, in the case that it was written in.
///
/// It contains no white space and no control character: what one client pushed is sent to
/// every client that pulls, as a header.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MediaType(Box<str>);

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image manifest, schema 1; unsigned.
pub const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// Docker image manifest, schema 1; signed.
pub const DOCKER_SCHEMA_1_SIGNED: &str =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// What a blob is served as: its true type is known only to the manifests that name it.
pub const OCTET_STREAM: &str = "application/octet-stream";
/// Docker's layers that are fetched from the `urls` of their descriptor.
pub const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";
/// OCI's layers that need not be distributed (deprecated in image spec 1.1, still in use).
pub const OCI_NONDISTRIBUTABLE_LAYER: &str = "application/vnd.oci.image.layer.nondistributable";

impl MediaType {
    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether layers of this type are not expected to be in the registry.
    pub fn is_nondistributable(&self) -> bool {
        self.0.starts_with(DOCKER_FOREIGN_LAYER) || self.0.starts_with(OCI_NONDISTRIBUTABLE_LAYER)
    }

    /// Whether this is one of docker's schema 1 manifests.
    pub fn is_schema_1(&self) -> bool {
        [DOCKER_SCHEMA_1, DOCKER_SCHEMA_1_SIGNED].contains(&self.as_str())
    }
}

impl FromStr for MediaType {
    type Err = InvalidMediaType;

    /// Parses a header; parameters (`; charset=...`) are cut off, as the spec asks.
    fn from_str(text: &str) -> Result<MediaType, InvalidMediaType> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let is_token = |part: &str| {
            let is_right =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*'`|~%".contains(&byte);
            !part.is_empty() && part.bytes().all(is_right)
        };
        match essence.split_once('/') {
            Some((kind, subtype))
                if essence.len() <= MEDIA_TYPE_BYTES_MAX && is_token(kind) && is_token(subtype) =>
            {
                Ok(MediaType(essence.into()))
            }
            _ => Err(InvalidMediaType),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The text is not a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMediaType;

impl fmt::Display for InvalidMediaType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "a media type is written type/subtype, at most {MEDIA_TYPE_BYTES_MAX} characters"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_loses_its_parameters_and_holds_no_line_end() {
        let parsed: MediaType = "application/json; charset=utf-8".parse().unwrap();
        assert_eq!(parsed.as_str(), "application/json");
        let long = format!("a/{}", "b".repeat(254));
        for wrong in [
            "",
            "json",
            "/json",
            "a/",
            "a/b/c",
            "a/b\nc: d",
            "a/b c",
            "a/\u{e9}",
            &long,
        ] {
            assert_eq!(wrong.parse::<MediaType>(), Err(InvalidMediaType), "{wrong}");
        }
    }

    #[test]
    fn foreign_layers_are_known_with_any_compression() {
        for text in [
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        ] {
            assert!(text.parse::<MediaType>().unwrap().is_nondistributable());
        }
    }
}
