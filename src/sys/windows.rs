//! The Windows side's own pieces of `sys`, and all its `unsafe`.

mod console;
mod events;
mod listen;
mod local;
mod names;
mod poll;
mod priority;
pub mod service;

pub use console::{console_columns, console_mode, set_console_mode};
pub use events::on_event;
pub use listen::listen;
pub use local::{LocalListener, LocalStream};
pub use names::{file_id, kept_name};
pub use poll::wait_readable;
pub use priority::lower_priority;
