//! All integration tests, in one binary: one link, one harness.

// A panic in a test is its report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod access;
mod auth;
mod blobs;
mod config;
mod crash;
mod full;
mod layout;
mod limits;
mod lists;
mod process;
mod serve;
mod tokens;
mod users;
mod util;
mod wire;
