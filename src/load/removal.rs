//! What a run removes from a store when it ends, and what it says of the rest.

use std::time::Duration;

use drivers::server::Server;
use drivers::{Failure, Store};

use super::client::PhaseLimit;
use super::lease::{Lease, Standing};
use super::pace::CancelToken;
use super::{Request, client};

/// Removes what the run has made, unless it is to be kept, and answers what is left there and how to remove it. What may
/// not be this run's, or cannot be known to be, is left alone.
pub async fn give_up<S: Store>(
    store: &S,
    lease: &Lease,
    request: &Request,
    server: Option<&Server>,
    limit: PhaseLimit,
    stop: &CancelToken,
) -> Vec<String> {
    // What a server of ours holds goes with it.
    let clean = match server {
        None => format!("; `storebench clean {}` lists and removes what runs have left", request.address),
        Some(_) => String::new(),
    };
    let is_held = match lease.may_be_held() {
        false => false,
        true => match answer(limit, stop, lease.renew(store)).await {
            Ok(Standing::Held) => true,
            Ok(Standing::Lost(_)) if !lease.was_held() => false,
            Ok(Standing::Lost(why)) => {
                let closed = answer(limit, stop, store.close(true)).await;
                let problem = closed.err().map(|failure| format!("; {failure}")).unwrap_or_default();
                return vec![format!("what it made was left alone, because {why}{problem}{clean}")];
            }
            Err(failure) => {
                return vec![ended(server).unwrap_or_else(|| {
                    format!("its data may still be in the store, which does not say whose it is: {failure}{clean}")
                })];
            }
        },
    };
    let keeps = is_held && (request.keep || lease.holds_kept_data().await);
    if keeps {
        match answer(limit, stop, lease.release(store)).await {
            Ok(Standing::Held) => {}
            Ok(Standing::Lost(why)) => return vec![format!("what it made was left alone, because {why}")],
            Err(failure) => return vec![format!("its data is kept, and held for some seconds more: {failure}")],
        }
    }
    let removing = async {
        let changed = if keeps || !is_held { Vec::new() } else { store.clean_up().await? };
        store.close(keeps || !is_held).await.map(|()| changed)
    };
    let removed = answer(limit, stop, removing).await;
    removed.unwrap_or_else(|failure| {
        vec![match ended(server) {
            Some(ended) => ended,
            None if !is_held => failure.to_string(),
            None => format!("its data is still in the store: {failure}{clean}"),
        }]
    })
}

/// What the store answers within the limit, and soon after a signal to stop.
async fn answer<T>(
    limit: PhaseLimit,
    stop: &CancelToken,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    client::unless_stopped(stop, client::within_phase(limit, answer)).await
}

/// The last words of a server of ours that has ended, which takes it a moment.
fn ended(server: Option<&Server>) -> Option<String> {
    for _ in 0..20 {
        match server.map(Server::ended) {
            Some(Some(ended)) => return Some(ended),
            Some(None) => std::thread::sleep(Duration::from_millis(50)),
            None => return None,
        }
    }
    None
}
