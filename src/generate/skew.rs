//! skew
