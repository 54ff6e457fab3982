//! A complete OCI / Docker distribution registry: small, blocking, one thread a connection.
//!
//! `ARCHITECTURE.md` draws the rooms below and says who may use whom.

pub mod driver;
pub mod http;
<<<<<<< HEAD
pub mod spec;
pub mod storage;
mod sys;
=======
pub mod sys;
>>>>>>> engine
