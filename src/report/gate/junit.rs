//! A gate as JUnit XML, for the test reports of CI servers: a suite for each workload and store, a case for each figure that
//! gates. The sentence is in the body, which is all that GitLab shows.
//!
//! Only elements and attributes of Jenkins's schema (xunit-plugin, `junit-10.xsd`): its reader refuses a file with any other,
//! such as `skipped` of all suites together or properties of a case.

use askama::Template;
use drivers::one_line;

use super::rows;
use crate::gate::{GateComparison, GateRecord, GateVerdict, Mismatch};

#[derive(Template)]
#[template(path = "junit.xml")]
struct JunitReport {
    suites: Vec<JunitSuite>,
}

struct JunitSuite {
    name: String,
    cases: Vec<JunitCase>,
}

/// A figure, or a reason why nothing could be compared.
struct JunitCase {
    name: String,
    /// The element in which the sentence stands: `failure`, `error`, `skipped`, or `system-out` of what passed.
    outcome: &'static str,
    kind: &'static str,
    sentence: String,
}

impl JunitReport {
    fn tests(&self) -> usize {
        self.suites.iter().map(|suite| suite.cases.len()).sum()
    }

    fn failures(&self) -> usize {
        self.suites.iter().map(|suite| suite.count("failure")).sum()
    }

    fn errors(&self) -> usize {
        self.suites.iter().map(|suite| suite.count("error")).sum()
    }
}

impl JunitSuite {
    fn count(&self, outcome: &str) -> usize {
        self.cases.iter().filter(|case| case.outcome == outcome).count()
    }
}

/// The file. Of an incomparable gate its reasons are errors and no figure passes; advice fails nothing.
///
/// # Errors
/// When it cannot be written as text, which would be a bug.
pub fn junit(record: &GateRecord) -> anyhow::Result<String> {
    let is_incomparable = record.verdict == GateVerdict::Incomparable;
    let mut suites = Vec::new();
    if is_incomparable {
        let reasons = record.problems.iter().cloned().chain(record.mismatches.iter().map(Mismatch::sentence));
        let outcome = if record.advise { "skipped" } else { "error" };
        let case = |(at, reason): (usize, String)| {
            JunitCase::new(format!("comparable {}", at + 1), outcome, GateVerdict::Incomparable.label(), &reason)
        };
        suites.push(JunitSuite { name: "comparability".to_owned(), cases: reasons.enumerate().map(case).collect() });
    }
    for group in rows::groups(&record.comparisons) {
        let figures = group.iter().filter(|one| one.gated);
        let case = |one: &GateComparison| {
            let outcome = match one.verdict {
                _ if is_incomparable => "skipped",
                Some(GateVerdict::Regression) if !record.advise => "failure",
                Some(GateVerdict::Ok | GateVerdict::Improved) => "system-out",
                _ => "skipped",
            };
            JunitCase::new(
                format!("{} {}", one.operation, one.metric.name()),
                outcome,
                rows::verdict(one),
                &one.sentence,
            )
        };
        suites.push(JunitSuite { name: one_line(&group[0].title()), cases: figures.map(case).collect() });
    }
    Ok(JunitReport { suites }.render()?)
}

impl JunitCase {
    fn new(name: String, outcome: &'static str, kind: &'static str, sentence: &str) -> JunitCase {
        JunitCase { name: one_line(&name), outcome, kind, sentence: format!("{kind}: {}", one_line(sentence)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::GateOptions;
    use crate::report::gate::fixtures::{self, BASE, GateRuns};
    use resvg::usvg::roxmltree::{Document, Node};

    /// Name, attributes, those of them that must be there, and children.
    type SchemaElement = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

    /// What Jenkins's `junit-10.xsd` allows of what stands in these files: an element's attributes, those that it must have,
    /// and its children. All else is refused.
    const SCHEMA: [SchemaElement; 7] = [
        ("testsuites", &["name", "time", "tests", "failures", "errors"], &[], &["testsuite"]),
        (
            "testsuite",
            &[
                "name",
                "tests",
                "failures",
                "errors",
                "group",
                "time",
                "skipped",
                "timestamp",
                "hostname",
                "id",
                "package",
            ],
            &["name", "tests", "failures", "errors"],
            &["testsuite", "properties", "testcase", "system-out", "system-err"],
        ),
        (
            "testcase",
            &["name", "time", "classname", "group"],
            &["name"],
            &["skipped", "error", "failure", "system-out", "system-err"],
        ),
        ("failure", &["type", "message"], &[], &[]),
        ("error", &["type", "message"], &[], &[]),
        ("skipped", &["type", "message"], &[], &[]),
        ("system-out", &[], &[], &[]),
    ];

    fn refuse_what_jenkins_refuses(node: Node<'_, '_>) {
        let name = node.tag_name().name();
        let (_, allowed, required, children) =
            SCHEMA.into_iter().find(|(known, ..)| *known == name).unwrap_or_else(|| panic!("no element <{name}>"));
        for attribute in node.attributes() {
            assert!(allowed.contains(&attribute.name()), "<{name}> has no attribute {}", attribute.name());
        }
        assert!(required.iter().all(|attribute| node.has_attribute(*attribute)), "<{name}> lacks one of {required:?}");
        let holds_text = ["failure", "error", "skipped", "system-out"].contains(&name);
        for child in node.children() {
            if child.is_element() {
                assert!(children.contains(&child.tag_name().name()), "<{name}> holds {:?}", child.tag_name());
                refuse_what_jenkins_refuses(child);
            } else {
                let text = child.text().unwrap_or_default();
                assert!(holds_text || text.trim().is_empty(), "<{name}> holds the text {text:?}");
            }
        }
    }

    /// Cases by the element in which their sentence stands.
    fn counted(xml: &str, outcome: &str) -> usize {
        let read = Document::parse(xml).expect("XML");
        refuse_what_jenkins_refuses(read.root_element());
        assert_eq!(read.root_element().tag_name().name(), "testsuites");
        let of = |name: &str| read.descendants().filter(|node| node.has_tag_name(name)).count();
        for (attribute, name) in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")] {
            let said: Option<usize> = read.root_element().attribute(attribute).and_then(|text| text.parse().ok());
            assert_eq!(said, Some(of(name)), "{attribute}");
        }
        of(outcome)
    }

    #[test]
    fn there_is_a_case_for_each_gated_figure_with_the_sentence_in_its_body() {
        let mut record = fixtures::regressed();
        let xml = junit(&record).expect("XML");
        assert_eq!(counted(&xml, "testcase"), record.comparisons.iter().filter(|one| one.gated).count());
        assert_eq!(counted(&xml, "failure"), record.with(GateVerdict::Regression).count());
        let sentence = record.with(GateVerdict::Regression).next().expect("one").sentence.clone();
        let read = Document::parse(&xml).expect("XML");
        let first = read.descendants().find(|node| node.has_tag_name("failure")).expect("one");
        assert_eq!(first.text(), Some(format!("REGRESSION: {sentence}").as_str()));
        record.advise = true;
        let advised = junit(&record).expect("XML");
        assert_eq!((counted(&advised, "failure"), counted(&advised, "error")), (0, 0), "advice fails nobody");
    }

    #[test]
    fn what_cannot_be_compared_is_an_error_and_passes_nothing() {
        let base = fixtures::side(BASE);
        let mut head = fixtures::side(GateRuns { is_head: true, ..BASE });
        head.host.cpu = "another <\u{1b}[31m & \"cheap\"> one".to_owned();
        let record = fixtures::gate(&base, &head, &GateOptions::default());
        let xml = junit(&record).expect("XML");
        assert_eq!((counted(&xml, "error"), counted(&xml, "failure"), counted(&xml, "system-out")), (1, 0, 0), "{xml}");
        assert!(xml.contains("CPU model: "), "{xml}");
    }
}
