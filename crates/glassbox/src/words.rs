//! Names that a shell completes. The commands take any word here, for it may be a path, and say themselves which is
//! unknown, and what it is near to.

use crate::commands::trainable;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use glassbox_autograd::ops::registry;
use glassbox_data::catalogue;
use std::ffi::OsStr;

/// Takes any text, and knows some words that a person may mean.
#[derive(Clone)]
pub struct Words(fn() -> Vec<&'static str>);

/// What can be trained.
pub fn presets() -> Words {
    Words(trainable)
}

/// What can be explained.
pub fn subjects() -> Words {
    Words(|| trainable().into_iter().chain(registry().iter().map(|op| op.name())).collect())
}

/// The data sets that have a name.
pub fn data_sets() -> Words {
    Words(|| catalogue().iter().map(|entry| entry.name).collect())
}

impl TypedValueParser for Words {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}
