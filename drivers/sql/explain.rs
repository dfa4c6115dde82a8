//! What statements of an operation are printed as, where the text alone does not say it.

/// Statements with equal neighbours written once, with their number.
pub(crate) fn count_repeated(statements: &[String]) -> Vec<String> {
    let runs = statements.chunk_by(|one, next| one == next);
    runs.map(|run| if run.len() == 1 { run[0].clone() } else { format!("{} -- {} times", run[0], run.len()) }).collect()
}

/// The statement that tells why an increment changed nothing.
pub(crate) fn probe(statement: &str) -> String {
    format!("{statement} -- only if no row changed, to tell why")
}
