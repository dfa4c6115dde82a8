//! What a workload in YCSB's format means here, where that is not what it means to YCSB.

/// One thing that is done otherwise than in YCSB. It belongs to the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The runs of which it is true.
    pub scope: NoteScope,
    /// One sentence.
    pub text: String,
}

/// The runs of which a note is true. Flags of the command line may set aside what a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteScope {
    /// All.
    Always,
    /// Those at the rate that the file states.
    OwnRate,
    /// Those that last as long as the file states.
    OwnLength,
    /// Those with a warm-up.
    WithWarmup,
    /// Those without one.
    WithoutWarmup,
}
