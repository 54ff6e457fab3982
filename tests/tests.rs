//! All integration tests, in one binary: one link, one harness.

mod limits;
mod util;
