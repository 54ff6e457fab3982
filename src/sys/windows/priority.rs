//! The priority of a thread.

use windows_sys::Win32::System::Threading::{
    GetCurrentThread, SetThreadPriority, THREAD_MODE_BACKGROUND_BEGIN,
};

/// Lets every other thread go before this one, also at the disk.
pub fn lower_priority() {
    // SAFETY: takes no pointers; the handle is a constant that means this thread. If the priority stays, the work is
    // done all the same.
    unsafe { SetThreadPriority(GetCurrentThread(), THREAD_MODE_BACKGROUND_BEGIN) };
}
