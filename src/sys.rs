//! What differs between operating systems, in one place: only the files of `sys/` contain
//! `cfg(unix)` / `cfg(windows)` twins, and only `sys/linux.rs` and `sys/windows/` may contain
//! `unsafe`.
//!
//! Every function is small, has the same signature on both systems and documents what the less capable one does
//! instead.

mod configurations;
mod directory;
mod disk;
mod file_system;
mod limits;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod linux;
mod listen;
pub mod service;
mod shutdown;
mod socket;
mod stamp;
mod terminal;
#[cfg(windows)]
#[allow(unsafe_code)]
mod windows;

pub use configurations::SYSTEM_CONFIGURATIONS;
pub use directory::OpenDirectory;
pub use disk::{
    FOLDS_CASE, begin_write_back, copy_owner, create_private, file_id, file_identity, is_in_use,
    kept_name, literal, look_at, may_write, open_folder, open_regular, plain, read_at, special,
    sync_directory, touch, user_and_group, without_waiting,
};
pub use file_system::{device, keeps_names_in_order};
pub use limits::{is_out_of_files, lower_priority, raise_open_files_limit, spare_file};
pub use listen::{bind, bind_all_interfaces, no_address};
pub use shutdown::{StopAction, on_shutdown_signal};
pub use socket::{
    LocalListener, LocalStream, Timeouts, interrupt_accept, is_socket, is_tick, receive, send,
    send_file, send_pieces, set_ticks,
};
pub use stamp::{Stamp, stamp, stamp_of};
pub use terminal::{Shown, columns, hide_typing, show_typing};
