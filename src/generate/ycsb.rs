//! ycsb
