//! Manifests, whatever they hold: what is taken has a type that can be told again from the bytes alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::spec::manifest::{Manifest, stored_media_type};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes, None) {
        assert_eq!(stored_media_type(bytes), Some(manifest.media_type));
    }
});
