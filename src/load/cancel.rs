//! Asking a run to end before its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Asks for an early end: of everything, when the user does, or of one run that cannot go on.
#[derive(Debug, Default)]
pub struct CancelToken {
    cancelled: AtomicBool,
    parent: Option<Arc<CancelToken>>,
    reason: OnceLock<String>,
}

impl CancelToken {
    /// A token of its own that is also cancelled when its parent is.
    pub fn child_of(parent: &Arc<CancelToken>) -> CancelToken {
        CancelToken { parent: Some(Arc::clone(parent)), ..CancelToken::default() }
    }

    /// Asks for the end.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Asks for the end and says why. The first reason counts.
    pub fn cancel_because(&self, reason: String) {
        let _ = self.reason.set(reason);
        self.cancel();
    }

    /// Whether the end is asked for, here or of the parent.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }

    /// Why, where a reason was given.
    pub fn reason(&self) -> Option<&str> {
        let parent = || self.parent.as_ref().and_then(|parent| parent.reason());
        self.reason.get().map(String::as_str).or_else(parent)
    }
}
