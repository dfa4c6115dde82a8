//! Finding keys by the beginning of their names, with SCAN. The server looks at a part of all its keys for each call and
//! answers other clients in between.

use super::connection::Connection;
use crate::Failure;

/// Keys that the server looks at in one call.
const KEYS_A_CALL: usize = 1000;

/// The keys that begin with a prefix, some at a time.
pub(super) struct KeyScan {
    pattern: String,
    cursor: Option<u64>,
}

impl KeyScan {
    /// The prefix must hold none of the characters that mean something in a pattern; names of datasets and parts do not.
    pub(super) fn new(prefix: &str) -> Self {
        KeyScan { pattern: format!("{prefix}*"), cursor: Some(0) }
    }

    /// Some more keys, possibly none; `None` when there are no more. SCAN may answer a key more than once.
    pub(super) async fn next(&mut self, connection: &mut Connection) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(KEYS_A_CALL);
        let (next, keys): (u64, Vec<Vec<u8>>) = connection.query(&scan).await?;
        self.cursor = Some(next).filter(|cursor| *cursor != 0);
        Ok(Some(keys))
    }
}
