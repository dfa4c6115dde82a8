//! Operations whose subjects are drawn evenly, whatever the workload prefers: what is seldom asked for comes as often.

use std::sync::Arc;

use drivers::Part;

use super::acknowledged_keys::KeyFrontiers;
use super::generator::Generator;
use super::stream::OpStream;
use crate::draw::keys::{KeyChoice, KeyChooser};
use crate::draw::rng::Purpose;

/// Operations of the workload on all that is there now, each record, stream and entity as likely as any other.
pub fn even_operations(generator: &Generator, frontiers: &Arc<KeyFrontiers>) -> OpStream {
    let mut plan = (*generator.plan).clone();
    for (spec, chooser) in &mut plan.key_choosers {
        let visible = frontiers.get(spec.part).filter(|_| matches!(spec.part, Part::Table(_)));
        let many = visible.map_or_else(|| generator.plan.part_size(spec.part), |keys| keys.visible());
        if let Ok(even) = KeyChooser::new(KeyChoice::Uniform, many, 0) {
            *chooser = even;
        }
    }
    let generator = Arc::new(Generator::new(Arc::new(plan), generator.seed));
    OpStream::new(generator, Arc::clone(frontiers), Purpose::Audit, 0, 1)
}
