//! What a manifest may name: its blobs and manifests must be in the repository, unless they are
//! fetched from elsewhere or the configuration says otherwise (`validation`).

use super::{Api, Result};
use crate::config::{Platforms, Validation};
use crate::spec::descriptor::Descriptor;
use crate::spec::manifest::{Content, Manifest};
use crate::spec::{Code, Error, MediaType, Name};
use serde_json::{Value, json};

impl Api {
    /// Checks everything that a manifest names; every missing thing is a detail of the error.
    pub(super) fn check_references(&self, name: &Name, manifest: &Manifest) -> Result<()> {
        if self.settings.validation.disabled {
            return Ok(());
        }
        let mut missing = Vec::new();
        match &manifest.content {
            Content::Image { config, layers } => {
                if let Some(descriptor) = config {
                    self.check_blob(name, descriptor, &mut missing)?;
                }
                for layer in layers {
                    self.check_layer(name, layer, &mut missing)?;
                }
            }
            Content::Index(manifests) => {
                for child in manifests {
                    self.check_child(name, child, &mut missing)?;
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let error = Error::new(Code::ManifestBlobUnknown);
        Err(missing.into_iter().fold(error, Error::detail))
    }

    fn check_blob(&self, name: &Name, blob: &Descriptor, missing: &mut Vec<Value>) -> Result<()> {
        if !self.storage.has_blob(name, &blob.digest)? {
            missing.push(json!(blob.digest));
        }
        Ok(())
    }

    /// A layer that says where else it is, or that need not be distributed, is not asked for: this
    /// is how Windows images are pushed without their base.
    fn check_layer(&self, name: &Name, layer: &Descriptor, missing: &mut Vec<Value>) -> Result<()> {
        for url in &layer.urls {
            check_url(&self.settings.validation, url)?;
        }
        let kept_elsewhere = layer
            .media_type
            .parse()
            .is_ok_and(|t: MediaType| t.is_nondistributable());
        if kept_elsewhere || !layer.urls.is_empty() {
            return Ok(());
        }
        self.check_blob(name, layer, missing)
    }

    fn check_child(&self, name: &Name, child: &Descriptor, missing: &mut Vec<Value>) -> Result<()> {
        if !is_asked_for(&self.settings.validation.platforms, child) {
            return Ok(());
        }
        // Build caches are pushed as an index whose entries are layers; distribution takes them too.
        let is_known = self.storage.has_manifest(name, &child.digest)?
            || self.storage.has_blob(name, &child.digest)?;
        if !is_known {
            missing.push(json!(child.digest));
        }
        Ok(())
    }
}

fn check_url(rules: &Validation, url: &str) -> Result<()> {
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
