//! Invariants of a workload: totals over the dataset that operations move about but do not change, so that a lost update
//! or a torn transaction shows. They are evaluated by the load engine, not here.

use super::file::Scope;
use super::reader::{Item, Reading, not_one_of};
use drivers::Kind;

/// A sum over the whole dataset that must be the same after the run as after the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it says, in the workload author's words.
    pub name: String,
    /// What is summed.
    pub terms: Vec<Term>,
}

/// One summand: an integer field over all records of a table, or over all items of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// 1, or -1 where it is subtracted.
    pub sign: i64,
    /// The table.
    pub table: usize,
    /// The field, an integer, or the items.
    pub field: usize,
    /// The integer field of the items.
    pub item_field: Option<usize>,
}

/// Reads `[[checks]]`.
pub(super) fn checks(scope: &Scope, item: &Item<'_>) -> Reading<Vec<Check>> {
    let check = |item: Item<'_>| {
        let section = item.section()?;
        section.only(&["name", "conserved"])?;
        let conserved = section.need("conserved")?;
        let terms = conserved.items()?.iter().map(|item| term(scope, item)).collect::<Reading<Vec<_>>>()?;
        if terms.is_empty() {
            return Err(
                conserved.fault("there is nothing to sum; write at least one term, such as \"accounts.balance\"")
            );
        }
        Ok(Check { name: section.need("name")?.text()?.into(), terms })
    };
    item.items()?.into_iter().map(check).collect()
}

/// `products.stock`, `+orders.lines.quantity` or `-ledger.amount`.
fn term(scope: &Scope, item: &Item<'_>) -> Reading<Term> {
    let text = item.text()?;
    let (sign, path) = match text.strip_prefix('-') {
        Some(path) => (-1, path),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut names = path.split('.');
    let named = |what: &str, name: Option<&str>, known: Vec<&str>| {
        let name = name.ok_or_else(|| item.fault("a term is `table.field` or `table.items.field`"))?;
        let at = known.iter().position(|one| *one == name);
        at.ok_or_else(|| item.fault(not_one_of(what, name, &known)))
    };
    let table = named("no table", names.next(), scope.tables.iter().map(|table| table.name.as_str()).collect())?;
    let fields = &scope.tables[table].fields;
    let field = named("no field", names.next(), fields.iter().map(|field| field.name.as_str()).collect())?;
    let (kind, item_field) = match (&fields[field].kind, names.next()) {
        (Kind::Items(inner), Some(name)) => {
            let at = named("no field", Some(name), inner.iter().map(|field| field.name.as_str()).collect())?;
            (&inner[at].kind, Some(at))
        }
        (kind, None) => (kind, None),
        _ => return Err(item.fault("only items have fields of their own; write `table.field`")),
    };
    if *kind != Kind::Int || names.next().is_some() {
        return Err(item.fault("only whole numbers are summed exactly; name an `int` field"));
    }
    Ok(Term { sign, table, field, item_field })
}
