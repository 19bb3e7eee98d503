//! Which bounds the implementation for a generic struct needs.
//!
//! `struct Residual<F> { inner: F }` is a module if `F` is one. The bound goes on type parameters (`F: Module`) and on
//! types that a parameter leads to (`F::Layer: Module`), not on whole field types: `Vec<Tree<F>>: Module` as a
//! condition for `Tree<F>: Module` would send the compiler in a circle.

use quote::ToTokens;
use syn::{GenericArgument, Generics, Ident, PathArguments, Type, TypePath};

/// The types to bound by `Module`, each once, in the order of their first appearance in `fields`.
pub fn bounded_types<'a>(generics: &Generics, fields: impl Iterator<Item = &'a Type>) -> Vec<&'a TypePath> {
    let params: Vec<&Ident> = generics.type_params().map(|param| &param.ident).collect();
    let mut found = Vec::new();
    fields.for_each(|ty| collect(ty, &params, &mut found));
    found
}

fn collect<'a>(ty: &'a Type, params: &[&Ident], found: &mut Vec<&'a TypePath>) {
    match ty {
        Type::Array(array) => collect(&array.elem, params, found),
        Type::Paren(paren) => collect(&paren.elem, params, found),
        Type::Group(group) => collect(&group.elem, params, found),
        Type::Path(path) => {
            let first = &path.path.segments[0];
            if path.qself.is_none() && params.contains(&&first.ident) {
                let text = |path: &TypePath| path.to_token_stream().to_string();
                if !found.iter().any(|other| text(other) == text(path)) {
                    found.push(path);
                }
                return;
            }
            for segment in &path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
                    for argument in &arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            collect(ty, params, found);
                        }
                    }
                }
            }
        }
        // References, functions, trait objects: no parameter owned, or a bound that the author writes.
        _ => {}
    }
}
