//! What is PostgreSQL's own and so not in the conformance suite.
