//! Systems without a service manager.

use super::plan::{Plan, ServiceReport};
use crate::sys::StopAction;

/// A service manager that does not exist.
#[derive(Debug)]
pub enum Manager {}

impl Manager {
    /// Never called.
    pub fn on_stop(&self, _stop: StopAction) {
        match *self {}
    }

    /// Never called.
    pub fn running(&self) {
        match *self {}
    }
}

/// The work of a service: called once; [`Manager`] says when to stop; an error is a failure of the service.
pub type Work = Box<dyn FnOnce(&Manager) -> Result<(), String> + Send>;

fn unsupported<T>() -> Result<T, String> {
    Err("this system has no service manager".to_owned())
}

/// Always an error.
pub fn install(_plan: &Plan) -> Result<Vec<&'static str>, String> {
    unsupported()
}

/// Always an error.
pub fn uninstall(_name: &str) -> Result<(), String> {
    unsupported()
}

/// Always an error.
pub fn start(_name: &str) -> Result<(), String> {
    unsupported()
}

/// Always an error.
pub fn stop(_name: &str) -> Result<(), String> {
    unsupported()
}

/// Always an error.
pub fn status(_name: &str) -> Result<ServiceReport, String> {
    unsupported()
}

/// Always an error.
pub fn run(_name: &str, _work: Work) -> Result<(), String> {
    unsupported()
}
