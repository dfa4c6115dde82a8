//! Parameters as the crate's own values. What they become in SQLite is in `sql/sqlite/values.rs`.

use libsql::Value as LibsqlValue;

use crate::Failure;
use crate::sql::sqlite::values;
use crate::sql::statement::Parameter;

/// A parameter as it is bound.
pub(super) fn encode(parameter: Parameter<'_>) -> Result<LibsqlValue, Failure> {
    Ok(match values::encode(parameter)? {
        values::SqliteValue::Null => LibsqlValue::Null,
        values::SqliteValue::Integer(number) => LibsqlValue::Integer(number),
        values::SqliteValue::Real(number) => LibsqlValue::Real(number),
        // The crate reads texts as C strings: one with a NUL would come back cut, so it is refused when it is written.
        values::SqliteValue::Text(text) if text.as_bytes().contains(&0) => {
            let problem = "libsql: its client cuts a text at a NUL character, so such a text is not stored";
            return Err(Failure::broken(problem));
        }
        values::SqliteValue::Text(text) => LibsqlValue::Text(text.into_owned()),
        values::SqliteValue::Blob(bytes) => LibsqlValue::Blob(bytes.into_owned()),
    })
}

/// The parameters of a row of so many columns.
pub(super) fn encode_row<'a>(
    columns: usize,
    parameters: impl Iterator<Item = Parameter<'a>>,
) -> Result<Vec<LibsqlValue>, Failure> {
    let mut row = Vec::with_capacity(columns);
    for parameter in parameters {
        row.push(encode(parameter)?);
    }
    Ok(row)
}
