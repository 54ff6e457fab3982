//! What a manifest may name: its blobs and manifests must be in the repository, unless they are
//! fetched from elsewhere or the configuration says otherwise (`validation`).

use super::{Api, Result};
use crate::config::{Platforms, ValidationConfig};
use crate::spec::descriptor::Descriptor;
use crate::spec::manifest::{Content, Manifest};
use crate::spec::{Code, Digest, Error, Name};
use serde_json::json;
use std::collections::HashSet;

/// Missing things that an error names.
const NAMED_MAX: usize = 100;

/// The digests that were looked for.
#[derive(Default)]
struct Seen<'m> {
    digests: HashSet<&'m Digest>,
    missing: usize,
    /// The first that are missing.
    named: Vec<&'m Digest>,
}

impl<'m> Seen<'m> {
    /// Whether it was not looked for yet.
    fn is_new(&mut self, digest: &'m Digest) -> bool {
        self.digests.insert(digest)
    }

    fn note_missing(&mut self, digest: &'m Digest) {
        self.missing += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(digest);
        }
    }

    /// The error that says what is missing.
    fn conclude(self) -> Result<()> {
        if self.missing == 0 {
            return Ok(());
        }
        let mut error = Error::new(Code::ManifestBlobUnknown);
        if self.missing > NAMED_MAX {
            let text = format!(
                "the manifest names {} manifests or blobs that are unknown to the registry; the first {NAMED_MAX} \
                 are listed",
                self.missing
            );
            error = error.message(text);
        }
        Err(self
            .named
            .into_iter()
            .fold(error, |error, digest| error.detail(json!(digest))))
    }
}

impl Api {
    /// Checks everything that a manifest names, each digest once. What is missing is told: how much it is, and
    /// the first by name, each a detail of the error.
    pub(super) fn check_references(&self, name: &Name, manifest: &Manifest) -> Result<()> {
        if self.settings.validation.disabled {
            return Ok(());
        }
        let mut seen = Seen::default();
        match &manifest.content {
            Content::Image { config, layers } => {
                if let Some(descriptor) = config {
                    self.check_blob(name, descriptor, &mut seen)?;
                }
                for layer in layers {
                    self.check_layer(name, layer, &mut seen)?;
                }
            }
            Content::Index(manifests) => {
                for child in manifests {
                    self.check_child(name, child, &mut seen)?;
                }
            }
        }
        seen.conclude()
    }

    fn check_blob<'m>(&self, name: &Name, blob: &'m Descriptor, seen: &mut Seen<'m>) -> Result<()> {
        if seen.is_new(&blob.digest) && !self.storage.has_blob(name, &blob.digest)? {
            seen.note_missing(&blob.digest);
        }
        Ok(())
    }

    /// A layer that says where else it is, or that need not be distributed, is not asked for: this
    /// is how Windows images are pushed without their base.
    fn check_layer<'m>(
        &self,
        name: &Name,
        layer: &'m Descriptor,
        seen: &mut Seen<'m>,
    ) -> Result<()> {
        for url in layer.urls.iter() {
            check_url(&self.settings.validation, url)?;
        }
        if layer.is_nondistributable || !layer.urls.is_empty() {
            return Ok(());
        }
        self.check_blob(name, layer, seen)
    }

    fn check_child<'m>(
        &self,
        name: &Name,
        child: &'m Descriptor,
        seen: &mut Seen<'m>,
    ) -> Result<()> {
        if !is_asked_for(&self.settings.validation.platforms, child) || !seen.is_new(&child.digest)
        {
            return Ok(());
        }
        // Build caches are pushed as an index whose entries are layers; distribution takes them too.
        let is_known = self.storage.has_manifest(name, &child.digest)?
            || self.storage.has_blob(name, &child.digest)?;
        if !is_known {
            seen.note_missing(&child.digest);
        }
        Ok(())
    }
}

fn check_url(rules: &ValidationConfig, url: &str) -> Result<()> {
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    let is_plain = !url.contains('#') && url.bytes().all(|byte| byte.is_ascii_graphic());
    let is_allowed =
        rules.urls_allow.is_empty() || rules.urls_allow.iter().any(|rule| rule.is_match(url));
    let is_denied = rules.urls_deny.iter().any(|rule| rule.is_match(url));
    if is_web && is_plain && is_allowed && !is_denied {
        return Ok(());
    }
    let text = if is_web && is_plain {
        "the URL of a layer is not allowed (validation.manifests.urls)"
    } else {
        "the URL of a layer must be http or https, without a fragment"
    };
    Err(Error::new(Code::ManifestInvalid)
        .message(text)
        .detail(json!(url)))
}

/// Whether a manifest of an index must be there. One that names no platform runs on every one.
fn is_asked_for(platforms: &Platforms, child: &Descriptor) -> bool {
    match platforms {
        Platforms::All => true,
        Platforms::None => false,
        Platforms::List(list) => child.platform.as_ref().is_none_or(|own| {
            list.iter()
                .any(|one| one.os == own.os && one.architecture == own.architecture)
        }),
    }
}
