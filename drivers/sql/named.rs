//! The fields that a statement names, by which it is found again.

use crate::{Change, Fields};

/// The fields that a statement names, as the operation holds them: comparing them allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named<'a> {
    All,
    Fields(&'a Fields),
    Changed(&'a [Change]),
    #[cfg(feature = "libsql-server")]
    One(usize),
}

impl Named<'_> {
    /// Whether they are these.
    pub(crate) fn are(self, fields: &Fields) -> bool {
        match (self, fields) {
            (Named::All, Fields::All) => true,
            (Named::Fields(named), fields) => named == fields,
            (Named::Changed(changes), Fields::Some(positions)) => {
                changes.iter().map(|change| change.field).eq(positions.iter().copied())
            }
            #[cfg(feature = "libsql-server")]
            (Named::One(field), Fields::Some(positions)) => *positions == [field],
            _ => false,
        }
    }

    /// The same, to be kept.
    pub(crate) fn to_fields(self) -> Fields {
        match self {
            Named::All => Fields::All,
            Named::Fields(fields) => fields.clone(),
            #[cfg(feature = "libsql-server")]
            Named::One(field) => Fields::Some(vec![field]),
            Named::Changed(changes) => Fields::Some(changes.iter().map(|change| change.field).collect()),
        }
    }
}
