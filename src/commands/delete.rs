//! `registry delete`: deletes a repository, a tag or a manifest while no registry runs.

use super::CommandError;
use crate::server::{OfflineAccess, open_offline};
use crate::spec::{Digest, Name, Reference, Tag};
use crate::storage::{self, RepositorySize, Storage};
use argh::FromArgs;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;

/// What to do while a registry runs.
const INSTEAD: &str = "stop it, or ask it: DELETE /v2/NAME/ for a repository, DELETE /v2/NAME/manifests/TAG or \
                       /v2/NAME/manifests/DIGEST for one of its manifests (storage.delete.enabled)";

/// Delete a repository with all that is in it, a tag, or a manifest with its tags, while no registry runs on the data. Blobs
/// stay until garbage is collected.
#[derive(FromArgs)]
#[argh(subcommand, name = "delete")]
#[argh(
    example = "{command_name} config.yml team/app",
    example = "{command_name} config.yml team/app:v1",
    example = "{command_name} config.yml team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)]
pub struct DeleteOptions {
    /// the configuration file
    #[argh(positional)]
    config: PathBuf,
    /// NAME, NAME:TAG or NAME@DIGEST
    #[argh(positional)]
    target: Target,
}

/// What is to be deleted.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    name: Name,
    /// `None` for the whole repository.
    reference: Option<Reference>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let (name, reference) = match (text.split_once('@'), text.split_once(':')) {
            (Some((name, digest)), _) => (
                name,
                Some(digest.parse().map(Reference::Digest).map_err(reason)),
            ),
            (None, Some((name, tag))) => {
                (name, Some(tag.parse().map(Reference::Tag).map_err(reason)))
            }
            (None, None) => (text, None),
        };
        let wrong = |why: String| {
            format!(
                "found `{text}`; allowed: NAME, NAME:TAG or NAME@DIGEST, such as team/app:v1, without the host of the \
                 registry ({why})"
            )
        };
        Ok(Target {
            name: name.parse().map_err(reason).map_err(wrong)?,
            reference: reference.transpose().map_err(wrong)?,
        })
    }
}

fn reason(error: impl ToString) -> String {
    error.to_string()
}

/// Deletes, and says what was deleted to `out`.
pub fn execute(options: DeleteOptions, out: &mut dyn Write) -> Result<(), CommandError> {
    let (config, _) = super::load_or_search(Some(options.config))?;
    let data = open_offline(&config, OfflineAccess::Change(INSTEAD))?;
    let Target { name, reference } = &options.target;
    let said = match reference {
        None => delete_repository(&data.storage, name),
        Some(Reference::Tag(tag)) => delete_tag(&data.storage, name, tag),
        Some(Reference::Digest(digest)) => delete_manifest(&data.storage, name, digest),
    };
    let said = said.map_err(|error| refusal(error, &options.target))?;
    let printed = writeln!(out, "{said}").and_then(|()| out.flush());
    printed.map_err(CommandError::system("deleted; cannot print what"))
}

fn delete_repository(storage: &Storage, name: &Name) -> storage::Result<String> {
    let RepositorySize {
        tags,
        manifests,
        uploads,
    } = storage.repository_size(name)?;
    storage.delete_repository(name)?;
    Ok(format!(
        "deleted the repository {name}: tags {tags}, manifests {manifests}, unfinished uploads {uploads}"
    ))
}

fn delete_tag(storage: &Storage, name: &Name, tag: &Tag) -> storage::Result<String> {
    let named = storage.tag(name, tag)?;
    storage.delete_tag(name, tag)?;
    let named = named.map(|digest| format!(", which named {digest}"));
    Ok(format!(
        "deleted the tag {tag} of {name}{}",
        named.unwrap_or_default()
    ))
}

fn delete_manifest(storage: &Storage, name: &Name, digest: &Digest) -> storage::Result<String> {
    let tags = storage.tags_of(name, digest)?;
    storage.delete_manifest(name, digest)?;
    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    let tags = match tags.is_empty() {
        true => String::new(),
        false => format!(" and its tags {}", tags.join(", ")),
    };
    Ok(format!("deleted the manifest {digest} of {name}{tags}"))
}

fn refusal(error: storage::Error, Target { name, reference }: &Target) -> CommandError {
    match (error, reference) {
        (storage::Error::RepositoryUnknown, _) => format!("there is no repository {name}").into(),
        (storage::Error::ManifestUnknown, Some(Reference::Tag(tag))) => {
            format!("there is no tag {tag} in the repository {name}").into()
        }
        (storage::Error::ManifestUnknown, Some(Reference::Digest(digest))) => {
            format!("there is no manifest {digest} in the repository {name}").into()
        }
        (error, _) => CommandError::Other(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_repository_a_tag_or_a_manifest() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, name, reference) in [
            ("team/app", "team/app", None),
            ("app:v1", "app", Some("v1")),
            (&format!("app@{digest}"), "app", Some(digest.as_str())),
        ] {
            let found: Target = text.parse().unwrap();
            assert_eq!(found.name.as_str(), name);
            let found = found.reference.map(|reference| reference.to_string());
            assert_eq!(found.as_deref(), reference);
        }
        for (text, why) in [
            ("", "a repository name"),
            ("App", "a repository name"),
            ("localhost:5000/app", "a tag has"),
            ("localhost:5000/app:v1", "a tag has"),
            ("app:v1@sha256:0", "a repository name"),
            ("app@sha256:0", "lower-case hex digits"),
            (&format!("app:v1@{digest}"), "a repository name"),
            ("app@v1", "algorithm:hex"),
            ("app:", "a tag has"),
            (r"team\app", "a repository name"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(why) && error.contains("NAME:TAG"), "{error}");
        }
    }
}
