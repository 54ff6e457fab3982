//! What the operator decides for repositories (`storage.maintenance`): immutable tags, tags that are deleted in time, and
//! quotas.

mod immutable;
mod quota;
mod retention;
