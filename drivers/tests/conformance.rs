//! Every store is held to what it declares: it must answer as `memory` does.
