//! The words of the OCI distribution and image specs as types; pure, no I/O.
//!
//! Each is built only by parsing, so whoever holds one holds a checked value.

mod checked_manifest;
pub mod descriptor;
pub mod digest;
pub mod error;
pub mod hash_state;
mod json;
pub mod manifest;
pub mod media_type;
pub mod name;
mod object;
pub mod references;
pub mod stored;
pub mod validation;

pub use checked_manifest::{CheckedManifest, ManifestError};
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, Hasher};
pub use error::{Code, Error};
pub use media_type::MediaType;
pub use name::{Name, Position, Reference, Tag, UploadId};
