//! Where a system keeps the configuration of a registry.

/// Where the images of distribution 2 and 3 have theirs, and packages of it.
#[cfg(unix)]
pub const SYSTEM_CONFIGURATIONS: [&str; 2] = [
    "/etc/docker/registry/config.yml",
    "/etc/distribution/config.yml",
];

/// There is no such place: any user may make a folder at the root of a drive.
#[cfg(windows)]
pub const SYSTEM_CONFIGURATIONS: [&str; 0] = [];
