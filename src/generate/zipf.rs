//! zipf
