//! A complete OCI / Docker distribution registry: small, blocking, one thread a connection.
//!
//! `ARCHITECTURE.md` draws the rooms below and says who may use whom.

pub mod api;
pub mod auth;
pub mod cli;
pub mod commands;
pub mod config;
pub mod driver;
mod encoding;
pub mod http;
pub mod logging;
pub mod memory;
pub mod server;
mod small_file;
pub mod spec;
pub mod storage;
mod sync;
pub mod sys;
mod time;
mod watched;
mod x509;
mod yaml;
