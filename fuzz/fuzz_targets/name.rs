//! Names, tags, references, ids of uploads and patterns, whatever they hold: what is taken is written as it was read, and
//! is nothing that could lead out of its directory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::pattern::{Pattern, TagPattern};
use registry::spec::{Name, Reference, Tag, UploadId};

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.as_str(), text);
        let is_plain = |part: &str| !part.is_empty() && !part.starts_with(['.', '_', '-']);
        assert!(text.len() <= 255 && text.split('/').all(is_plain), "{text:?}");
        let pattern: Pattern = text.parse().expect("every name is a pattern");
        assert!(pattern.matches(text));
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert_eq!(tag.as_str(), text);
        assert!(text.len() <= 128 && !text.starts_with('.') && !text.contains('/'));
        let pattern: TagPattern = text.parse().expect("every tag is a pattern");
        assert!(pattern.matches(text));
    }
    if let Ok(id) = text.parse::<UploadId>() {
        assert_eq!(id.as_str(), text);
        assert_eq!(text.len(), 36);
    }
    if let Ok(reference) = text.parse::<Reference>() {
        let written = match &reference {
            Reference::Tag(tag) => tag.as_str(),
            Reference::Digest(digest) => digest.as_str(),
        };
        assert_eq!(written, text);
    }
    if let Some((pattern, name)) = text.split_once('\n')
        && let Ok(parsed) = pattern.parse::<Pattern>()
    {
        assert_eq!(parsed.to_string(), pattern);
        let matches = parsed.matches(name);
        assert!(!matches || name.starts_with(parsed.literal_prefix()));
        assert!(pattern.contains('*') || matches == (pattern == name));
    }
});
