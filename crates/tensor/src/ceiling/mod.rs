//! What this machine can do at best: the ceilings that an operation is measured against.
//!
//! An operation that does F floating point operations and moves B bytes takes at least
//!
//! ```text
//! floor = max(F / peak, B / bandwidth)
//! ```
//!
//! seconds, and what it reaches is the share floor / time (Williams, Waterman, Patterson: Roofline, 2009). Neither ceiling is
//! looked up: the [peak](peak_flops) is that of multiply-adds on registers alone, and the [bandwidth](traffic) is what this machine
//! shows for as many bytes of the same mix of reading and writing, with the stores that are fastest there. Each is the best of
//! several runs, since what disturbs a run only slows it down.
//!
//! | file | thought |
//! | --- | --- |
//! | `peak.rs` | multiply-adds a second, on one thread and on all |
//! | `traffic.rs` | bytes a second: reading, writing and what lies between |
//! | `sweep.rs` | the loops that are timed there |
//! | `mix.rs` | how many bytes are read and how many written |
//! | `caches.rs` | how large the caches are |
//! | `team.rs` | all threads at once, and how long it takes to call them |
//! | `floor.rs` | the arithmetic of the roofline |

mod caches;
mod floor;
mod mix;
mod peak;
mod sweep;
mod team;
pub mod traffic;

pub(crate) use caches::fill_caches;
pub use caches::{Cache, caches, level_of};
pub use floor::{Bound, Ceilings, Floor};
pub use mix::{Mix, Traffic};
pub use peak::{peak_flops, peak_flops_of_one_thread};
pub use team::{HandOver, hand_over};
