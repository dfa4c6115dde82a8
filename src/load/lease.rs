//! The lease of a run on the place of its data in a store, so that two runs never use one place at the same time.
//!
//! It stands in the store's marker beside the data. A run takes it before it touches anything, by an atomic swap; renews
//! it while it lives, by counting up; and gives it up in the end. A later run watches the marker: if the count changes, its
//! owner lives and the later run is refused; if it stays the same for [`EXPIRY`], the owner has died and its place is
//! taken over with all that it left. No clocks are compared. The lease is no lock: a process that is stopped for longer
//! than that has lost it, finds out when it goes on, and ends its run as invalid.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use drivers::{Failure, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, oneshot};

use super::client::within;
use super::now;
use super::owner::Owner;
use super::pace::CancelToken;
use super::threads;

#[cfg(test)]
mod tests;

/// How often a living run renews its lease: one small write each time.
const RENEWAL: Duration = Duration::from_secs(4);

/// How soon a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A lease that is not renewed for so long has expired: two renewals, and time for slow answers.
const EXPIRY: Duration = Duration::from_secs(10);

/// How often the marker is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// What stands in a store's marker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marker {
    /// The run that wrote it, unlike any other.
    run: String,
    since: String,
    /// The process that holds the lease; none when the run has ended and kept its data.
    owner: Option<Owner>,
    renewals: u64,
    /// What was loaded, when that was completed.
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
    /// Nobody holds it. With the marker that an earlier run left there.
    Vacant(Option<String>),
    /// Somebody does, in one sentence.
    Occupied(String),
    /// Nobody can tell, because of this marker; in one sentence.
    Unknown(String, String),
}

/// What has become of a lease.
#[derive(Debug, PartialEq)]
pub enum Standing {
    Held,
    /// Why, in one sentence.
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
    /// Whether what an earlier run has left in the place had to give way.
    replaces: AtomicBool,
    /// How long the leases of others are watched.
    expiry: Duration,
    /// Our marker as the store last had it.
    marker: Mutex<Marker>,
}

impl Lease {
    /// Of a new run. `place` is named in messages.
    pub fn new(place: String) -> Self {
        let owner = Owner::this();
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let run = format!("{}-{}", owner.pid, since_epoch.as_nanos());
        let marker = Marker { run, since: now(), owner: Some(owner), renewals: 0, data: None };
        Lease {
            place,
            sent: AtomicBool::new(false),
            confirmed: AtomicBool::new(false),
            replaces: AtomicBool::new(false),
            expiry: EXPIRY,
            marker: Mutex::new(marker),
        }
    }

    /// Looks whether a living run holds the place, which may take as long as a lease is valid. Writes nothing.
    pub async fn look<S: Store>(&self, store: &S, watching: impl FnOnce(&str)) -> Result<Place, Failure> {
        let Some(first) = store.read_marker().await? else { return Ok(Place::Vacant(None)) };
        let Some(marker) = Marker::parse(&first) else {
            let problem = format!("{} has a marker that this version of storebench does not understand", self.place);
            return Ok(Place::Unknown(first, problem));
        };
        if S::MARKER_IS_LOCKED || marker.owner.as_ref().is_none_or(Owner::has_ended) {
            return Ok(Place::Vacant(Some(first)));
        }
        watching("an earlier run has left its lease: watch whether that run is alive");
        let began = Instant::now();
        while began.elapsed() < self.expiry {
            tokio::time::sleep(LOOK).await;
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

    /// Takes a vacant place, if it is still as it was found. Not to be cancelled.
    pub async fn take<S: Store>(&self, store: &S, found: Option<String>) -> Result<Standing, Failure> {
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

    /// From here on, what lies in the place is this run's.
    pub fn replace(&self) {
        self.replaces.store(true, Ordering::SeqCst);
    }

    /// What an earlier run has left in the place, complete, and what this one has not replaced.
    pub async fn data(&self) -> Option<String> {
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
    pub fn of<S: Store>(lease: Arc<Lease>, store: Arc<S>, stop: Arc<CancelToken>) -> anyhow::Result<Renewal> {
        let runtime = threads::runtime()?;
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
                        Ok(Standing::Lost(why)) => return stop.because(why),
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
