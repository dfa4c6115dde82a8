//! The kinds of corruption, and the workload that a run of them has: a part for each kind and an uncorrupted twin of it, of
//! the same declaration and with the same operations. How a kind is done is in the file of each store.
//!
//! Names of operations begin with the name of their part, so that a failure tells which part it is of.

/// A kind of corruption, which is also the name of the part that it is done to.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What happens to the part.
    pub name: &'static str,
    shape: Shape,
    /// Whether it has a run of its own: what it leaves cannot be read back, which would hide all else.
    pub alone: bool,
}

/// How many records a part has. Keys are 1 to this. The first record is the one that is corrupted where the suite must have
/// written to it before, which a field above 0 tells; the last one where it must not.
pub const RECORDS: u64 = 40;
/// The records of a part in which some of those that were updated have to be updated no more, on the fastest store, too.
pub const MANY: u64 = 4_000;
/// The first record and no other.
const FIRST: &str = r#"{ choose = "hotspot", data_fraction = 0.025, operation_fraction = 1.0 }"#;
/// The first two records.
const FIRST_TWO: &str = r#"{ choose = "hotspot", data_fraction = 0.05, operation_fraction = 1.0 }"#;
/// The records of the lower half, and those of the upper one.
const LOWER: &str = r#"{ choose = "hotspot", data_fraction = 0.5, operation_fraction = 1.0 }"#;
const UPPER: &str = r#"{ choose = "hotspot", data_fraction = 0.5, operation_fraction = 0.0 }"#;
/// When the points of a series begin: 2026-01-01T00:00:00Z.
pub const START_MS: i64 = 1_767_225_600_000;

/// What a part is, and which operations there are on it.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Records that are only read.
    Read,
    /// The lower half of the records is updated, in both of two fields.
    Updated,
    /// The first record is updated in one field, and the upper half in another.
    UpdatedElsewhere,
    /// All records are updated, more than once.
    UpdatedAnywhere,
    /// Records that are only inserted.
    Inserted,
    /// Records that are inserted and updated, but not in every field.
    InsertedAndUpdated,
    /// The first record is updated in one field, and the upper half in this one.
    Valued(&'static str),
    /// A counter in each record, of which those of the first two are bumped.
    Counted,
    /// A field that is overwritten and counted.
    CountedAndSet,
    /// Records that are found by a field.
    Indexed,
    /// Records that are read in the order of their keys, which are texts.
    Scanned,
    /// Streams that are appended to.
    Log,
    /// A series that grows.
    Series,
    /// A series that does not, so that every point is one of those that were loaded.
    LoadedSeries,
}

const ITEMS: &str =
    r#"value = { count = [2, 4], items = { sku = { text = "{hex:8}" }, quantity = { int = [1, 9] } } }"#;
const LIST: &str = r#"value = { count = [2, 4], list = { text = "{hex:8}" } }"#;
const MAP: &str = r#"value = { map = { size = { int = [1, 9] }, colour = { text = "{hex:8}" } } }"#;
const OPTIONAL: &str = r#"value = { int = [1, 9], present = 0.99 }"#;

/// All kinds. What cannot happen in a store is in the file of that store, with the reason.
pub const KINDS: &[Kind] = &[
    together("row_deleted", Shape::Read),
    together("row_added", Shape::Read),
    together("field_changed", Shape::Read),
    together("untouched_record_changed", Shape::Updated),
    together("neighbour_field_changed", Shape::UpdatedElsewhere),
    together("update_lost", Shape::UpdatedAnywhere),
    together("insert_deleted", Shape::Inserted),
    together("insert_changed", Shape::Inserted),
    together("insert_changed_among_updates", Shape::InsertedAndUpdated),
    together("item_changed", Shape::Valued(ITEMS)),
    together("item_removed", Shape::Valued(ITEMS)),
    together("item_added", Shape::Valued(ITEMS)),
    together("items_reversed", Shape::Valued(ITEMS)),
    together("list_member_changed", Shape::Valued(LIST)),
    together("list_member_removed", Shape::Valued(LIST)),
    together("map_entry_changed", Shape::Valued(MAP)),
    together("map_entry_removed", Shape::Valued(MAP)),
    together("optional_field_removed", Shape::Valued(OPTIONAL)),
    together("counter_raised", Shape::Counted),
    together("counter_moved", Shape::Counted),
    together("counter_and_value_raised", Shape::CountedAndSet),
    together("index_removed", Shape::Indexed),
    together("index_entry_removed", Shape::Indexed),
    together("index_entry_changed", Shape::Indexed),
    together("index_entry_added", Shape::Indexed),
    together("keys_index_removed", Shape::Scanned),
    together("keys_entry_removed", Shape::Scanned),
    together("items_key_removed", Shape::Valued(ITEMS)),
    together("items_reference_removed", Shape::Valued(ITEMS)),
    together("event_deleted", Shape::Log),
    together("event_changed", Shape::Log),
    together("events_swapped", Shape::Log),
    together("event_added", Shape::Log),
    together("event_doubled", Shape::Log),
    together("stream_deleted", Shape::Log),
    together("log_index_removed", Shape::Log),
    together("point_deleted", Shape::Series),
    together("point_changed", Shape::Series),
    together("point_added", Shape::Series),
    together("entity_deleted", Shape::Series),
    together("series_index_removed", Shape::Series),
    together("series_key_removed", Shape::Series),
    together("bucket_deleted", Shape::Series),
    together("point_of_entity_deleted", Shape::LoadedSeries),
    together("point_of_all_deleted", Shape::LoadedSeries),
    together("entity_set_removed", Shape::LoadedSeries),
    together("entity_sets_removed", Shape::LoadedSeries),
    alone("required_field_removed", Shape::Read),
    alone("record_lost_under_its_key", Shape::Scanned),
    alone("index_entry_of_no_record", Shape::Indexed),
    alone("items_fewer_than_counted", Shape::Valued(ITEMS)),
    alone("items_more_than_counted", Shape::Valued(ITEMS)),
];

const fn together(name: &'static str, shape: Shape) -> Kind {
    Kind { name, shape, alone: false }
}

const fn alone(name: &'static str, shape: Shape) -> Kind {
    Kind { name, shape, alone: true }
}

/// The twin of a part.
pub fn twin(part: &str) -> String {
    format!("{part}_twin")
}

/// A workload file with a part for each of these kinds, and its twin.
pub fn workload<'a>(kinds: impl Iterator<Item = &'a Kind>) -> String {
    let parts = kinds.flat_map(|kind| [(kind.name.to_owned(), kind.shape), (twin(kind.name), kind.shape)]);
    let (mut declared, mut operations) = (String::new(), String::new());
    for (part, shape) in parts {
        declared += &shape.declaration(&part);
        for (name, weight, what) in shape.operations(&part) {
            operations += &format!("{part}-{name} = {{ weight = {weight:.1}, {what} }}\n");
        }
    }
    format!("about = \"parts to be corrupted, each in its own way\"\n{declared}[operations]\n{operations}")
}

impl Shape {
    /// The section of a workload file for a part of this shape.
    fn declaration(self, part: &str) -> String {
        let fields = r#"a = { int = 0 }, b = { int = 0 }, c = { text = "{hex:12}" }"#;
        let table = |records: u64, more: &str| {
            format!(
                "[tables.{part}]\nrecords = {records}\n{more}[tables.{part}.fields]\n{}\n",
                fields.replace("}, ", "}\n")
            )
        };
        match self {
            Shape::UpdatedAnywhere => table(MANY, ""),
            Shape::Valued(field) => table(RECORDS, "") + field + "\n",
            Shape::Indexed => {
                table(RECORDS, "index = [\"category\"]\n") + "category = { text = [\"blue\", \"green\", \"red\"] }\n"
            }
            Shape::Scanned => table(RECORDS, "key = \"k{number:4}\"\n"),
            Shape::Log => {
                let fields = "word = { text = \"{hex:8}\" }\namount = { int = [1, 9] }";
                format!("[logs.{part}]\nstreams = 4\nevents = 10\n[logs.{part}.fields]\n{fields}\n")
            }
            Shape::Series | Shape::LoadedSeries => format!(
                "[series.{part}]\nentities = 4\nbatch = 4\nstart = 2026-01-01T00:00:00Z\ninterval = \"1m\"\n\
                 load = \"40m\"\nmetrics = {{ x = {{ walk = [0, 10], step = 1, decimals = 1 }} }}\n"
            ),
            _ => table(RECORDS, ""),
        }
    }

    /// The operations on it, with their weights. Writes are rare, so that a fast store does not pile up rows, and a record
    /// is seldom written again after it was corrupted.
    fn operations(self, part: &str) -> Vec<(&'static str, f64, String)> {
        const READ: f64 = 10.0;
        const WRITE: f64 = 3.0;
        let of = |kind: &str, verb: &str, rest: &str| format!("do = \"{verb}\", {kind} = \"{part}\"{rest}");
        let read = ("read", READ, of("table", "read", ", key = \"uniform\""));
        let insert = ("insert", WRITE, of("table", "insert", ""));
        let bump = ("bump", WRITE, of("table", "bump", &format!(", key = {FIRST_TWO}, field = \"a\", by = [1, 3]")));
        let update = |field: &'static str, key: &str| {
            let rest = format!(", key = {key}, set = {{ {field} = {{ int = [1, 1_000_000_000] }} }}");
            (field, WRITE, of("table", "update", &rest))
        };
        let everywhere = "\"uniform\"";
        match self {
            Shape::Read => vec![read],
            Shape::Updated => vec![read, update("a", LOWER), update("b", LOWER)],
            Shape::UpdatedElsewhere => vec![read, update("a", FIRST), update("b", UPPER)],
            Shape::UpdatedAnywhere => vec![read, update("a", everywhere)],
            Shape::Inserted => vec![read, insert],
            Shape::InsertedAndUpdated => vec![read, insert, update("a", everywhere)],
            Shape::Valued(_) => {
                let value = of("table", "update", &format!(", key = {UPPER}, fields = [\"value\"]"));
                vec![read, update("a", FIRST), ("value", WRITE, value)]
            }
            Shape::Counted => vec![read, bump],
            Shape::CountedAndSet => {
                let draw = format!("draw = {{ it = {{ key_of = \"{part}\", key = {FIRST} }} }}");
                let set = of("table", "update", ", key = \"it\", set = { a = { int = [1, 1_000_000_000] } }");
                let bump = of("table", "bump", ", key = \"it\", field = \"a\", by = 1");
                let steps = format!("do = \"sequence\", {draw}, steps = [{{ {set} }}, {{ {bump} }}]");
                vec![read, ("a", WRITE, steps)]
            }
            Shape::Indexed => vec![("find", READ, of("table", "find", ", by = \"category\", limit = 100"))],
            Shape::Scanned => vec![("scan", READ, of("table", "scan", ", key = \"uniform\", limit = [1, 40]"))],
            Shape::Log => vec![
                ("append", WRITE, of("log", "append", ", key = \"uniform\"")),
                ("tail", READ, of("log", "tail", ", key = \"uniform\", limit = 100")),
            ],
            Shape::Series => {
                [vec![("ingest", WRITE, of("series", "ingest", ""))], Shape::LoadedSeries.operations(part)].concat()
            }
            Shape::LoadedSeries => {
                const SPAN: &str = ", span = \"40m\", ends = \"anywhere\"";
                let entity = format!(", key = \"uniform\"{SPAN}");
                let fold = format!("{entity}, metric = \"x\", every = \"5m\", fold = \"mean\"");
                let threshold = format!("{SPAN}, metric = \"x\", threshold = [0.0, 5.0], limit = 200");
                vec![
                    ("last", READ / 4.0, of("series", "last", ", key = \"uniform\"")),
                    ("range", READ / 4.0, of("series", "range", &entity)),
                    ("window", READ / 4.0, of("series", "window", &fold)),
                    ("above", READ / 4.0, of("series", "above", &threshold)),
                ]
            }
        }
    }
}
