//! The lease against a store whose answers may be lost, and against other runs.

use std::collections::VecDeque;
use std::sync::Mutex as Lock;

use drivers::NoOptions;
use drivers::memory::Memory;
use drivers::{
    Binding, Capabilities, Dataset, Description, Durability, FailureKind, Footprint, Op, Opening, Placement,
};

use super::*;

/// A store of which only the marker matters. `trouble` holds what becomes of the next swaps.
struct Shelf {
    memory: Memory,
    marker: Lock<Option<String>>,
    trouble: Lock<VecDeque<Trouble>>,
}

/// What may happen to a swap.
enum Trouble {
    /// It is carried out, and its answer is lost.
    NoAnswer,
    /// Its request never arrives at the store.
    NoRequest,
}

fn no_answer() -> Failure {
    Failure::new(FailureKind::Timeout, "no answer")
}

impl Store for Shelf {
    type Config = NoOptions;
    type Session = <Memory as Store>::Session;
    const NAME: &'static str = "shelf";
    const ABOUT: &'static str = "";
    const CAPABILITIES: Capabilities = Memory::CAPABILITIES;
    const PLACEMENT: Placement = Placement::Embedded;
    const BEST_DURABILITY: Durability = Durability::Memory;

    async fn open(config: NoOptions, opening: Opening) -> Result<Self, Failure> {
        let memory = Memory::open(config, opening).await?;
        Ok(Shelf { memory, marker: Lock::default(), trouble: Lock::default() })
    }

    async fn reset(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        Ok(self.marker.lock().expect("no panic").clone())
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        let trouble = self.trouble.lock().expect("no panic").pop_front();
        if matches!(trouble, Some(Trouble::NoRequest)) {
            return Err(no_answer());
        }
        let mut marker = self.marker.lock().expect("no panic");
        let is_expected = marker.as_deref() == expected;
        if is_expected {
            *marker = Some(new.to_owned());
        }
        if trouble.is_some() { Err(no_answer()) } else { Ok(is_expected) }
    }

    async fn after_load(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn session(&self) -> Result<Self::Session, Failure> {
        self.memory.session().await
    }

    async fn describe(&self) -> Result<Description, Failure> {
        self.memory.describe().await
    }

    fn explain(&self, op: &Op) -> Binding {
        self.memory.explain(op)
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        self.memory.footprint().await
    }

    async fn close(&self, _: bool) -> Result<(), Failure> {
        Ok(())
    }
}

async fn shelf() -> Shelf {
    let opening = Opening::new(Arc::new(Dataset::default()), Durability::Memory);
    Shelf::open(NoOptions::default(), opening).await.expect("opened")
}

fn lease() -> Lease {
    Lease { expiry: Duration::from_millis(600), ..Lease::new("the place".into()) }
}

/// What is found, which must be vacant.
async fn vacant(lease: &Lease, store: &Shelf) -> Option<String> {
    match lease.inspect(store, || ()).await.expect("an answer") {
        Place::Vacant(found) => found,
        other => panic!("{other:?}"),
    }
}

async fn held(store: &Shelf) -> Lease {
    let lease = lease();
    assert_eq!(lease.acquire(store, vacant(&lease, store).await).await.expect("an answer"), Standing::Held);
    lease
}

fn put(store: &Shelf, marker: Option<&str>) {
    *store.marker.lock().expect("no panic") = marker.map(str::to_owned);
}

fn reason(standing: Result<Standing, Failure>) -> String {
    match standing.expect("an answer") {
        Standing::Lost(why) => why,
        Standing::Held => panic!("it is held"),
    }
}

#[tokio::test]
async fn a_lease_that_is_renewed_keeps_others_away() {
    let store = Arc::new(shelf().await);
    let first = held(&store).await;
    let (renewed, second) = (
        async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                assert_eq!(first.renew(&*store).await.expect("an answer"), Standing::Held);
            }
        },
        lease(),
    );
    let (place, ()) = tokio::join!(second.inspect(&*store, || ()), renewed);
    let Place::Occupied(by) = place.expect("an answer") else { panic!("it is taken") };
    assert!(by.contains("the place is used by another run") && by.contains(&std::process::id().to_string()), "{by}");
    assert!(!second.may_be_held());
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_expires_and_its_owner_finds_out() {
    let store = shelf().await;
    let first = held(&store).await;
    let began = Instant::now();
    let second = held(&store).await;
    assert!(began.elapsed() >= second.expiry, "it was watched for {:?}", began.elapsed());
    assert!(reason(first.renew(&store).await).contains("used by another run"));
    assert_eq!(second.renew(&store).await.expect("an answer"), Standing::Held);
}

#[tokio::test]
async fn a_place_that_was_given_up_is_free_at_once_with_what_was_kept() {
    let store = shelf().await;
    let first = held(&store).await;
    first.describe(&store, "1000 rows").await.expect("an answer");
    first.release(&store).await.expect("an answer");
    let began = Instant::now();
    let second = held(&store).await;
    assert!(began.elapsed() < second.expiry / 2);
    assert_eq!(second.kept_data().await.as_deref(), Some("1000 rows"));
    assert!(second.holds_kept_data().await, "until it is replaced");
    second.mark_replaced();
    assert!(!second.holds_kept_data().await);
}

#[tokio::test]
async fn of_two_who_find_a_place_vacant_one_gets_it() {
    let store = shelf().await;
    let (first, second) = (lease(), lease());
    let (found_by_first, found_by_second) = (vacant(&first, &store).await, vacant(&second, &store).await);
    assert_eq!(first.acquire(&store, found_by_first).await.expect("an answer"), Standing::Held);
    assert!(reason(second.acquire(&store, found_by_second).await).contains("used by another run"));
    assert!(!second.may_be_held(), "there is nothing of it to remove");
}

#[tokio::test]
async fn what_became_of_a_swap_without_an_answer_is_found_out() {
    for (trouble, is_there) in [(Trouble::NoAnswer, true), (Trouble::NoRequest, false)] {
        let (store, lease) = (shelf().await, lease());
        store.trouble.lock().expect("no panic").push_back(trouble);
        lease.acquire(&store, None).await.expect_err("no answer");
        assert!(lease.may_be_held() && !lease.was_held());
        let standing = lease.renew(&store).await.expect("an answer");
        assert_eq!(standing == Standing::Held, is_there, "{standing:?}");
        assert_eq!(lease.was_held(), is_there);
    }
    // Nor is a lease lost for want of an answer to a renewal.
    let store = shelf().await;
    let lease = held(&store).await;
    for trouble in [Trouble::NoAnswer, Trouble::NoRequest] {
        store.trouble.lock().expect("no panic").push_back(trouble);
        lease.renew(&store).await.expect_err("no answer");
        assert_eq!(lease.renew(&store).await.expect("an answer"), Standing::Held);
    }
}

#[tokio::test]
async fn a_marker_that_is_gone_is_reported() {
    let store = shelf().await;
    let lease = held(&store).await;
    put(&store, None);
    assert!(reason(lease.renew(&store).await).contains("the marker of this run is gone"));
    assert_eq!(store.read_marker().await.expect("an answer"), None, "it is not put back");
}

#[tokio::test]
async fn a_marker_of_a_run_that_has_ended_here_is_vacant_at_once() {
    let store = shelf().await;
    let mut marker = Marker::parse(&held(&store).await.marker.lock().await.text().expect("text")).expect("a marker");
    let mut ended = Owner::this_process();
    ended.pid = u32::MAX;
    marker.owner = Some(ended);
    put(&store, Some(&marker.text().expect("text")));
    let began = Instant::now();
    held(&store).await;
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_marker_that_nobody_understands_is_left_alone() {
    let store = shelf().await;
    put(&store, Some("run 17"));
    assert!(matches!(lease().inspect(&store, || ()).await, Ok(Place::Unknown(marker, _)) if marker == "run 17"));
}
