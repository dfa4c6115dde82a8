//! Aggregation pipelines: their stages one after another, and the group of a window.

use crate::Fold;
use crate::stores::mongodb::encode::DocumentWriter;

/// The stages of a pipeline. Each function adds one.
pub(super) struct Pipeline<'w> {
    stages: &'w mut DocumentWriter,
    count: usize,
}

/// Writes an aggregation whose answer comes in batches of a size.
pub(super) fn aggregate(
    command: &mut DocumentWriter,
    collection: &str,
    batch_size: i64,
    stages: impl FnOnce(&mut Pipeline<'_>),
) {
    command.text("aggregate", collection);
    write_pipeline(command, stages);
    command.document("cursor", |cursor| cursor.int("batchSize", batch_size));
}

/// Writes the pipeline of a command or of a `$lookup`.
pub(super) fn write_pipeline(command: &mut DocumentWriter, stages: impl FnOnce(&mut Pipeline<'_>)) {
    command.array("pipeline", |list| stages(&mut Pipeline { stages: list, count: 0 }));
}

impl Pipeline<'_> {
    pub(super) fn document(&mut self, operator: &str, content: impl FnOnce(&mut DocumentWriter)) {
        self.stage(|stage| stage.document(operator, content));
    }

    pub(super) fn text(&mut self, operator: &str, text: &str) {
        self.stage(|stage| stage.text(operator, text));
    }

    pub(super) fn int(&mut self, operator: &str, number: i64) {
        self.stage(|stage| stage.int(operator, number));
    }

    pub(super) fn parameter_int(&mut self, operator: &str, number: i64) {
        self.stage(|stage| stage.parameter_int(operator, number));
    }

    fn stage(&mut self, content: impl FnOnce(&mut DocumentWriter)) {
        self.stages.document(self.count, content);
        self.count += 1;
    }
}

/// A group for each bucket of a window, with the folded values of a path.
///
/// Its `_id` is the start of the bucket of the instant under another path: `t - ((t mod every) + every) mod every`. The
/// remainder has the sign of the dividend and is made positive, so that buckets before 1970 start right too.
/// `$dateTrunc` would count its buckets from the year 2000.
pub(super) fn write_window_group(
    group: &mut DocumentWriter,
    instant_path: &str,
    every_ms: i64,
    fold: Fold,
    value_path: &str,
) {
    let instant =
        |writer: &mut DocumentWriter, at: usize| writer.document(at, |long| long.text("$toLong", instant_path));
    let remainder = |writer: &mut DocumentWriter| {
        writer.array("$mod", |operands| {
            instant(operands, 0);
            operands.parameter_int(1, every_ms);
        });
    };
    let positive_remainder = |writer: &mut DocumentWriter| {
        writer.array("$mod", |operands| {
            operands.document(0, |sum| {
                sum.array("$add", |operands| {
                    operands.document(0, remainder);
                    operands.parameter_int(1, every_ms);
                });
            });
            operands.parameter_int(1, every_ms);
        });
    };
    group.document("_id", |id| {
        id.array("$subtract", |operands| {
            instant(operands, 0);
            operands.document(1, positive_remainder);
        });
    });
    group.document("folded", |folded| match fold {
        Fold::Mean => folded.text("$avg", value_path),
        Fold::Min => folded.text("$min", value_path),
        Fold::Max => folded.text("$max", value_path),
        Fold::Sum => folded.text("$sum", value_path),
        Fold::Count => folded.int("$sum", 1),
    });
}
