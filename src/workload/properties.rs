//! YCSB `.properties` files as workloads.
