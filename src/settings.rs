//! Settings that are declared once - kinds, bounds, defaults - and read from YAML and from environment variables, with
//! all errors at once and their positions. Which settings there are is the business of the program: its declarations
//! are passed in.
//!
//! [`declare`] says what a declaration is, and [`schema`] puts all of them together. [`layers`] is a text with what is
//! found wrong with it, over which [`environment`] lays variables; [`names`] checks the keys that are in it,
//! with `suggest` and `misplaced` for those that are unknown. [`fields`] then reads the values into fields,
//! whose types are those of [`setting`] and of the program; [`texts`] and [`file_path`] are texts with a
//! form of their own. [`report`] is what the user sees.

pub mod declare;
pub mod environment;
pub mod fields;
pub mod file_path;
pub mod layers;
mod misplaced;
pub mod names;
pub mod report;
pub mod schema;
pub mod setting;
mod suggest;
pub mod texts;
pub mod value;
mod values;
