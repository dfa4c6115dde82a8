//! A sweep over numbers of clients in a closed loop: which levels, in which order, and for how long each.

use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::SplitMix64;

/// Each number of clients is measured so often, in an order of its own each time: one figure says nothing about its error.
const ROUNDS: u64 = 2;
/// Loading, warm-up, drain and check of a level, as they are expected.
const OVERHEAD: Duration = Duration::from_secs(4);
/// A shorter window has no interval, and hangs on single checkpoints.
const SHORTEST: Duration = Duration::from_secs(5);

/// The levels of a sweep over clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientsPlan {
    /// Numbers of clients in the order in which they are measured.
    pub order: Vec<u32>,
    /// How long each is measured, after a warm-up.
    pub window: Duration,
}

impl ClientsPlan {
    /// Every number of clients twice, within the budget.
    ///
    /// # Errors
    /// When the budget is too short: the shortest that does.
    pub fn new(clients: &[u32], budget: Duration, warmup: Duration, seed: u64) -> Result<ClientsPlan, Duration> {
        let mut rng = SplitMix64::seed_from_u64(seed);
        let mut round = || {
            let mut order = clients.to_vec();
            order.shuffle(&mut rng);
            order
        };
        let order: Vec<u32> = (0..ROUNDS).flat_map(|_| round()).collect();
        let levels = order.len() as u32;
        let window = (budget / levels).saturating_sub(OVERHEAD + warmup);
        let window = Duration::from_secs(window.as_secs());
        if window < SHORTEST { Err((SHORTEST + OVERHEAD + warmup) * levels) } else { Ok(ClientsPlan { order, window }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_clients_comes_once_a_round_in_shuffled_order_and_fits_the_budget() {
        let clients = [1, 2, 4, 8, 16];
        let [budget, warmup] = [300, 1].map(Duration::from_secs);
        let plan = ClientsPlan::new(&clients, budget, warmup, 42).expect("30 s each");
        for round in plan.order.chunks(clients.len()) {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, clients);
        }
        assert_ne!(plan.order[..5], plan.order[5..], "a drift must not follow the load");
        assert_eq!(plan.window, Duration::from_secs(25));
        assert_eq!(ClientsPlan::new(&clients, Duration::from_secs(60), warmup, 42), Err(Duration::from_secs(100)));
    }
}
