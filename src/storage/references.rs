//! The references of a pushed manifest: its blobs and manifests must be in the repository, unless they are
//! fetched from elsewhere or the configuration says otherwise ([`Validation`]).

use super::{Error, Result, Storage};
use crate::spec::descriptor::Descriptor;
use crate::spec::manifest::{Manifest, ManifestContent};
use crate::spec::validation::Validation;
use crate::spec::{Digest, Name};
use std::collections::HashSet;

/// Missing references that an error names.
const NAMED_MAX: usize = 100;

/// What a manifest names that is not there.
#[derive(Debug)]
pub struct MissingReferences {
    /// How many there are.
    pub count: usize,
    /// The first of them, at most 100.
    pub named: Vec<Digest>,
}

/// The references that were looked up: each digest once.
#[derive(Default)]
struct Lookups<'m> {
    done: HashSet<&'m Digest>,
    missing: usize,
    named: Vec<&'m Digest>,
}

impl<'m> Lookups<'m> {
    /// Whether a digest was not looked up yet.
    fn is_new(&mut self, digest: &'m Digest) -> bool {
        self.done.insert(digest)
    }

    fn add_missing(&mut self, digest: &'m Digest) {
        self.missing += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(digest);
        }
    }

    fn conclude(self) -> Result<()> {
        match self.missing {
            0 => Ok(()),
            count => Err(Error::ReferencesUnknown(MissingReferences {
                count,
                named: self.named.into_iter().cloned().collect(),
            })),
        }
    }
}

impl Storage {
    /// Checks everything that a manifest names. [`Error::ReferencesUnknown`], or [`Error::UrlRejected`].
    pub(super) fn check_references(
        &self,
        name: &Name,
        manifest: &Manifest,
        validation: &Validation,
    ) -> Result<()> {
        if validation.disabled {
            return Ok(());
        }
        let mut lookups = Lookups::default();
        match &manifest.content {
            ManifestContent::Image { config, layers } => {
                if let Some(descriptor) = config {
                    self.check_blob(name, descriptor, &mut lookups)?;
                }
                for layer in layers {
                    check_urls(layer, validation)?;
                    // A layer that says where else it is, or that need not be distributed, may be missing: this is
                    // how Windows images are pushed without their base.
                    if !layer.is_nondistributable && layer.urls.is_empty() {
                        self.check_blob(name, layer, &mut lookups)?;
                    }
                }
            }
            ManifestContent::Index(manifests) => {
                for child in manifests.iter().filter(|child| validation.requires(child)) {
                    self.check_child(name, child, &mut lookups)?;
                }
            }
        }
        lookups.conclude()
    }

    fn check_blob<'m>(
        &self,
        name: &Name,
        blob: &'m Descriptor,
        lookups: &mut Lookups<'m>,
    ) -> Result<()> {
        if lookups.is_new(&blob.digest) && !self.has_blob_locked(name, &blob.digest)? {
            lookups.add_missing(&blob.digest);
        }
        Ok(())
    }

    fn check_child<'m>(
        &self,
        name: &Name,
        child: &'m Descriptor,
        lookups: &mut Lookups<'m>,
    ) -> Result<()> {
        if !lookups.is_new(&child.digest) {
            return Ok(());
        }
        // Build caches are pushed as an index whose entries are layers; distribution accepts them too.
        let is_known = self.has_manifest_locked(name, &child.digest)?
            || self.has_blob_locked(name, &child.digest)?;
        if !is_known {
            lookups.add_missing(&child.digest);
        }
        Ok(())
    }
}

fn check_urls(layer: &Descriptor, validation: &Validation) -> Result<()> {
    for url in layer.urls.iter() {
        validation
            .check_url(url)
            .map_err(|problem| Error::UrlRejected {
                url: url.to_owned(),
                problem,
            })?;
    }
    Ok(())
}
