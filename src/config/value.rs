//! A checked value on its way to its field, and why a field does not take it.

use std::time::Duration;

/// A value whose kind and bounds have been checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A number, also of bytes.
    Integer(i64),
    /// A duration.
    Duration(Duration),
    /// A text; for a list, one of its elements.
    Text(String),
}

/// Why a setting does not take a value.
pub enum Invalid {
    /// This would be allowed.
    Allowed(String),
    /// This is wrong with it.
    Because(String),
    /// It is ignored with this warning.
    Ignored(String),
}

impl<S: Into<String>> From<S> for Invalid {
    fn from(allowed: S) -> Invalid {
        Invalid::Allowed(allowed.into())
    }
}
