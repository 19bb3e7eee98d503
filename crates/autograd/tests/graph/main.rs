//! The graph and everything that walks it.

mod anomaly;
mod checkpoint;
mod hooks;
mod pictures;
mod products;
mod sweep;
mod trace;
