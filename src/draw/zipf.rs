//! Zipf's law in two forms, exact and as YCSB draws it, and the permutation that scatters its hot ranks over the key space.
//!
//! [`Zipfian`] is exact for any exponent. [`ZipfianYcsb`] is the closed form of Gray et al. that YCSB uses, which it
//! reproduces with its faults (ranks 3 to 10 are 19 to 4 % too likely, measured), because figures are compared with
//! YCSB's. Both draw ranks from 0, the most popular. Which key a rank stands for is decided in `keys.rs`.

use crate::draw::ycsb;
use rand::RngExt;
use rand_xoshiro::SplitMix64;

/// The only exponent that YCSB offers.
pub const YCSB_EXPONENT: f64 = 0.99;
/// How many items YCSB's scrambled generator ranks, whatever the size of the table: ranks `0..=10^10`.
const SCRAMBLED_RANKS: u64 = 10_000_000_001;
/// YCSB's zeta for them, which it keeps as a constant because summing 10^10 terms takes a minute.
const SCRAMBLED_ZETA: f64 = 26.469_028_201_783_02;

/// Exact Zipf: rank k of `0..n` has a probability proportional to (k+1)^-exponent, for any exponent > 0.
///
/// Rejection-inversion (Hörmann & Derflinger, ACM TOMACS 6:3, 1996): no set-up sums, no table, about one uniform a draw
/// at any n. It writes the hat's integral with `exp_m1` and `ln_1p`, so exponents next to 1 lose no digits.
#[derive(Debug, Clone, Copy)]
pub struct Zipfian {
    ranks: u64,
    exponent: f64,
    /// Hat integral at 1.5, less the whole mass of the first rank: where inversion starts.
    low: f64,
    /// Hat integral at n + 0.5: where inversion ends.
    high: f64,
    /// A point at most this far below its rank is accepted without evaluating the hat.
    accept_within: f64,
}

impl Zipfian {
    /// Zipf over ranks `0..n`.
    ///
    /// # Errors
    ///
    /// If `n` is 0, or the exponent is not a positive finite number.
    pub fn new(n: u64, exponent: f64) -> Result<Self, String> {
        if n == 0 {
            return Err("zipfian needs at least one key".into());
        }
        if !(exponent > 0.0 && exponent.is_finite()) {
            return Err(format!("exponent = {exponent}: zipfian needs a number above 0"));
        }
        let mut zipfian = Zipfian { ranks: n, exponent, low: 0.0, high: 0.0, accept_within: 0.0 };
        zipfian.low = zipfian.integral(1.5) - 1.0;
        zipfian.high = zipfian.integral(n as f64 + 0.5);
        zipfian.accept_within = 2.0 - zipfian.inverse(zipfian.integral(2.5) - zipfian.weight(2.0));
        Ok(zipfian)
    }

    /// The number of ranks.
    pub fn ranks(&self) -> u64 {
        self.ranks
    }

    /// Lets the number of ranks grow to `n`.
    pub fn grow(&mut self, n: u64) {
        self.ranks = self.ranks.max(n);
        self.high = self.integral(self.ranks as f64 + 0.5);
    }

    /// The unnormalized probability of a rank, from 0: all ranks share a factor.
    pub fn mass(&self, rank: u64) -> f64 {
        self.weight(rank as f64 + 1.0)
    }

    /// A rank in `0..n`; 0 is the most popular.
    #[inline]
    pub fn draw(&self, rng: &mut SplitMix64) -> u64 {
        loop {
            let area = self.high + rng.random::<f64>() * (self.low - self.high);
            let point = self.inverse(area);
            let rank = ((point + 0.5) as u64).clamp(1, self.ranks);
            let x = rank as f64;
            if x - point <= self.accept_within || area >= self.integral(x + 0.5) - self.weight(x) {
                return rank - 1;
            }
        }
    }

    /// The unnormalized probability of x: x^-exponent.
    fn weight(&self, x: f64) -> f64 {
        x.powf(-self.exponent)
    }

    /// Integral of the weight from 1 to x: (x^(1-s) - 1) / (1-s), or ln x where s = 1.
    fn integral(&self, x: f64) -> f64 {
        let rest = 1.0 - self.exponent;
        if rest == 0.0 { x.ln() } else { (rest * x.ln()).exp_m1() / rest }
    }

    /// The x of which `area` is the integral.
    #[inline]
    fn inverse(&self, area: f64) -> f64 {
        let rest = 1.0 - self.exponent;
        if rest == 0.0 { area.exp() } else { ((rest * area).max(-1.0).ln_1p() / rest).exp() }
    }
}

/// YCSB's Zipf with exponent 0.99: the closed form of Gray et al., "Quickly generating billion-record synthetic
/// databases", SIGMOD 1994, over a number of items that may grow.
#[derive(Debug, Clone, Copy)]
pub struct ZipfianYcsb {
    /// The current number of items, which is also the number of ranks.
    items: u64,
    /// 2/n of the *first* n to the power 1-θ: YCSB grows zeta with the items but keeps this.
    head: f64,
    zeta: f64,
    eta: f64,
    /// Where u·zeta is below this and not below 1, the rank is 1.
    second: f64,
    alpha: f64,
}

/// The integer part of items * base^alpha by squaring, which takes half the time of `powf`; `None` if it is too close
/// to an integer to be certain of.
///
/// alpha is 1 / (1 - 0.99) in floating point, 8.6e-14 below 100. With |ln base| < 0.24 the two powers differ by 2.1e-14 of
/// their value, and eight roundings add 1e-15.
#[inline]
fn rank_by_squaring(items: f64, base: f64) -> Option<u64> {
    const ERROR: f64 = 4e-14;
    let power_4 = (base * base) * (base * base);
    let power_16 = (power_4 * power_4) * (power_4 * power_4);
    let power_32 = power_16 * power_16;
    let rank = items * ((power_32 * power_32) * (power_32 * power_4));
    // By way of a signed integer: without SSE 4.1, `trunc` is a function and a cast to an unsigned one takes two.
    let whole = rank as i64;
    let (above, error) = (rank - whole as f64, rank * ERROR);
    (above > error && above < 1.0 - error && base > 0.79).then_some(whole as u64)
}

impl ZipfianYcsb {
    /// Over ranks `0..items` (YCSB's `zipfian` scan and field lengths; `latest`). `items` = 0 is taken as 1.
    pub fn new(items: u64) -> Self {
        Self::with_zeta(items.max(1), zeta(items.max(1)))
    }

    /// The generator under YCSB's `zipfian` request distribution: over 10^10 + 1 ranks whatever the table's size, with
    /// the constant zeta. Its ranks are meant for [`fold`].
    pub fn scrambled() -> Self {
        Self::with_zeta(SCRAMBLED_RANKS, SCRAMBLED_ZETA)
    }

    fn with_zeta(items: u64, zeta: f64) -> Self {
        let rest = 1.0 - YCSB_EXPONENT;
        let head = (2.0 / items as f64).powf(rest);
        let second = 1.0 + 0.5_f64.powf(YCSB_EXPONENT);
        let mut zipfian = ZipfianYcsb { items, head, zeta: 0.0, eta: 0.0, second, alpha: 1.0 / rest };
        zipfian.set_zeta(zeta);
        zipfian
    }

    fn set_zeta(&mut self, zeta: f64) {
        self.zeta = zeta;
        self.eta = (1.0 - self.head) / (1.0 - self.second / zeta);
    }

    /// Lets the number of items grow. As in YCSB, a smaller number changes nothing but the range of the next draw.
    #[inline]
    pub fn grow(&mut self, items: u64) {
        if items > self.items {
            self.items = items;
            self.set_zeta(zeta(items));
        }
    }

    /// The number of ranks.
    pub fn ranks(&self) -> u64 {
        self.items
    }

    /// A rank in `0..items`; 0 is the most popular.
    #[inline]
    pub fn draw(&self, rng: &mut SplitMix64) -> u64 {
        self.rank(rng.random())
    }

    /// The rank at `u`, uniform in [0, 1). The last clamp is not YCSB's, which runs over the end where rounding, or a
    /// table that grew from one or two items, lets it.
    #[inline]
    fn rank(&self, u: f64) -> u64 {
        let uz = u * self.zeta;
        if uz < 1.0 {
            return 0;
        }
        if uz < self.second {
            return 1.min(self.items - 1);
        }
        let base = self.eta * u - self.eta + 1.0;
        let rank = rank_by_squaring(self.items as f64, base).unwrap_or_else(|| self.rank_by_power(base));
        rank.min(self.items - 1)
    }

    /// The probability of all ranks below this one together: the u at which the closed form arrives at it.
    pub fn cumulative(&self, rank: u64) -> f64 {
        let u = match rank {
            0 => 0.0,
            _ if rank >= self.items => 1.0,
            1 => 1.0 / self.zeta,
            _ => {
                let base = (rank as f64 / self.items as f64).powf(1.0 / self.alpha);
                ((base - 1.0 + self.eta) / self.eta).max(self.second / self.zeta)
            }
        };
        u.min(1.0)
    }

    #[cold]
    fn rank_by_power(&self, base: f64) -> u64 {
        (self.items as f64 * base.powf(self.alpha)) as u64
    }
}

/// YCSB's scrambling: the key for a rank among `keys` of them, by hash and remainder. Not a permutation: ranks collide,
/// which is why YCSB's `zipfian` is far flatter than Zipf (top 20 % of 10^6 keys: .62 of accesses, not .88).
#[inline]
pub fn fold(rank: u64, keys: u64) -> u64 {
    ycsb::hash_of_any(rank) % keys
}

/// Sum of i^-0.99 for i in 1..=n, to rounding and in constant time: by Euler-Maclaurin beyond a hundred terms, where the
/// first neglected term is below 1e-14. YCSB sums n terms, 1 s at 10^8, and adds the new ones as a table grows.
pub fn zeta(n: u64) -> f64 {
    /// Riemann's zeta at the double nearest to 0.99.
    const LIMIT: f64 = -99.423_512_977_728_1;
    let s = YCSB_EXPONENT;
    if n <= 100 {
        return (1..=n).map(|i| (i as f64).powf(-s)).sum();
    }
    let x = n as f64;
    let term = x.powf(-s);
    let correction = s / (12.0 * x) - s * (s + 1.0) * (s + 2.0) / (720.0 * x.powi(3));
    LIMIT + term * (x / (1.0 - s) + 0.5 - correction)
}

/// A permutation of `0..n` that looks random: the same in every run, without collisions, for any n.
///
/// Steps that are each a bijection of b-bit numbers (add, xor with own high half, multiply by an odd number), where
/// 2^b is the first power of two that holds n, walked again while the result is outside of `0..n` (Black & Rogaway's
/// cycle walking, CT-RSA 2002): fewer than two walks on average.
#[derive(Debug, Clone, Copy)]
pub struct Scatter {
    n: u64,
    mask: u64,
    half: u32,
}

impl Scatter {
    /// The permutation of `0..n`; `n` = 0 is taken as 1.
    pub fn new(n: u64) -> Self {
        let n = n.max(1);
        let bits = u64::BITS - (n - 1).leading_zeros();
        Scatter { n, mask: u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0), half: bits.div_ceil(2).max(1) }
    }

    /// Where `x` goes, for `x` below n. Beyond, `x` is first taken modulo n.
    #[inline]
    pub fn place(&self, x: u64) -> u64 {
        let mut x = if x < self.n { x } else { x % self.n };
        loop {
            x = self.walk(x);
            if x < self.n {
                return x;
            }
        }
    }

    /// One pass over b-bit numbers, with the multipliers of SplitMix64.
    #[inline]
    fn walk(&self, x: u64) -> u64 {
        let mut x = x.wrapping_add(0x9e37_79b9_7f4a_7c15) & self.mask;
        x = (x ^ (x >> self.half)).wrapping_mul(0xbf58_476d_1ce4_e5b9) & self.mask;
        x = (x ^ (x >> self.half)).wrapping_mul(0x94d0_49bb_1331_11eb) & self.mask;
        x ^ (x >> self.half)
    }
}

/// The key for each rank of Zipf's law, one for one.
///
/// Ranks beyond the room that was made at first are laid out in blocks, each as large as all before it: a table that
/// outgrows its room keeps its popular keys.
#[derive(Debug, Clone, Copy)]
pub struct RankLayout {
    room: u64,
    scatter: Option<Scatter>,
}

impl RankLayout {
    /// A layout with room for `room` ranks at first, in order or scattered.
    pub fn new(room: u64, scattered: bool) -> Self {
        let room = room.max(1);
        RankLayout { room, scatter: scattered.then(|| Scatter::new(room)) }
    }

    /// The key of a rank.
    #[inline]
    pub fn key(&self, rank: u64) -> u64 {
        match self.scatter {
            None => rank,
            Some(scatter) if rank < self.room => scatter.place(rank),
            Some(_) => self.beyond(rank),
        }
    }

    #[cold]
    fn beyond(&self, rank: u64) -> u64 {
        let mut block = self.room;
        while rank - block >= block {
            block *= 2;
        }
        block + Scatter::new(block).place(rank - block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use std::collections::HashSet;

    fn rng() -> SplitMix64 {
        SplitMix64::seed_from_u64(7)
    }

    /// Pearson's chi-squared of a million draws against k^-exponent, in standard deviations above its mean.
    fn misfit(ranks: u64, exponent: f64) -> f64 {
        const DRAWS: u64 = 1_000_000;
        let zipfian = Zipfian::new(ranks, exponent).expect("the parameters are valid");
        let mut counts = vec![0.0; ranks as usize];
        let mut rng = rng();
        (0..DRAWS).for_each(|_| counts[zipfian.draw(&mut rng) as usize] += 1.0);
        let weights: Vec<f64> = (1..=ranks).map(|k| (k as f64).powf(-exponent)).collect();
        let scale = DRAWS as f64 / weights.iter().sum::<f64>();
        let chi_squared: f64 =
            counts.iter().zip(&weights).map(|(count, w)| (count - w * scale).powi(2) / (w * scale)).sum();
        let freedom = (ranks - 1) as f64;
        (chi_squared - freedom) / (2.0 * freedom).sqrt()
    }

    #[test]
    fn squaring_gives_the_ranks_that_the_power_gives() {
        let zipfian = ZipfianYcsb::scrambled();
        let mut rng = SplitMix64::seed_from_u64(1);
        let mut undecided = 0;
        for _ in 0..1_000_000 {
            // Below it, u stands for the ranks 0 and 1 and no power is taken.
            let u = rng.random_range(zipfian.second / zipfian.zeta..1.0);
            let base = zipfian.eta * u - zipfian.eta + 1.0;
            let exact = (zipfian.items as f64 * base.powf(zipfian.alpha)) as u64;
            match rank_by_squaring(zipfian.items as f64, base) {
                Some(rank) => assert_eq!(rank, exact, "at {base}"),
                None => undecided += 1,
            }
        }
        assert!(undecided < 2_000, "{undecided} of a million are left to the power");
    }

    #[test]
    fn exact_zipf_follows_the_law_below_at_and_above_exponent_one() {
        for exponent in [0.2, 0.5, 0.99, 1.0 - 1e-12, 1.0, 1.01, 1.5] {
            let misfit = misfit(200, exponent);
            assert!(misfit < 5.0, "exponent {exponent}: chi-squared {misfit:.1} sigma too large");
        }
        assert!(misfit(5, 4.0) < 5.0);
        assert!(misfit(2, 0.99) < 5.0);
    }

    #[test]
    fn exact_zipf_refuses_what_is_not_a_law() {
        for exponent in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Zipfian::new(10, exponent).expect_err("not an exponent").contains("exponent"));
        }
        assert!(Zipfian::new(0, 1.0).is_err());
    }

    #[test]
    fn zeta_agrees_with_the_sum_and_with_the_constant_of_ycsb() {
        let sum: f64 = (1..=1_000_000_u64).rev().map(|i| (i as f64).powf(-YCSB_EXPONENT)).sum();
        assert!((zeta(1_000_000) - sum).abs() < 1e-12, "{} and {sum}", zeta(1_000_000));
        let hundred: f64 = (1..=101).map(|i| f64::from(i).powf(-YCSB_EXPONENT)).sum();
        assert!((zeta(101) - hundred).abs() < 1e-12);
        // YCSB's constant carries the rounding of 10^10 additions.
        assert!((zeta(10_000_000_000) - SCRAMBLED_ZETA).abs() < 1e-10);
    }

    #[test]
    fn the_closed_form_gives_the_ranks_that_an_independent_computation_gives() {
        let scrambled = ZipfianYcsb::scrambled();
        let vectors = [
            (0.0, 0, 144),
            (0.0378, 1, 610),
            (0.06, 2, 213),
            (0.1, 6, 942),
            (0.25, 296, 809),
            (0.5, 134_552, 367),
            (0.75, 42_924_421, 767),
            (0.999, 9_790_013_524, 483),
        ];
        for (u, rank, key) in vectors {
            assert_eq!((scrambled.rank(u), fold(rank, 1001)), (rank, key), "u = {u}");
        }
        let plain = ZipfianYcsb::new(1000);
        for (u, rank) in [(0.1, 0), (0.15, 1), (0.2, 2), (0.3, 4), (0.5, 22), (0.75, 151), (0.9, 471), (0.999, 992)] {
            assert_eq!(plain.rank(u), rank, "u = {u}");
        }
    }

    #[test]
    fn the_closed_form_is_below_a_rank_as_often_as_it_draws_one_below_it() {
        for zipfian in [ZipfianYcsb::scrambled(), ZipfianYcsb::new(1000), ZipfianYcsb::new(3)] {
            for rank in [1, 2, 3, 10, 100, 999, 1000, 1_000_000, 5_000_000_000] {
                let below = zipfian.cumulative(rank);
                assert!(zipfian.rank((below - 1e-9).max(0.0)) < rank, "{rank} of {}", zipfian.ranks());
                assert!(below == 1.0 || zipfian.rank(below + 1e-9) >= rank, "{rank} of {}", zipfian.ranks());
            }
        }
    }

    #[test]
    fn growth_changes_zeta_and_keeps_the_first_number_of_items_as_in_ycsb() {
        let mut grown = ZipfianYcsb::new(1000);
        grown.grow(2000);
        for (u, rank) in [(0.1, 0), (0.2, 4), (0.3, 10), (0.5, 47), (0.75, 315), (0.9, 958), (0.999, 1985)] {
            assert_eq!(grown.rank(u), rank, "u = {u}");
        }
        grown.grow(10);
        assert_eq!(grown.ranks(), 2000);
    }

    #[test]
    fn small_scatters_are_permutations() {
        for n in 1..=700 {
            let scatter = Scatter::new(n);
            let places: HashSet<u64> = (0..n).map(|x| scatter.place(x)).collect();
            assert_eq!(places.len() as u64, n);
            assert!(places.iter().all(|place| *place < n));
        }
    }

    #[test]
    fn keys_beyond_the_first_room_are_a_permutation_that_moves_no_earlier_one() {
        for room in [1, 7, 100] {
            let layout = RankLayout::new(room, true);
            let keys: Vec<u64> = (0..8 * room).map(|rank| layout.key(rank)).collect();
            let scatter = Scatter::new(room);
            assert!((0..room).all(|rank| keys[rank as usize] == scatter.place(rank)));
            for rooms in [1, 2, 4, 8] {
                let within: HashSet<u64> = keys[..(rooms * room) as usize].iter().copied().collect();
                assert!(within.len() as u64 == rooms * room && within.iter().all(|key| *key < rooms * room));
            }
        }
    }

    #[test]
    fn scatter_leaves_no_trace_of_the_order() {
        const N: u64 = 1_000_000;
        let scatter = Scatter::new(N);
        let tenths = (0..10_000).map(|x| scatter.place(x) * 10 / N).fold([0_u32; 10], |mut tenths, tenth| {
            tenths[tenth as usize] += 1;
            tenths
        });
        // 1000 +- 30 in each tenth, were it random.
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
    }

    proptest! {
        #[test]
        fn large_scatters_stay_inside_and_never_collide(n in 1_u64.., start in any::<u64>()) {
            let scatter = Scatter::new(n);
            let sample: HashSet<u64> = (0..200).map(|i| start.wrapping_add(i * (n / 300)) % n).collect();
            let places: HashSet<u64> = sample.iter().map(|x| scatter.place(*x)).collect();
            prop_assert_eq!(places.len(), sample.len());
            prop_assert!(places.iter().all(|place| *place < n));
        }

        #[test]
        fn ranks_stay_inside(n in 1_u64.., exponent in 1e-6_f64..1000.0, u in 0.0_f64..1.0, seed in any::<u64>()) {
            let mut rng = SplitMix64::seed_from_u64(seed);
            let zipfian = Zipfian::new(n, exponent).expect("the parameters are valid");
            prop_assert!((0..20).all(|_| zipfian.draw(&mut rng) < n));
            let mut ycsb = ZipfianYcsb::new(n % 10);
            prop_assert!(ycsb.rank(u) < (n % 10).max(1));
            ycsb.grow(n);
            prop_assert!(ycsb.rank(u) < n.max(10));
        }
    }
}
