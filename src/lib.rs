//! A complete OCI / Docker distribution registry: small, blocking, one thread per connection.
//!
//! The program is in `main.rs`; everything else is here, so that a registry can also be part of another program:
//!
//! ```
//! use registry::config::{Config, ConfigSource};
//! use registry::{logging::Sink, server::Registry};
//!
//! let text = "version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}".to_owned();
//! let source = ConfigSource::Text { name: "embedded".to_owned(), text };
//! let (config, _notices) = Config::load(source, []).expect("a valid configuration");
//! let registry = Registry::open(&config, &Sink::default()).expect("a free port");
//! let (address, control) = (registry.address(), registry.control());
//! let serving = std::thread::spawn(move || registry.run());
//! println!("push to {address}");
//! control.shutdown(std::time::Duration::ZERO);
//! serving.join().expect("no panic");
//! ```
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
