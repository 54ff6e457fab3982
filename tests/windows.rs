//! What people bring along from Windows: files as its editors write them, its paths, and what goes wrong
//! with both. Everything is shown at the built program; where only one for Windows can show it, it says
//! so and passes.

mod files;
mod paths;
mod refused;

use crate::process::{err, out, registry};
use crate::util::program;
use std::path::Path;

/// Whether the program is one for Windows; if not, says that this is not shown.
fn is_shown(what: &str) -> bool {
    let shown = program::is_for_windows();
    if !shown {
        println!("SKIPPED: {what}: only a program for Windows shows it");
    }
    shown
}

/// A configuration of a text, in a directory.
fn configuration(directory: &Path, text: &str) -> String {
    let path = directory.join("config.yml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
