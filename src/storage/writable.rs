//! Whether pushes can write to the directories that they need: checked at the start and by health checks.

use super::{Storage, layout};
use crate::driver;
use crate::spec::name::is_component;
use crate::sync::Mutex;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a result is reused.
const VALID_FOR: Duration = Duration::from_secs(1);

/// The last result.
#[derive(Default)]
pub struct WritableCheck(Mutex<Option<(Instant, Option<String>)>>);

impl Storage {
    /// Checks whether a push can write to its directories. A recent result is reused.
    pub fn check_writable(&self) -> Result<(), String> {
        let mut last = self.checked.0.lock();
        let problem = match &*last {
            Some((at, problem)) if at.elapsed() < VALID_FOR => problem.clone(),
            _ => {
                let checked = self.driver.probe(&layout::DIRECTORIES);
                let problem = checked.err().map(|error| error.to_string());
                *last = Some((Instant::now(), problem.clone()));
                problem
            }
        };
        problem.map_or(Ok(()), Err)
    }
}

/// Checks whether a registry could write to a directory, without changing anything.
pub fn look(root: &Path) -> Result<(), driver::Unwritable> {
    let inner = [layout::LAYERS, layout::MANIFESTS, layout::UPLOADS];
    let [.., blobs, repositories] = layout::DIRECTORIES;
    driver::look(root, &layout::DIRECTORIES)
        .and_then(|()| driver::look_below(root, blobs, is_component, &[]))
        .and_then(|()| driver::look_below(root, repositories, is_component, &inner))
}
