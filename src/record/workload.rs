//! The workload of a run, with what it asks of stores: limits on latencies, and what a store must promise.

use drivers::{Durability, Isolation};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::percentile::{Limit, Statistic};

/// The workload of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct WorkloadInfo {
    /// Its name, such as `read-heavy`.
    pub name: String,
    /// What it mimics, one sentence.
    pub about: String,
    /// Hash of the workload file's text.
    pub hash: String,
    /// Hash of the first 4,096 operations, each taken as acknowledged at once: equal for the same workload, size, seed and
    /// number of clients. It shows what was asked for, not what was sent: keys among inserted rows depend on which inserts
    /// have been acknowledged.
    pub stream_hash: String,
    /// Records, events and points loaded before the run.
    pub rows: u64,
    /// The workload file as run.
    pub text: String,
    /// Limits on latencies that it states; read from `text` where an older version left them out.
    #[serde(default)]
    pub slo: Option<SloRecord>,
    /// What it requires of its store; read from `text` where an older version left it out.
    #[serde(default)]
    pub requires: Option<Requirements>,
}

/// Limits on response times.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SloRecord {
    /// On the response times of all operations together.
    pub total: Vec<Limit>,
    /// By the name of the operation; only operations that have limits are here.
    pub operations: IndexMap<String, Vec<Limit>>,
}

/// What the store must promise.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Requirements {
    /// At least this durability.
    pub durability: Option<Durability>,
    /// This isolation level or a stronger one.
    pub isolation: Option<Isolation>,
}

impl WorkloadInfo {
    /// The limits of an operation, or those over all operations (`None`).
    pub fn limits(&self, operation: Option<&str>) -> &[Limit] {
        let Some(slo) = &self.slo else { return &[] };
        match operation {
            None => &slo.total,
            Some(name) => slo.operations.get(name).map_or(&[], Vec::as_slice),
        }
    }
}

impl<'de> Deserialize<'de> for WorkloadInfo {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut info = WorkloadInfo::deserialize(from)?;
        if info.slo.is_none() || info.requires.is_none() {
            let (slo, requires) = stated_in(&info.text);
            info.slo.get_or_insert(slo);
            info.requires.get_or_insert(requires);
        }
        Ok(info)
    }
}

impl Serialize for WorkloadInfo {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        WorkloadInfo::serialize(self, to)
    }
}

/// What the text of a workload file states: records of versions up to 0.1.0 hold nothing else of it. A text of another
/// format, such as YCSB's properties, states nothing.
fn stated_in(workload: &str) -> (SloRecord, Requirements) {
    let Ok(file) = workload.parse::<toml::Table>() else { return Default::default() };
    let limits = |slo: Option<&toml::Value>| -> Vec<Limit> {
        let limit = |statistic: Statistic| {
            let value = slo?.get(format!("{}_ms", statistic.name()))?;
            let ms = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?;
            Some(Limit::of_ms(statistic, ms))
        };
        Statistic::ALL.into_iter().filter_map(limit).collect()
    };
    let operations = file.get("operations").and_then(|operations| operations.as_table());
    let operations =
        operations.into_iter().flatten().map(|(name, operation)| (name.clone(), limits(operation.get("slo"))));
    let slo = SloRecord {
        total: limits(file.get("slo")),
        operations: operations.filter(|(_, limits)| !limits.is_empty()).collect(),
    };
    let required = |key: &str| file.get("require")?.get(key)?.as_str();
    let tiers = [Durability::Memory, Durability::Relaxed, Durability::Durable];
    let requires = Requirements {
        durability: required("durability").and_then(|name| tiers.into_iter().find(|tier| tier.name() == name)),
        isolation: required("isolation").and_then(|name| Isolation::ALL.into_iter().find(|level| level.name() == name)),
    };
    (slo, requires)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::Percentile;

    #[test]
    fn a_workload_file_states_limits_and_requirements() {
        let (slo, requires) = stated_in(
            "[slo]\nmax_ms = 9_000\np999_ms = 0.7\n[operations.read]\nslo = { p99_ms = 1 }\n[operations.update]\n\
             [require]\ndurability = \"durable\"\nisolation = \"read committed\"\n",
        );
        let p999 = Limit { statistic: Statistic::Percentile(Percentile::P999), limit_ns: 700_000 };
        let p99 = Limit { statistic: Statistic::Percentile(Percentile::P99), limit_ns: 1_000_000 };
        assert_eq!(slo.total, [p999, Limit { statistic: Statistic::Max, limit_ns: 9_000_000_000 }]);
        assert_eq!(slo.operations, IndexMap::from([("read".to_owned(), vec![p99])]), "and nothing of `update`");
        assert_eq!(
            requires,
            Requirements { durability: Some(Durability::Durable), isolation: Some(Isolation::ReadCommitted) }
        );
        let json = serde_json::to_string(&slo).expect("plain data");
        assert!(json.contains(r#""read":[{"statistic":"p99","limit_ns":1000000}]"#), "{json}");
        assert_eq!(serde_json::from_str::<SloRecord>(&json).expect("its own"), slo);
    }

    #[test]
    fn a_record_of_an_older_version_takes_them_from_the_text_of_its_workload() {
        let text = "[slo]\np99_ms = 1\n[require]\nisolation = \"read committed\"\n";
        let mut json = serde_json::json!({
            "name": "shop", "about": "a shop", "hash": "1", "stream_hash": "2", "rows": 3, "text": text
        });
        let read: WorkloadInfo = serde_json::from_value(json.clone()).expect("an older record");
        assert_eq!(read.limits(None), [Limit::of_ms(Statistic::Percentile(Percentile::P99), 1.0)]);
        assert_eq!(read.requires.expect("required").isolation, Some(Isolation::ReadCommitted));
        json["slo"] = serde_json::to_value(SloRecord::default()).expect("plain data");
        let read: WorkloadInfo = serde_json::from_value(json).expect("a record");
        assert_eq!(read.limits(None), [], "what the record itself says is not read again from the text");
    }

    #[test]
    fn requirements_are_written_in_the_words_of_workload_files() {
        let requires = Requirements { durability: None, isolation: Some(Isolation::ReadCommitted) };
        let json = serde_json::to_string(&requires).expect("plain data");
        assert_eq!(json, r#"{"durability":null,"isolation":"read committed"}"#);
    }

    #[test]
    fn what_is_no_workload_file_states_nothing() {
        for text in ["", "recordcount=500\nslo", "slo = 5", "operations = 3\n[require]\ndurability = 1"] {
            assert_eq!(stated_in(text), Default::default(), "{text}");
        }
    }
}
