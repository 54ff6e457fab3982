//! Whether pushes would find the folders that they need writable: asked at the start, and by whoever
//! watches over a running registry.

use super::{Storage, layout};
use crate::driver;
use crate::spec::name::is_component;
use crate::sync::Mutex;
use std::path::Path;
use std::time::{Duration, Instant};

/// An answer is good for so long, however often it is asked for.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The last answer.
#[derive(Default)]
pub struct Checked(Mutex<Option<(Instant, Option<String>)>>);

impl Storage {
    /// Tries whether a push would find its folders writable. What was found a moment ago is found again.
    pub fn check_writable(&self) -> Result<(), String> {
        let mut last = self.checked.0.lock();
        let answer = match &*last {
            Some((at, answer)) if at.elapsed() < GOOD_FOR => answer.clone(),
            _ => {
                let checked = self.driver.probe(&layout::DIRECTORIES);
                let answer = checked.err().map(|error| error.to_string());
                *last = Some((Instant::now(), answer.clone()));
                answer
            }
        };
        answer.map_or(Ok(()), Err)
    }
}

/// Looks whether a registry over that folder could write to it, without touching anything.
pub fn look(root: &Path) -> Result<(), driver::Unwritable> {
    let inner = [layout::LAYERS, layout::MANIFESTS, layout::UPLOADS];
    let [.., blobs, repositories] = layout::DIRECTORIES;
    driver::look(root, &layout::DIRECTORIES)
        .and_then(|()| driver::look_below(root, blobs, is_component, &[]))
        .and_then(|()| driver::look_below(root, repositories, is_component, &inner))
}
