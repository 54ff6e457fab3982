//! All integration tests, in one binary: one link, one harness.

// A panic in a test is its report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod access;
mod auth;
mod blobs;
mod browsers;
mod certificate;
mod collection;
mod config;
mod crash;
mod deletion;
mod documents;
mod faults;
mod full;
mod health;
mod judged;
mod layout;
mod limits;
mod lists;
mod log;
mod manifests;
mod memory;
mod messages;
mod names;
mod odd;
mod policies;
mod process;
mod proxies;
mod referrers;
mod rooms;
mod serve;
mod start;
mod tls;
mod tokens;
mod uploads;
mod users;
mod util;
mod verify;
mod windows;
mod wire;
