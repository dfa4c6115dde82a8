//! The last values written to fields: to all of them in a short run, to those of a sample of keys in a long one. An insert
//! writes all fields of its record, and a delete leaves nothing in them.
//!
//! A lane follows every field that it writes until there are many; then only those of every second key, of every fourth,
//! and so on. The keys' hashes alone decide which, so that all lanes follow the same keys: a write that one lane has not
//! kept could be the last one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A field of a record: the lower half of its key's hash, and its position.
pub type FieldOf = (u64, u32);

/// How many fields of a table a lane follows at most: half a megabyte.
const MOST: usize = 4_096;
/// How many unanswered writes of a field are kept by value. Each takes a time-out: with more of them, the field proves
/// nothing.
const MOST_UNANSWERED: usize = 8;
/// What a field of a deleted record holds, in the place of a value's hash.
pub const GONE: u64 = 0;
/// The end of a write that was not answered: it may arrive after any other.
const NEVER: u64 = u64::MAX;

/// The fields of a table that are followed.
#[derive(Debug, Clone, Default)]
pub struct LastWrites {
    fields: HashMap<FieldOf, Vec<Write>>,
    /// The keys are followed whose hashes have none of these bits.
    mask: u64,
    /// How many fields acknowledged updates have written, each as often as it was written.
    pub written: u64,
}

/// One write of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Write {
    /// Hash of the value; none stands for any value.
    value: Option<u64>,
    /// When it was sent.
    started_ns: u64,
    /// When it was acknowledged.
    ended_ns: u64,
}

/// How the followed fields compare with what the store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FieldComparison {
    /// Fields that were compared.
    pub compared: u64,
    /// Those of them that hold something else.
    pub wrong: u64,
    /// Fields that could not be compared: only unanswered writes are known.
    pub open: u64,
}

/// A field of the record whose key has this hash.
pub fn field_of(key: u128, field: usize) -> FieldOf {
    (key as u64, field as u32)
}

impl LastWrites {
    /// Whether the fields of a key are followed.
    #[inline]
    pub fn follows_key(&self, key: u128) -> bool {
        key as u64 & self.mask == 0
    }

    /// Adds a write that was acknowledged, by the hash of its value: the last one of its lane.
    pub fn add(&mut self, key: u128, field: usize, value: u64, started_ns: u64, ended_ns: u64) {
        let write = Write { value: Some(value), started_ns, ended_ns };
        match self.fields.entry(field_of(key, field)) {
            Entry::Vacant(entry) => drop(entry.insert(vec![write])),
            Entry::Occupied(entry) => {
                let writes = entry.into_mut();
                // A lane has one acknowledged write here, before those that were not.
                match writes.first_mut() {
                    Some(last) if last.ended_ns != NEVER => *last = write,
                    _ => writes.insert(0, write),
                }
            }
        }
        self.thin_out();
    }

    /// Adds a write that was not answered: it may be done at any time, or never.
    pub fn add_unanswered(&mut self, key: u128, field: usize, value: u64) {
        let unanswered = |value| Write { value, started_ns: 0, ended_ns: NEVER };
        let writes = self.fields.entry(field_of(key, field)).or_default();
        writes.push(unanswered(Some(value)));
        if writes.len() > MOST_UNANSWERED {
            writes.retain(|write| write.ended_ns != NEVER);
            writes.push(unanswered(None));
        }
        self.thin_out();
    }

    /// Adds the field of an insert that was not answered: before it there was no such record.
    pub fn add_unanswered_insert(&mut self, key: u128, field: usize, value: u64) {
        let before = Write { value: Some(GONE), started_ns: 0, ended_ns: 0 };
        self.fields.entry(field_of(key, field)).or_insert_with(|| vec![before]);
        self.add_unanswered(key, field, value);
    }

    /// Goes on to follow half as many keys when there are too many fields.
    #[inline]
    fn thin_out(&mut self) {
        if self.fields.len() > MOST {
            self.narrow(self.mask << 1 | 1);
        }
    }

    fn narrow(&mut self, mask: u64) {
        self.mask = mask;
        self.fields.retain(|(key, _), _| key & mask == 0);
    }

    /// Adds what another lane has kept, of the keys that both follow.
    pub fn merge(&mut self, other: &LastWrites) {
        self.written += other.written;
        self.narrow(self.mask.max(other.mask));
        for ((key, field), writes) in other.fields.iter().filter(|((key, _), _)| key & self.mask == 0) {
            self.fields.entry((*key, *field)).or_default().extend(writes);
        }
    }

    /// Whether nothing was updated.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// One key in how many is followed.
    pub fn one_in(&self) -> u64 {
        self.mask + 1
    }

    /// Whether this field is followed.
    pub fn follows_field(&self, field: &FieldOf) -> bool {
        self.fields.contains_key(field)
    }

    /// Compares the values that the store holds with these writes: a followed field must hold the last acknowledged value,
    /// one of those whose order cannot be known, or what an unanswered write left. `is_decisive` says which fields are
    /// changed by nothing but these writes.
    pub fn compare(&self, held: &HashMap<FieldOf, u64>, is_decisive: impl Fn(usize) -> bool) -> FieldComparison {
        let mut comparison = FieldComparison::default();
        for (field, writes) in self.fields.iter().filter(|((_, field), _)| is_decisive(*field as usize)) {
            let possible = |write: &&Write| !writes.iter().any(|other| other.started_ns > write.ended_ns);
            let candidates: Vec<Option<u64>> = writes.iter().filter(possible).map(|write| write.value).collect();
            let held = held.get(field).copied().unwrap_or(GONE);
            let is_acknowledged = writes.iter().any(|write| write.ended_ns != NEVER);
            if !is_acknowledged || candidates.contains(&None) {
                comparison.open += 1;
                continue;
            }
            comparison.compared += 1;
            comparison.wrong += u64::from(!candidates.contains(&Some(held)));
        }
        comparison
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether a field with these writes is compared, wrong or open when it holds this value.
    fn judged(writes: &LastWrites, held: u64) -> (u64, u64, u64) {
        let found = writes.compare(&HashMap::from([(field_of(0, 0), held)]), |_| true);
        (found.compared, found.wrong, found.open)
    }

    #[test]
    fn an_unanswered_write_may_arrive_after_later_ones_of_its_lane() {
        let mut lane = LastWrites::default();
        lane.add(0, 0, 1, 0, 10);
        lane.add_unanswered(0, 0, 2);
        lane.add(0, 0, 3, 30, 40);
        assert_eq!([3, 2].map(|held| judged(&lane, held)), [(1, 0, 0); 2], "the last, or the one that was late");
        assert_eq!([1, 9].map(|held| judged(&lane, held)), [(1, 1, 0); 2], "overwritten, or never written");
        let mut silent = LastWrites::default();
        silent.add_unanswered(0, 0, 2);
        assert_eq!(judged(&silent, 9), (0, 0, 1), "what was there before is not known");
        silent.add(0, 0, 3, 30, 40);
        assert_eq!([2, 3, 9].map(|held| judged(&silent, held).1), [0, 0, 1]);
    }

    #[test]
    fn a_deleted_record_must_be_gone_unless_it_was_inserted_again() {
        let mut lane = LastWrites::default();
        lane.add(0, 0, 1, 0, 10);
        lane.add(0, 0, GONE, 20, 30);
        let compare =
            |lane: &LastWrites, held: &[(FieldOf, u64)]| lane.compare(&held.iter().copied().collect(), |_| true).wrong;
        assert_eq!((compare(&lane, &[]), compare(&lane, &[(field_of(0, 0), 1)])), (0, 1));
        lane.add(0, 0, 3, 40, 50);
        assert_eq!((compare(&lane, &[]), compare(&lane, &[(field_of(0, 0), 3)])), (1, 0));
    }

    #[test]
    fn of_an_unanswered_insert_there_is_the_whole_record_or_nothing() {
        let mut lane = LastWrites::default();
        lane.add_unanswered_insert(0, 0, 5);
        assert_eq!([5, GONE, 6].map(|held| judged(&lane, held)), [(1, 0, 0), (1, 0, 0), (1, 1, 0)]);
    }

    #[test]
    fn many_unanswered_writes_take_bounded_memory_and_leave_the_field_open() {
        let mut lane = LastWrites::default();
        lane.add(0, 0, 1, 0, 10);
        (0..100).for_each(|value| lane.add_unanswered(0, 0, 100 + value));
        assert!(lane.fields[&field_of(0, 0)].len() <= MOST_UNANSWERED + 1);
        assert_eq!(judged(&lane, 9), (0, 0, 1));
    }

    /// Hashes of keys, as even as those of real ones.
    fn key(number: u64) -> u128 {
        u128::from(xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        /// However the writes are spread over lanes: of the keys that are followed each last write is known, and those
        /// are all of them while they are few.
        #[test]
        fn lanes_that_follow_different_shares_agree_on_the_last_writes(
            keys in 1_u64..20_000, lanes in 1_usize..5, lost in 0_u64..20_000,
        ) {
            let mut of_lanes = vec![LastWrites::default(); lanes];
            for at in 0..keys * 2 {
                let lane = &mut of_lanes[(at % 7) as usize % lanes];
                if lane.follows_key(key(at % keys)) {
                    lane.add(key(at % keys), 0, at, at, at);
                }
            }
            let mut all = LastWrites::default();
            of_lanes.iter().for_each(|lane| all.merge(lane));
            let followed = (0..keys).filter(|at| all.follows_key(key(*at))).count() as u64;
            // The last of a key's two writes: its first one where that is lost.
            let value = |at: u64| if at == lost { at } else { at + keys };
            let held = (0..keys).map(|at| (field_of(key(at), 0), value(at))).collect();
            let found = all.compare(&held, |_| true);
            prop_assert_eq!((found.compared, found.open), (followed, 0));
            prop_assert_eq!(found.wrong, u64::from(lost < keys && all.follows_key(key(lost))));
            prop_assert!(keys > MOST as u64 || all.one_in() == 1, "a short run is compared in full");
            prop_assert!(followed * 4 > keys.min(MOST as u64), "{} of {} keys are followed", followed, keys);
            prop_assert!(of_lanes.iter().all(|lane| lane.fields.len() <= MOST));
        }
    }
}
