//! Operations and data as pure functions of a seed.
//!
//! `generator.rs` holds what all lanes share; `stream.rs` makes a lane's operations and `loader.rs` the data that is there
//! before, both from values made in `fields.rs` and `points.rs`. Nothing here talks to a store or looks at a clock, and
//! random numbers come from `draw`.

mod acknowledged_keys;
mod even;
mod fields;
mod fingerprint;
mod generator;
mod key_allocator;
mod key_text;
mod loader;
mod points;
mod pool;
mod reuse;
mod scope;
mod skew;
mod steps;
mod stream;
mod template;
mod values;
mod walk;

pub use acknowledged_keys::{AcknowledgedKeys, KeyFrontiers};
pub use even::even_operations;
pub use fields::ValueGenerator;
pub use fingerprint::{examples, stream_hash};
pub use generator::Generator;
pub use key_allocator::Effect;
pub use loader::{LoadStep, Loader};
pub use skew::shares;
pub use stream::{Call, OpStream};
