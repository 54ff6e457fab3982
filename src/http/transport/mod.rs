//! The bytes of a connection: sockets, TLS, deadlines, bodies being received and responses being sent.

pub(super) mod buffer;
pub(super) mod held;
pub(super) mod incoming;
pub(super) mod listener;
pub(super) mod patience;
pub(super) mod socket;
pub mod tls;
pub(super) mod wire;
pub(super) mod write;
