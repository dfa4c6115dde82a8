//! What a run removes from a store when it ends, and what it reports of what stays there.

use std::time::Duration;

use drivers::server::Server;
use drivers::{Failure, Store};

use super::active_run::ActiveRun;
use super::cancel::CancelToken;
use super::lease::Standing;
use super::limits::{PhaseLimit, within_grace, within_phase};

/// Removes what the run has made, unless it is to be kept, and returns a sentence for everything that stays there, with the
/// way to remove it. What may not be this run's, or cannot be known to be, is left alone. A lost lease does not end the
/// removal, only a signal does.
pub async fn remove<S: Store>(run: &ActiveRun<'_, S>, limit: PhaseLimit, signal: &CancelToken) -> Vec<String> {
    let (store, lease, server) = (&*run.store, &*run.lease, run.server);
    // What a server of ours holds goes with it.
    let clean = match server {
        None => format!("; `storebench clean {}` lists and removes what runs have left", run.request.address),
        Some(_) => String::new(),
    };
    let is_held = match lease.may_be_held() {
        false => false,
        true => match answer(limit, signal, lease.renew(store)).await {
            Ok(Standing::Held) => true,
            Ok(Standing::Lost(_)) if !lease.was_held() => false,
            Ok(Standing::Lost(why)) => {
                let closed = answer(limit, signal, store.close(true)).await;
                let problem = closed.err().map(|failure| format!("; {failure}")).unwrap_or_default();
                return vec![format!("what it made was left alone, because {why}{problem}{clean}")];
            }
            Err(failure) => {
                return vec![last_words(server).unwrap_or_else(|| {
                    format!("its data may still be in the store, which does not say whose it is: {failure}{clean}")
                })];
            }
        },
    };
    let keeps = is_held && (run.request.keep || lease.holds_kept_data().await);
    if keeps {
        match answer(limit, signal, lease.release(store)).await {
            Ok(Standing::Held) => {}
            Ok(Standing::Lost(why)) => return vec![format!("what it made was left alone, because {why}")],
            Err(failure) => return vec![format!("its data is kept, and held for some seconds more: {failure}")],
        }
    }
    let removing = async {
        let changed = if keeps || !is_held { Vec::new() } else { store.clean_up().await? };
        store.close(keeps || !is_held).await.map(|()| changed)
    };
    let removed = answer(limit, signal, removing).await;
    removed.unwrap_or_else(|failure| {
        vec![match last_words(server) {
            Some(last_words) => last_words,
            None if !is_held => failure.to_string(),
            None => format!("its data is still in the store: {failure}{clean}"),
        }]
    })
}

/// What the store answers within the limit, and soon after a signal to stop.
async fn answer<T>(
    limit: PhaseLimit,
    signal: &CancelToken,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    within_grace(signal, within_phase(limit, answer)).await
}

/// What a server of ours said last before it ended. Its end takes a moment to be seen.
fn last_words(server: Option<&Server>) -> Option<String> {
    let server = server?;
    for _ in 0..20 {
        if let Some(last_words) = server.ended() {
            return Some(last_words);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}
