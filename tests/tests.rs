//! Every integration test, in one binary.
// Tests may unwrap: a panic there is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod config;
mod process;
