//! Servers that evict: with a `maxmemory` and a policy `allkeys-…`, Redis makes room by dropping keys of its choice.
//! Ours may be a record, an index or the mark; what then fails would be a riddle, so its likely cause is told with it.

use super::link::Link;
use super::settings::{self, Info};
use crate::{Failure, FailureKind};

/// The settings by which a server may evict what is ours; nothing if it may not. The policies `volatile-…` take keys
/// that expire, and ours do not.
pub(super) fn policy(info: &Info) -> Option<String> {
    let (limit, policy) = (info.get("maxmemory")?, info.get("maxmemory_policy")?);
    (limit != "0" && policy.starts_with("allkeys")).then(|| format!("maxmemory={limit}, maxmemory-policy={policy}"))
}

/// The same failure, which is for want of `what`. If the server has evicted keys, it says so.
pub(super) async fn suspected(connection: &mut Link, failure: Failure, what: &str) -> Failure {
    if !matches!(failure.kind, FailureKind::Missing | FailureKind::Broken) {
        return failure;
    }
    // A server that does not answer this changes nothing about the failure.
    let info = settings::info(connection, &["memory", "stats"]).await.unwrap_or_default();
    let evicted = info.get("evicted_keys").filter(|evicted| *evicted != "0");
    let Some((evicted, policy)) = evicted.zip(policy(&info)) else { return failure };
    let cause = format!("the server may have evicted {what} (evicted_keys={evicted}, {policy})");
    let message = format!("{}; {cause}", failure.message);
    Failure { message, ..failure }
}
