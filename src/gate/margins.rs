//! By how much each figure may get worse: defaults, a file, and flags, the most particular one first.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::quantity::Quantity;

/// The margin of one figure: a share, or none for a figure that is shown and does not gate.
type Margin = Option<f64>;

/// What was asked about margins; all else follows the defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Margins {
    /// By scope and figure; of two for the same the later one counts.
    asked: Vec<(MarginScope, Quantity, Margin)>,
}

/// To what a margin applies: everywhere, one workload, or one operation of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MarginScope {
    workload: Option<String>,
    operation: Option<String>,
}

/// A margin as a file may state it: `0.05`, `"5%"` or `"off"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stated {
    Share(f64),
    Text(String),
}

/// A file of margins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarginFile {
    #[serde(default)]
    margins: BTreeMap<String, Stated>,
    #[serde(default)]
    workloads: BTreeMap<String, WorkloadMargins>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkloadMargins {
    #[serde(default)]
    margins: BTreeMap<String, Stated>,
    #[serde(default)]
    operations: BTreeMap<String, BTreeMap<String, Stated>>,
}

impl Margins {
    /// Adds those of a file.
    ///
    /// # Errors
    /// When it is not TOML of this form, or names no figure or no share; the sentence names the key.
    pub fn add_file(&mut self, text: &str) -> Result<(), String> {
        let file: MarginFile = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        self.add_table(MarginScope { workload: None, operation: None }, file.margins)?;
        for (workload, own) in file.workloads {
            self.add_table(MarginScope { workload: Some(workload.clone()), operation: None }, own.margins)?;
            for (operation, table) in own.operations {
                self.add_table(MarginScope { workload: Some(workload.clone()), operation: Some(operation) }, table)?;
            }
        }
        Ok(())
    }

    fn add_table(&mut self, scope: MarginScope, table: BTreeMap<String, Stated>) -> Result<(), String> {
        for (name, stated) in table {
            let quantity: Quantity = name.parse()?;
            let margin = match stated {
                Stated::Share(share) => checked(share).map(Some),
                Stated::Text(text) => margin(&text),
            };
            self.asked.push((scope.clone(), quantity, margin.map_err(|problem| format!("{name}: {problem}"))?));
        }
        Ok(())
    }

    /// Adds what a flag says: `p99=15%`, `oltp/p99=20%`, `oltp/pay/p99=off`.
    ///
    /// # Errors
    /// When it is not of this form.
    pub fn add_flag(&mut self, text: &str) -> Result<(), String> {
        let (name, share) =
            text.split_once('=').ok_or_else(|| format!("`{text}` has no `=`; give METRIC=SHARE, such as p99=15%"))?;
        let parts: Vec<&str> = name.split('/').collect();
        let (scope, quantity) = match parts[..] {
            [quantity] => ([None, None], quantity),
            [workload, quantity] => ([Some(workload), None], quantity),
            [workload, operation, quantity] => ([Some(workload), Some(operation)], quantity),
            _ => return Err(format!("`{name}` is not METRIC, WORKLOAD/METRIC or WORKLOAD/OPERATION/METRIC")),
        };
        let [workload, operation] = scope.map(|part| part.map(ToOwned::to_owned));
        self.asked.push((MarginScope { workload, operation }, quantity.parse()?, margin(share)?));
        Ok(())
    }

    /// The margin of a figure, of all operations together (`None`) or of one; none where it does not gate.
    pub fn of(&self, workload: &str, operation: Option<&str>, quantity: Quantity) -> Option<f64> {
        let fits = |scope: &MarginScope| {
            scope.workload.as_deref().is_none_or(|name| name == workload)
                && scope.operation.as_deref().is_none_or(|name| Some(name) == operation.or(Some("total")))
        };
        let particular =
            |scope: &MarginScope| usize::from(scope.workload.is_some()) + usize::from(scope.operation.is_some());
        let fitting = self.asked.iter().filter(|(scope, of, _)| *of == quantity && fits(scope));
        // Of several that are as particular `max_by_key` takes the last.
        match fitting.max_by_key(|(scope, ..)| particular(scope)) {
            Some((.., margin)) => *margin,
            None => quantity.default_margin(),
        }
    }

    /// Names of workloads and operations that margins were given for, to be looked up in what is compared.
    pub fn scopes(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.asked.iter().filter_map(|(scope, ..)| Some((scope.workload.as_deref()?, scope.operation.as_deref())))
    }
}

/// Reads `15%`, `0.15` or `off`.
fn margin(text: &str) -> Result<Margin, String> {
    let text = text.trim();
    if text == "off" {
        return Ok(None);
    }
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse::<f64>(),
    };
    checked(share.unwrap_or(f64::NAN)).map(Some).map_err(|_| format!("`{text}` is no margin; {SHARES}"))
}

const SHARES: &str = "give a share from 0.1% to 90%, such as 15% or 0.15, or off";

fn checked(share: f64) -> Result<f64, String> {
    if (0.001..=0.9).contains(&share) { Ok(share) } else { Err(format!("`{share}` is no margin; {SHARES}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::Percentile;

    const P99: Quantity = Quantity::Response(Percentile::P99);
    const P999: Quantity = Quantity::Response(Percentile::P999);

    #[test]
    fn the_most_particular_margin_counts_and_of_equals_the_last() {
        let mut margins = Margins::default();
        assert_eq!(margins.of("oltp", None, P99), Some(0.10));
        assert_eq!(margins.of("oltp", None, P999), None, "shown only");
        margins
            .add_file("[margins]\np99 = \"20%\"\np999 = 0.5\n[workloads.oltp.operations.pay]\np99 = 0.15\n")
            .expect("margins");
        margins.add_flag("p99=30%").expect("a margin");
        margins.add_flag("oltp/cpu=off").expect("a margin");
        assert_eq!(margins.of("oltp", Some("pay"), P99), Some(0.15));
        assert_eq!(margins.of("oltp", Some("browse"), P99), Some(0.30));
        assert_eq!(margins.of("shop", None, P999), Some(0.5));
        assert_eq!(margins.of("oltp", None, Quantity::Cpu), None);
        assert_eq!(margins.of("shop", None, Quantity::Cpu), Some(0.05));
    }

    #[test]
    fn what_is_no_margin_is_refused_with_its_name() {
        let mut margins = Margins::default();
        for nonsense in
            ["p99", "p99=", "p99=0", "p99=nan", "p99=5ms", "p99=inf%", "speed=5%", "a/b/c/p99=5%", "p99=100%"]
        {
            let problem = margins.add_flag(nonsense).expect_err(nonsense);
            assert!(problem.contains('`'), "{problem}");
        }
        for nonsense in ["[margins]\np99 = \"5ms\"", "[margins]\nspeed = 1", "p99 = 5", "[workloads.a]\np99 = 1", "x"] {
            assert!(margins.add_file(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(margins, Margins::default(), "nothing of it was taken");
    }
}
