//! `#[derive(Module)]`: visits every field of a struct and gives each parameter its dotted name.
//!
//! This crate is one half of [`glassbox_nn::Module`](https://docs.rs/glassbox-nn), which re-exports the derive under
//! the same name as the trait; use it from there. For
//!
//! ```text
//! #[derive(Module)]
//! struct Attention {
//!     to_qkv: Linear,
//!     #[module(name = "to_out.0")]
//!     to_out: Linear,
//!     #[module(skip)]
//!     heads: usize,
//! }
//! ```
//!
//! it writes
//!
//! ```text
//! impl glassbox_nn::Module for Attention {
//!     fn visit<'a>(&'a self, name: Name<'_>, f: &mut dyn FnMut(Name<'_>, Slot<'a>)) {
//!         self.to_qkv.visit(name.child("to_qkv"), f);
//!         self.to_out.visit(name.child("to_out.0"), f);
//!     }
//!     // visit_mut likewise
//! }
//! ```
//!
//! A macro sees tokens, not types: it can't know whether `heads` holds parameters. So every field is asked through
//! the trait, and one which isn't a `Module` stops the compiler at its type, with `#[module(skip)]` as the way out. A
//! parameter can be left out only by writing so.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod bounds;
mod expand;
mod field;

/// Derives `Module` for a struct: its fields are visited in the order of their declaration.
///
/// Fields may be parameters, buffers, modules, and `Vec`, `Option`, `Box` or arrays of these; the struct may be
/// generic, have named fields, be a tuple (whose fields are called `0`, `1`, … as in PyTorch's `Sequential`) or empty.
///
/// - `#[module(skip)]`: the field holds no parameters; it isn't visited and may have any type.
/// - `#[module(flatten)]`: what the field holds is called as if it were declared here, without the field's name.
/// - `#[module(name = "to_out.0")]`: the field's part of the dotted name, where Rust can't spell it or the checkpoint
///   calls it otherwise.
///
/// # Errors
/// At the place of the mistake: an enum or a union, an attribute that doesn't exist, an empty name or one with an empty
/// part, two fields of one name.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::expand(input).unwrap_or_else(syn::Error::into_compile_error).into()
}
