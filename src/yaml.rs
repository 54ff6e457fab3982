//! YAML as an untyped tree, put together from several texts, that knows where each value came from. It knows nothing
//! of configurations.

mod node;
mod sources;
mod text;

pub use node::{KeyPath, Node, boolean};
pub use sources::{Provenance, Sources};
pub use text::{Side, YamlError, parse};
