//! X.509 certificates (RFC 5280): parsing those of others, and making a self-signed one.
//!
//! Chains and names are judged by webpki; here is what it does not do: certificates of every version, their dates and
//! keys, and making a self-signed one.

pub mod certificate;
mod der;
pub mod details;
mod oid;
pub mod public_key;
pub mod self_signed;

pub use certificate::CertificateSummary;
pub use details::CertificateDetails;
pub use oid::{ANY_EXTENDED_KEY_USAGE, CLIENT_AUTH};
pub use public_key::{PublicKey, PublicKeyInfo};
pub use self_signed::{HostName, SelfSigned, ServerNames};
