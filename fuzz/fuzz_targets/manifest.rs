//! Manifests, whatever they hold: what is taken has a type that can be told again from the bytes alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::spec::manifest::Manifest;
use registry::spec::stored::{self, Referrer};

fuzz_target!(|bytes: &[u8]| {
    let referrer = Referrer::read(bytes);
    let _ = stored::find_child(bytes, |_| false);
    if let Ok(manifest) = Manifest::parse(bytes, None) {
        assert_eq!(stored::media_type(bytes), Some(manifest.media_type));
        let referrer = referrer.expect("what is taken can be listed");
        assert!(referrer.unreadable.is_empty());
        assert_eq!(referrer.subject, manifest.subject.map(|subject| subject.digest));
    }
});
