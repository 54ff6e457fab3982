//! All integration tests, in one binary: one link, one harness.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod limits;
mod util;
