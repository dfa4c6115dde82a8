//! Reads the invariants of a workload: `[[checks]]`. They are evaluated by the audit.

use super::declarations::Declarations;
use super::document::{Item, ParseResult};
use crate::workload::spec::{Check, Term};
use drivers::Kind;

/// Reads the list of `[[checks]]`.
pub(super) fn checks(declared: &Declarations, item: &Item<'_>) -> ParseResult<Vec<Check>> {
    let check = |item: Item<'_>| {
        let section = item.section()?;
        section.only(&["name", "conserved"])?;
        let conserved = section.need("conserved")?;
        let terms = conserved.items()?.iter().map(|item| term(declared, item)).collect::<ParseResult<Vec<_>>>()?;
        if terms.is_empty() {
            let problem = "there is nothing to sum; write at least one term, such as \"accounts.balance\"";
            return Err(conserved.error(problem));
        }
        Ok(Check { name: section.need("name")?.text()?.into(), terms })
    };
    item.items()?.into_iter().map(check).collect()
}

/// `products.stock`, `+orders.lines.quantity` or `-ledger.amount`.
fn term(declared: &Declarations, item: &Item<'_>) -> ParseResult<Term> {
    let text = item.text()?;
    let (sign, path) = match text.strip_prefix('-') {
        Some(path) => (-1, path),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut names = path.split('.');
    let mut next = || names.next().ok_or_else(|| item.error("a term is `table.field` or `table.items.field`"));
    let table = item.position("no table", next()?, declared.tables.iter().map(|table| table.name.as_str()))?;
    let fields = &declared.tables[table].fields;
    let field = item.position("no field", next()?, fields.iter().map(|field| field.name.as_str()))?;
    let (kind, item_field) = match (&fields[field].kind, names.next()) {
        (Kind::Items(inner), Some(name)) => {
            let at = item.position("no field", name, inner.iter().map(|field| field.name.as_str()))?;
            (&inner[at].kind, Some(at))
        }
        (kind, None) => (kind, None),
        _ => return Err(item.error("only items have fields of their own; write `table.field`")),
    };
    if *kind != Kind::Int || names.next().is_some() {
        return Err(item.error("only whole numbers are summed exactly; name an `int` field"));
    }
    Ok(Term { sign, table, field, item_field })
}
