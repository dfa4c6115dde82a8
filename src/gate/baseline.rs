//! Which experiments of a history a head is compared with. Never simply the one before: where that was noisy, or slower
//! already, it would make the next one pass.

use std::str::FromStr;

use super::history::{HistoryLine, HostFingerprint};

/// How a baseline is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Baseline {
    /// The experiments of this release: a slow creep cannot hide from it.
    Release(String),
    /// The experiments of this commit.
    Commit(String),
    /// The last one whose gate did not fail.
    LastGood,
    /// The runs of the last so many of these, together: their middle, which no single one moves far.
    Median(usize),
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Baseline, String> {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let baseline = match text.split_once(':') {
            None if text == "last-good" => Some(Baseline::LastGood),
            Some(("release", name)) => named(name).map(Baseline::Release),
            Some(("commit", name)) => named(name).filter(|name| name.len() >= 4).map(Baseline::Commit),
            Some(("median", count)) => {
                count.parse().ok().filter(|count| (2..=100).contains(count)).map(Baseline::Median)
            }
            _ => None,
        };
        baseline.ok_or_else(|| {
            "give last-good, release:TAG, commit:HASH (four characters or more) or median:N (2 to 100)".to_owned()
        })
    }
}

impl Baseline {
    /// The lines of this baseline, of those that were measured on this machine. `except` is the head's own folder, which may
    /// have a line already.
    ///
    /// # Errors
    /// When there is none, or not enough of them; the sentence says what there is.
    pub fn of<'a>(
        &self,
        lines: &'a [HistoryLine],
        host: &HostFingerprint,
        except: &str,
    ) -> Result<Vec<&'a HistoryLine>, String> {
        let here: Vec<&HistoryLine> =
            lines.iter().filter(|line| line.host.is_same(host) && line.results != except).collect();
        let elsewhere = lines.iter().filter(|line| !line.host.is_same(host)).count();
        let beside = || match elsewhere {
            0 => format!("it has {} of this machine", here.len()),
            _ => format!("it has {} of this machine and {elsewhere} of others", here.len()),
        };
        let mut good = here.iter().copied().filter(|line| line.is_good());
        let (found, what): (Vec<&HistoryLine>, String) = match self {
            Baseline::Release(tag) => {
                (good.filter(|line| line.release.as_ref() == Some(tag)).collect(), format!("of release {tag}"))
            }
            Baseline::Commit(hash) => {
                let is_of = |line: &&HistoryLine| line.commit.as_ref().is_some_and(|commit| commit.starts_with(hash));
                (good.filter(is_of).collect(), format!("of commit {hash}"))
            }
            Baseline::LastGood => (good.next_back().into_iter().collect(), "whose gate was ok or improved".to_owned()),
            Baseline::Median(count) => {
                let all: Vec<&HistoryLine> = good.collect();
                if all.len() < *count {
                    return Err(format!(
                        "the median of {count} needs {} more experiments whose gate was ok or improved; {}",
                        count - all.len(),
                        beside()
                    ));
                }
                (all[all.len() - count..].to_vec(), String::new())
            }
        };
        if found.is_empty() { Err(format!("there is no experiment {what}; {}", beside())) } else { Ok(found) }
    }
}
