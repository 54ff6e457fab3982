//! The harness: a registry of its own for every test, and clients for it.

pub mod chance;
pub mod driver;
pub mod effort;
pub mod errcode;
pub mod image;
pub mod pace;
pub mod program;
pub mod raw;
pub mod registry;
pub mod secure;
pub mod server_log;
pub mod stop;
pub mod storage;
pub mod tree;
