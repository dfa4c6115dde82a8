//! Reads texts composed of pieces: `"{brand} {thing}"` as content, `"user{fnv}"` or `"sku-{number:8}"` as keys.

use super::document::{Item, ParseResult, unknown_name};
use crate::workload::field::{FieldSpec, KeyPattern, Piece, ValueSpec};
use crate::workload::vocabulary::VOCABULARIES;
use drivers::Kind;

/// Longer keys allocate (see `drivers::Key`), and some store has a limit not far above.
const LONGEST_KEY_BYTES: usize = 64;

/// Reads `key = "int"` or a pattern with one `{number}` or `{fnv}`.
pub(super) fn key(item: &Item<'_>) -> ParseResult<KeyPattern> {
    let text = item.text()?;
    if text == "int" {
        return Ok(KeyPattern::Int);
    }
    let pieces = pieces(item, text, |name, width| match name {
        "number" => Ok(Piece::Number(width.unwrap_or(1))),
        "fnv" => Ok(Piece::Fnv(width.unwrap_or(1))),
        _ => Err(unknown_name("no part of a key", name, &["number", "fnv"])),
    })?;
    let (before, number, after) = match pieces.as_slice() {
        [number] => ("", number, ""),
        [Piece::Literal(before), number] => (before.as_str(), number, ""),
        [number, Piece::Literal(after)] => ("", number, after.as_str()),
        [Piece::Literal(before), number, Piece::Literal(after)] => (before.as_str(), number, after.as_str()),
        _ => ("", &Piece::Digits(0), ""),
    };
    match number {
        Piece::Number(width) | Piece::Fnv(width)
            if before.len() + after.len() + width.max(&20) <= LONGEST_KEY_BYTES =>
        {
            let hashed = matches!(number, Piece::Fnv(_));
            Ok(KeyPattern::Text { before: before.into(), hashed, width: *width, after: after.into() })
        }
        _ => Err(item.error(
            "a key is \"int\" or a text of at most 64 bytes with one `{number}` or `{fnv}`, such as \"user{fnv}\"",
        )),
    }
}

/// Reads a composed text; fields before this one can be pieces of it.
pub(super) fn pattern(item: &Item<'_>, siblings: &[FieldSpec]) -> ParseResult<Vec<Piece>> {
    pieces(item, item.text()?, |name, width| {
        let vocabulary = VOCABULARIES.iter().position(|(known, _)| *known == name);
        let sibling = siblings.iter().position(|field| field.name == name);
        match (name, width, sibling, vocabulary) {
            ("number", width, ..) => Ok(Piece::Number(width.unwrap_or(1))),
            ("fnv", width, ..) => Ok(Piece::Fnv(width.unwrap_or(1))),
            ("digits", Some(width), ..) => Ok(Piece::Digits(width)),
            ("hex", Some(width), ..) => Ok(Piece::Hex(width)),
            ("digits" | "hex", None, ..) => Err(format!("`{{{name}}}` has no width; write `{{{name}:8}}`")),
            (_, None, Some(field), _) if is_writable(&siblings[field].content, &siblings[field].kind) => {
                Ok(Piece::Field(field))
            }
            (_, None, Some(_), _) => Err(format!("`{name}` is no text or whole number; name one that is")),
            (_, None, None, Some(word)) => Ok(Piece::Word(word)),
            _ => {
                let mut known = vec!["number", "fnv", "digits:8", "hex:8"];
                known.extend(siblings.iter().map(|field| field.name.as_str()));
                known.extend(VOCABULARIES.iter().map(|(name, _)| *name));
                Err(unknown_name("nothing to put into a text", name, &known))
            }
        }
    })
}

fn is_writable(content: &ValueSpec, kind: &Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Int) && !matches!(content, ValueSpec::EventId)
}

/// Splits a text at `{name}` and `{name:width}`, which `piece` turns into pieces or refuses.
fn pieces(
    item: &Item<'_>,
    text: &str,
    mut piece: impl FnMut(&str, Option<usize>) -> Result<Piece, String>,
) -> ParseResult<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((inside, after)) = after.split_once('}') else {
            return Err(item.error("a `{` is not closed; write `}` after the name"));
        };
        let (name, width) = match inside.split_once(':') {
            None => (inside, None),
            Some((name, width)) => match width.parse() {
                Ok(width @ 1..=64) => (name, Some(width)),
                _ => return Err(item.error(format!("`{width}` is no width; write a whole number from 1 to 64"))),
            },
        };
        if !before.is_empty() {
            pieces.push(Piece::Literal(before.into()));
        }
        pieces.push(piece(name, width).map_err(|problem| item.error(problem))?);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.into()));
    }
    Ok(pieces)
}
