//! The lease of a run on the place of its data in a store, so that two runs never use one place at the same time.
//!
//! It is kept in the store's marker, beside the data. A run takes it with an atomic swap before it touches anything, renews
//! it as long as it lives, by counting up, and gives it up in the end. A later run watches the marker: if the count changes,
//! its owner is alive and the later run is refused; if it stays the same for [`EXPIRY`], the owner has died, and its place is
//! taken over with everything that it left. No clocks are compared. The lease is no lock: a process that is stopped for
//! longer than that has lost it, finds out when it goes on, and ends its run as invalid.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use drivers::{Failure, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, oneshot};

use super::cancel::CancelToken;
use super::limits::within;
use super::owner::Owner;
use super::threads;
use crate::host;

#[cfg(test)]
mod tests;

/// How often a living run renews its lease: one small write each time.
const RENEWAL: Duration = Duration::from_secs(4);

/// How soon a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A lease that is not renewed for this long has expired: two renewals, and time for slow answers.
const EXPIRY: Duration = Duration::from_secs(10);

/// How often the marker of another run is read while it is watched.
const POLL: Duration = Duration::from_millis(250);

/// What a store's marker holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marker {
    /// Identifies the run that wrote it: no other run has the same.
    run: String,
    /// When that run took its lease.
    since: String,
    /// The process that holds the lease; none when the run has ended and kept its data.
    owner: Option<Owner>,
    /// Counts up with each renewal, which shows that the owner is alive.
    renewals: u64,
    /// What was loaded; none until that is complete.
    data: Option<String>,
}

impl Marker {
    fn parse(text: &str) -> Option<Marker> {
        serde_json::from_str(text).ok()
    }

    fn text(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::broken("cannot write a marker").caused_by(error))
    }
}

/// Whether a place may be taken.
#[derive(Debug)]
pub enum Place {
    /// Nobody holds it. With the marker that an earlier run left there, if any.
    Vacant(Option<String>),
    /// Somebody holds it; who, in one sentence.
    Occupied(String),
    /// Whether it is held cannot be known, because of this marker; why, in one sentence.
    Unknown(String, String),
}

/// Whether a lease is still held.
#[derive(Debug, PartialEq)]
pub enum Standing {
    /// It is this run's.
    Held,
    /// It is not; why, in one sentence.
    Lost(String),
}

/// The lease of one run.
#[derive(Debug)]
pub struct Lease {
    /// The store and the dataset, for messages.
    place: String,
    /// Whether our marker may be in the store. Set before it is sent: a run that is stopped while it waits for the answer
    /// still knows that there may be something to give up.
    sent: AtomicBool,
    /// Whether the store has ever confirmed it.
    confirmed: AtomicBool,
    /// Whether this run has replaced what an earlier one had left in the place.
    replaces: AtomicBool,
    /// How long the leases of others are watched.
    expiry: Duration,
    /// Our marker as the store last had it.
    marker: Mutex<Marker>,
}

impl Lease {
    /// The lease of a new run, not yet taken. `place` is named in messages.
    pub fn new(place: String) -> Self {
        let owner = Owner::this_process();
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let run = format!("{}-{}", owner.pid, since_epoch.as_nanos());
        let marker = Marker { run, since: host::timestamp(), owner: Some(owner), renewals: 0, data: None };
        Lease {
            place,
            sent: AtomicBool::new(false),
            confirmed: AtomicBool::new(false),
            replaces: AtomicBool::new(false),
            expiry: EXPIRY,
            marker: Mutex::new(marker),
        }
    }

    /// Finds out whether a living run holds the place, which may take as long as a lease is valid; `before_watching` is called
    /// when another run's lease has to be watched. Writes nothing.
    pub async fn inspect<S: Store>(&self, store: &S, before_watching: impl FnOnce()) -> Result<Place, Failure> {
        let Some(first) = store.read_marker().await? else { return Ok(Place::Vacant(None)) };
        let Some(marker) = Marker::parse(&first) else {
            let problem = format!("{} has a marker that this version of storebench does not understand", self.place);
            return Ok(Place::Unknown(first, problem));
        };
        if S::MARKER_IS_LOCKED || marker.owner.as_ref().is_none_or(Owner::has_ended) {
            return Ok(Place::Vacant(Some(first)));
        }
        before_watching();
        let began = Instant::now();
        while began.elapsed() < self.expiry {
            tokio::time::sleep(POLL).await;
            match store.read_marker().await? {
                None => return Ok(Place::Vacant(None)),
                Some(text) if text == first => {}
                Some(text) => match Marker::parse(&text) {
                    Some(Marker { owner: None, .. }) => return Ok(Place::Vacant(Some(text))),
                    _ => return Ok(Place::Occupied(self.occupied(&text))),
                },
            }
        }
        Ok(Place::Vacant(Some(first)))
    }

    /// Takes a vacant place, if it is still as it was found. Must not be cancelled half-way.
    pub async fn acquire<S: Store>(&self, store: &S, found: Option<String>) -> Result<Standing, Failure> {
        let mut marker = self.marker.lock().await;
        marker.data = found.as_deref().and_then(Marker::parse).and_then(|found| found.data);
        let text = marker.text()?;
        self.sent.store(true, Ordering::SeqCst);
        if store.swap_marker(found.as_deref(), &text).await? {
            self.confirmed.store(true, Ordering::SeqCst);
            return Ok(Standing::Held);
        }
        let there = store.read_marker().await?;
        self.sent.store(false, Ordering::SeqCst);
        Ok(Standing::Lost(there.map_or_else(|| self.gone(), |text| self.occupied(&text))))
    }

    /// Whether there may be anything of this run in the store.
    pub fn may_be_held(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    /// Whether the store has ever confirmed that the place is ours. What was sent and never answered may not be there.
    pub fn was_held(&self) -> bool {
        self.confirmed.load(Ordering::SeqCst)
    }

    /// Marks the data in the place as this run's from here on.
    pub fn mark_replaced(&self) {
        self.replaces.store(true, Ordering::SeqCst);
    }

    /// What an earlier run has loaded there and kept, if this run has not replaced it.
    pub async fn kept_data(&self) -> Option<String> {
        self.marker.lock().await.data.clone()
    }

    /// Whether data that an earlier run kept still lies there.
    pub async fn holds_kept_data(&self) -> bool {
        !self.replaces.load(Ordering::SeqCst) && self.marker.lock().await.data.is_some()
    }

    /// Counts up, which shows others that this run lives, and finds out whether the lease is still ours.
    pub async fn renew<S: Store>(&self, store: &S) -> Result<Standing, Failure> {
        self.write(store, |_| ()).await
    }

    /// Says what was loaded, for a later run to use again.
    pub async fn describe<S: Store>(&self, store: &S, data: &str) -> Result<Standing, Failure> {
        self.write(store, |marker| marker.data = Some(data.to_owned())).await
    }

    /// Gives the place up and leaves the data there.
    pub async fn release<S: Store>(&self, store: &S) -> Result<Standing, Failure> {
        self.write(store, |marker| marker.owner = None).await
    }

    async fn write<S: Store>(&self, store: &S, change: impl Fn(&mut Marker)) -> Result<Standing, Failure> {
        let mut held = self.marker.lock().await;
        loop {
            let mut next = held.clone();
            next.renewals += 1;
            change(&mut next);
            if store.swap_marker(Some(&held.text()?), &next.text()?).await? {
                *held = next;
                self.confirmed.store(true, Ordering::SeqCst);
                return Ok(Standing::Held);
            }
            // An earlier swap may have been carried out without an answer: what is there is then ours all the same.
            match store.read_marker().await? {
                Some(text) => match Marker::parse(&text) {
                    Some(there) if there.run == held.run && there != *held => *held = there,
                    _ => return Ok(Standing::Lost(self.occupied(&text))),
                },
                None => return Ok(Standing::Lost(self.gone())),
            }
        }
    }

    fn occupied(&self, text: &str) -> String {
        let run = match Marker::parse(text) {
            Some(Marker { owner: Some(owner), since, .. }) => format!(" (process {}, since {since})", owner.pid),
            Some(Marker { since, .. }) => format!(" (since {since})"),
            None => String::new(),
        };
        format!(
            "{} is used by another run of storebench{run}; wait for its end or give each run a place of its own",
            self.place
        )
    }

    fn gone(&self) -> String {
        format!("the marker of this run is gone from {}: somebody has removed it", self.place)
    }
}

/// Renews a lease until it is dropped. A lease that is lost stops the run.
pub struct Renewal {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewal {
    /// Starts to renew, on a thread beside the measured ones.
    pub fn start<S: Store>(lease: Arc<Lease>, store: Arc<S>, cancel: Arc<CancelToken>) -> anyhow::Result<Renewal> {
        let runtime = threads::admin_runtime()?;
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("lease".into()).spawn(move || {
            let renewing = async {
                if S::MARKER_IS_LOCKED {
                    return std::future::pending().await;
                }
                let mut wait = RENEWAL;
                loop {
                    tokio::time::sleep(wait).await;
                    wait = match within(EXPIRY, lease.renew(&*store)).await {
                        Ok(Standing::Held) => RENEWAL,
                        Ok(Standing::Lost(why)) => return cancel.cancel_because(why),
                        Err(_) => RETRY,
                    };
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = ended => {}
                    () = renewing => {}
                }
            });
        })?;
        Ok(Renewal { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; the end of the run reads the marker anyway.
            let _ = thread.join();
        }
    }
}
