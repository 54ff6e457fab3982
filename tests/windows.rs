//! What people bring along from Windows, shown at the built program: files as its editors write them.

mod files;

use crate::process::{err, out, registry};
