//! What is MongoDB's own and so not in the conformance suite.
