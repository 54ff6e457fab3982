//! What is read of stored manifests: also of those that other writers of the layout accepted and
//! that would be rejected today. They are parsed as leniently as those writers did (see `json`), each member by itself,
//! so that a mistake in one hides no other.

use super::descriptor::Annotations;
use super::digest::Digest;
use super::json::{each_element, members, text};
use super::media_type::{
    DOCKER_SCHEMA_1, DOCKER_SCHEMA_1_SIGNED, MediaType, OCI_INDEX, OCI_MANIFEST,
};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

/// The type of a stored manifest.
///
/// As in distribution, the type is not kept next to the bytes: it is the body's `mediaType`; an OCI
/// manifest may lack it and is recognized by its shape. `None`: the bytes are not a manifest.
pub fn media_type(bytes: &[u8]) -> Option<MediaType> {
    let text = text(bytes);
    let names = &["mediaType", "schemaVersion", "manifests", "signatures"];
    let [own, schema, manifests, signatures] = members(&text, names).ok()?;
    if let Some(own) = own.and_then(string).and_then(|own| own.parse().ok()) {
        return Some(own);
    }
    let is_schema_1 = schema.is_some_and(|schema| schema.get() == "1");
    let inferred = match (is_schema_1, signatures, manifests) {
        (true, Some(_), _) => DOCKER_SCHEMA_1_SIGNED,
        (true, None, _) => DOCKER_SCHEMA_1,
        (false, _, Some(_)) => OCI_INDEX,
        (false, _, None) => OCI_MANIFEST,
    };
    inferred.parse().ok()
}

/// The digest of the manifest that a stored one refers to, if it says so in a way that can be read.
pub fn subject(bytes: &[u8]) -> Option<Digest> {
    let text = text(bytes);
    let [subject] = members(&text, &["subject"]).ok()?;
    member(subject?, "digest").flatten()?.parse().ok()
}

/// What a manifest says of itself in a list of referrers.
#[derive(Debug, PartialEq)]
pub struct Referrer {
    /// The digest of the manifest that it refers to.
    pub subject: Option<Digest>,
    /// The type of the artifact; for an image without one, the media type of its config.
    pub artifact_type: Option<String>,
    /// Its annotations, without those that are not strings.
    pub annotations: Annotations,
    /// The members that are there and could not be read, or only in part.
    pub unreadable: Vec<&'static str>,
}

impl Referrer {
    /// Reads a manifest; `None` when the bytes are not a JSON object.
    pub fn read(bytes: &[u8]) -> Option<Referrer> {
        let text = text(bytes);
        let names = &["subject", "artifactType", "config", "annotations"];
        let [subject, own, config, annotations] = members(&text, names).ok()?;
        let mut unreadable = Vec::new();
        let mut note = |member, is_read: bool| {
            if !is_read {
                unreadable.push(member);
            }
        };
        let digest = subject.map(|subject| member(subject, "digest"));
        let digest = digest.map(|text| text.flatten().and_then(|text| text.parse().ok()));
        note("subject", !matches!(digest, Some(None)));
        let own = own.map(string);
        note("artifactType", !matches!(own, Some(None)));
        let config = config.map(|config| member(config, "mediaType"));
        note("config", !matches!(config, Some(None)));
        let annotations = annotations.map(read_annotations).unwrap_or_default();
        note("annotations", annotations.is_whole);
        let own = own.flatten().filter(|own| !own.is_empty());
        Some(Referrer {
            subject: digest.flatten(),
            artifact_type: own.or_else(|| config.flatten().flatten()),
            annotations: annotations.read,
            unreadable,
        })
    }
}

/// A manifest that an index names.
#[derive(Debug, PartialEq)]
pub struct Child {
    /// Its digest.
    pub digest: Digest,
    /// Its media type, as far as it says.
    pub media_type: Option<String>,
    /// What it runs on, as Go's GOOS and GOARCH.
    pub platform: Option<(String, String)>,
}

/// The first of the manifests that a stored index names for which `is_wanted` holds. Those without a readable digest are left out.
pub fn find_child(bytes: &[u8], is_wanted: impl Fn(&Child) -> bool) -> Option<Child> {
    let text = text(bytes);
    let [list] = members(&text, &["manifests"]).ok()?;
    let mut found = None;
    let is_array = each_element(list?, |element| {
        if found.is_none() {
            found = child(element).filter(|child| is_wanted(child));
        }
    });
    found.filter(|_| is_array)
}

fn child(descriptor: &str) -> Option<Child> {
    let names = &["digest", "mediaType", "platform"];
    let [digest, media_type, platform] = members(descriptor, names).ok()?;
    let platform = platform.and_then(|platform| {
        let [os, architecture] = members(platform.get(), &["os", "architecture"]).ok()?;
        let word = |value: Option<&RawValue>| value.and_then(string).unwrap_or_default();
        Some((word(os), word(architecture)))
    });
    Some(Child {
        digest: digest.and_then(string)?.parse().ok()?,
        media_type: media_type.and_then(string),
        platform,
    })
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// A string in an object: `None` when it is not an object or the member not a string, `Some(None)` when it has
/// none.
fn member(object: &RawValue, name: &'static str) -> Option<Option<String>> {
    match members(object.get(), &[name]).ok()? {
        [None] => Some(None),
        [Some(value)] => string(value).map(Some),
    }
}

/// Annotations, and whether all of them could be read.
struct Loose {
    read: Annotations,
    is_whole: bool,
}

impl Default for Loose {
    fn default() -> Loose {
        Loose {
            read: Annotations::new(),
            is_whole: true,
        }
    }
}

fn read_annotations(value: &RawValue) -> Loose {
    serde_json::from_str(value.get()).unwrap_or(Loose {
        is_whole: false,
        ..Loose::default()
    })
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Loose, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = Loose;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                let mut loose = Loose::default();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    // Go reads `null` as the empty string.
                    match serde_json::from_str::<Option<String>>(value.get()) {
                        Ok(text) => drop(loose.read.insert(name, text.unwrap_or_default())),
                        Err(_) => loose.is_whole = false,
                    }
                }
                Ok(loose)
            }
        }

        reader.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Algorithm;
    use crate::spec::media_type::DOCKER_LIST;

    #[test]
    fn the_type_is_the_bodys_own_or_the_one_of_its_shape() {
        for (text, expected) in [
            (format!("{{\"mediaType\":\"{DOCKER_LIST}\"}}"), DOCKER_LIST),
            (
                format!("{{\"mediaType\":\"a/b\",\"MediaType\":\"{DOCKER_LIST}\"}}"),
                DOCKER_LIST,
            ),
            ("{\"manifests\":[]}".into(), OCI_INDEX),
            ("{\"manifests\":null}".into(), OCI_MANIFEST),
            ("{\"config\":{}}".into(), OCI_MANIFEST),
            (
                "{\"mediaType\":5,\"schemaVersion\":\"2\"}".into(),
                OCI_MANIFEST,
            ),
            (
                "{\"schemaVersion\":1,\"signatures\":[]}".into(),
                DOCKER_SCHEMA_1_SIGNED,
            ),
            ("{\"schemaVersion\":1}".into(), DOCKER_SCHEMA_1),
        ] {
            let found = media_type(text.as_bytes()).unwrap();
            assert_eq!(found.as_str(), expected, "{text}");
        }
        for wrong in [&b"\x1f\x8b"[..], b"", b"[]", b"null", b"{", b"{}{}"] {
            assert_eq!(media_type(wrong), None);
        }
    }

    #[test]
    fn a_mistake_in_one_member_hides_no_other() {
        let digest = Algorithm::Sha256.digest(b"subject");
        let subject = format!("\"subject\":{{\"digest\":\"{digest}\",\"size\":1.5}}");
        let read = |rest: &str| Referrer::read(format!("{{{subject}{rest}}}").as_bytes()).unwrap();
        for (rest, artifact_type, annotations, unreadable) in [
            ("", None, "{}", &[][..]),
            (
                r#","annotations":null,"artifactType":null"#,
                None,
                "{}",
                &[],
            ),
            (r#","annotations":{"a":null}"#, None, r#"{"a":""}"#, &[]),
            (
                r#","annotations":{"a":1,"b":"c"}"#,
                None,
                r#"{"b":"c"}"#,
                &["annotations"],
            ),
            (r#","annotations":[]"#, None, "{}", &["annotations"]),
            (
                r#","annotations":{"a":"\ud83d"}"#,
                None,
                "{\"a\":\"\u{fffd}\"}",
                &[],
            ),
            (r#","ArtifactType":"a/b""#, Some("a/b"), "{}", &[]),
            (
                r#","artifactType":"","config":{"mediaType":"c/d"}"#,
                Some("c/d"),
                "{}",
                &[],
            ),
            (
                r#","artifactType":5,"config":{"mediaType":"c/d"}"#,
                Some("c/d"),
                "{}",
                &["artifactType"],
            ),
            (r#","config":{"mediaType":null}"#, None, "{}", &[]),
            (r#","config":"c","layers":7"#, None, "{}", &["config"]),
            (r#","schemaVersion":"two","subject":null"#, None, "{}", &[]),
        ] {
            let found = read(rest);
            assert_eq!(found.subject.as_ref(), Some(&digest), "{rest}");
            let text = format!("{{{subject}{rest}}}");
            let own = super::subject(text.as_bytes());
            assert_eq!(own, found.subject, "{rest}");
            assert_eq!(found.artifact_type.as_deref(), artifact_type, "{rest}");
            let shown = serde_json::to_string(&found.annotations).unwrap();
            assert_eq!(shown, annotations, "{rest}");
            assert_eq!(found.unreadable, unreadable, "{rest}");
        }
    }

    #[test]
    fn a_subject_that_cannot_be_told_is_told_from_none() {
        for (text, unreadable) in [
            ("{}", &[][..]),
            (r#"{"subject":null}"#, &[]),
            (r#"{"subject":{"digest":"sha256:12"}}"#, &["subject"]),
            (r#"{"subject":{"digest":null}}"#, &["subject"]),
            (r#"{"subject":{}}"#, &["subject"]),
            (r#"{"subject":"sha256:12"}"#, &["subject"]),
        ] {
            let found = Referrer::read(text.as_bytes()).unwrap();
            assert_eq!(found.subject, None);
            assert_eq!(found.unreadable, unreadable, "{text}");
        }
        assert_eq!(Referrer::read(b"[]"), None);
    }

    #[test]
    fn a_broken_child_hides_no_other() {
        let digest = Algorithm::Sha256.digest(b"child");
        let text = format!(
            r#"{{"manifests":[null,1,{{}},{{"digest":"x"}},{{"Digest":"{digest}","size":"7",
               "platform":{{"os":"linux","architecture":null}}}}]}}"#
        );
        let expected = Child {
            digest,
            media_type: None,
            platform: Some(("linux".to_owned(), String::new())),
        };
        assert_eq!(find_child(text.as_bytes(), |_| true), Some(expected));
        assert_eq!(find_child(text.as_bytes(), |_| false), None);
        for none in ["{}", r#"{"manifests":null}"#, r#"{"manifests":{}}"#, "["] {
            assert_eq!(find_child(none.as_bytes(), |_| true), None);
        }
    }
}
