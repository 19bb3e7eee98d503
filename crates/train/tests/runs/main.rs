//! Runs of a tiny model in plain arrays: what is tested is the loop and the directory, not the engine.

mod mean;
mod observer;
mod runner;
mod tensorboard;
