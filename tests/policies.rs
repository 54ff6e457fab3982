//! What the operator decides for repositories (`storage.maintenance`): immutable tags, and tags that are deleted in time.

mod immutable;
mod retention;
