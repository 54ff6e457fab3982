//! How much a test tries: in a run at every change what notices most faults, and all of it where there is time.

/// With this variable set, tests try everything.
const THOROUGH: &str = "REGISTRY_TEST_THOROUGH";

pub fn is_thorough() -> bool {
    std::env::var_os(THOROUGH).is_some()
}

/// How much of something is tried: as usual, or all of it.
pub fn effort<T>(usual: T, thorough: T) -> T {
    match is_thorough() {
        true => thorough,
        false => usual,
    }
}
