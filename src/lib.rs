//! A complete OCI / Docker distribution registry: small, blocking, one thread per connection.
//!
//! The program is in `main.rs`; everything else is here, so that a registry can also be part of another program, as it is
//! in `tests/util/registry.rs`: [`config::Config::load`], then [`server::Registry::open`] and [`server::Registry::run`].
//!
//! `ARCHITECTURE.md` draws the modules below and says which may use which.

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
pub mod pattern;
pub mod policy;
mod recent;
pub mod server;
mod settings;
mod small_file;
pub mod spec;
pub mod storage;
mod sync;
pub mod sys;
mod time;
mod watched;
mod x509;
mod yaml;
