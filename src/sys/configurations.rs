//! Where systems keep the configuration of a registry.

/// Where the images and packages of distribution 2 and 3 keep theirs.
#[cfg(unix)]
pub const SYSTEM_CONFIGURATIONS: [&str; 2] = [
    "/etc/docker/registry/config.yml",
    "/etc/distribution/config.yml",
];

/// There is no such place: any user may create a directory at the root of a drive.
#[cfg(windows)]
pub const SYSTEM_CONFIGURATIONS: [&str; 0] = [];
