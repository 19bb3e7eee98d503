//! One field of the struct: how it is reached, what it is called, and what its attributes say.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, Member, Result, Type};

/// A field that is visited.
pub struct Field<'a> {
    /// How it is reached: `self.weight`, `self.0`.
    pub member: Member,
    /// Its part of the dotted name, which may hold dots itself; `None` if it is marked `#[module(flatten)]`.
    pub name: Option<String>,
    /// Where to point when the name is wrong: at the attribute that gave it, or at the field.
    pub name_span: Span,
    /// Where to point when the type isn't a module.
    pub ty: &'a Type,
}

impl<'a> Field<'a> {
    /// Reads field number `index`; `None` if it is marked `#[module(skip)]`.
    pub fn read(index: usize, field: &'a syn::Field) -> Result<Option<Self>> {
        let member = match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => Member::Unnamed(syn::Index { index: index as u32, span: field.ty.span() }),
        };
        let attributes = Attributes::read(&field.attrs)?;
        if let Some(skip) = attributes.skip {
            return match attributes.name {
                Some(_) => Err(Error::new(skip, "a field that is skipped has no name; remove `skip` or `name`")),
                None if attributes.flatten.is_some() => {
                    Err(Error::new(skip, "a field is skipped or flattened; remove `skip` or `flatten`"))
                }
                None => Ok(None),
            };
        }
        if let Some(flatten) = attributes.flatten {
            return match attributes.name {
                Some(_) => {
                    Err(Error::new(flatten, "a field that is flattened has no name; remove `flatten` or `name`"))
                }
                None => Ok(Some(Self { member, name: None, name_span: flatten, ty: &field.ty })),
            };
        }
        let (name, name_span) = match attributes.name {
            Some(literal) => (checked_name(&literal)?, literal.span()),
            // `r#type` is called `type`: the raw prefix is Rust's, not the model's.
            None => match &member {
                Member::Named(ident) => (ident.to_string().trim_start_matches("r#").to_owned(), ident.span()),
                Member::Unnamed(_) => (index.to_string(), field.ty.span()),
            },
        };
        Ok(Some(Self { member, name: Some(name), name_span, ty: &field.ty }))
    }
}

/// What `#[module(…)]` can say, with the place where it says so.
#[derive(Default)]
struct Attributes {
    skip: Option<Span>,
    flatten: Option<Span>,
    name: Option<LitStr>,
}

impl Attributes {
    fn read(attrs: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("module")) {
            attr.parse_nested_meta(|meta| {
                let twice = |what| meta.error(format!("`{what}` is given twice"));
                if meta.path.is_ident("skip") {
                    match read.skip.replace(meta.path.span()) {
                        Some(_) => Err(twice("skip")),
                        None => Ok(()),
                    }
                } else if meta.path.is_ident("flatten") {
                    match read.flatten.replace(meta.path.span()) {
                        Some(_) => Err(twice("flatten")),
                        None => Ok(()),
                    }
                } else if meta.path.is_ident("name") {
                    match read.name.replace(meta.value()?.parse()?) {
                        Some(_) => Err(twice("name")),
                        None => Ok(()),
                    }
                } else {
                    Err(meta.error("unknown attribute; `skip`, `flatten` and `name = \"…\"` are known"))
                }
            })?;
        }
        Ok(read)
    }
}

/// A name whose parts between dots all hold something; anything else could never be found in a checkpoint again.
fn checked_name(literal: &LitStr) -> Result<String> {
    let name = literal.value();
    if name.split('.').any(str::is_empty) {
        let message =
            format!("`{name}` has an empty part; a name is one or more parts with dots between, as `to_out.0`");
        return Err(Error::new(literal.span(), message));
    }
    Ok(name)
}
