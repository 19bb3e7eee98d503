//! From the struct to its implementation of `Module`.

use crate::bounds::bounded_types;
use crate::field::Field;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Result};

/// Writes `impl Module for …`; an error carries the place of the mistake.
pub fn expand(input: DeriveInput) -> Result<TokenStream> {
    if let Some(attr) = input.attrs.iter().find(|attr| attr.path().is_ident("module")) {
        return Err(Error::new(attr.span(), "`#[module(…)]` belongs on a field of the struct"));
    }
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => {
            let message = "Module can be derived for structs only; implement it by hand, with a match in `visit` and \
                           `visit_mut`, or hold one Option for each variant";
            return Err(Error::new(data.enum_token.span, message));
        }
        Data::Union(data) => {
            return Err(Error::new(data.union_token.span, "Module can be derived for structs only"));
        }
    };
    let mut visited: Vec<Field<'_>> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let Some(field) = Field::read(index, field)? else { continue };
        if let Some(name) = &field.name
            && visited.iter().any(|other| other.name.as_ref() == Some(name))
        {
            let message = format!("two fields are called `{name}`; one would overwrite the other in a checkpoint");
            return Err(Error::new(field.name_span, message));
        }
        visited.push(field);
    }

    let called = |name: &Option<String>| match name {
        Some(name) => quote!(name.child(#name)),
        None => quote!(name), // what it holds is called as if it stood here
    };
    let calls = visited.iter().map(|Field { member, name, ty, .. }| {
        let name = called(name);
        // With the span of the type, "the trait bound `f32: Module` is not satisfied" points at the type.
        quote_spanned!(ty.span()=> <#ty as ::glassbox_nn::Module>::visit(&self.#member, #name, f);)
    });
    let calls_mut = visited.iter().map(|Field { member, name, ty, .. }| {
        let name = called(name);
        quote_spanned!(ty.span()=> <#ty as ::glassbox_nn::Module>::visit_mut(&mut self.#member, #name, f);)
    });

    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let written = where_clause.iter().flat_map(|clause| &clause.predicates);
    let bounded = bounded_types(&input.generics, visited.iter().map(|field| field.ty));
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::glassbox_nn::Module for #ident #type_generics
        where
            #(#written,)*
            #(#bounded: ::glassbox_nn::Module,)*
        {
            #[allow(unused_variables)] // a struct without fields uses neither
            fn visit<'__a>(
                &'__a self,
                name: ::glassbox_nn::Name<'_>,
                f: &mut dyn ::core::ops::FnMut(::glassbox_nn::Name<'_>, ::glassbox_nn::Slot<'__a>),
            ) {
                #(#calls)*
            }

            #[allow(unused_variables)]
            fn visit_mut<'__a>(
                &'__a mut self,
                name: ::glassbox_nn::Name<'_>,
                f: &mut dyn ::core::ops::FnMut(::glassbox_nn::Name<'_>, ::glassbox_nn::SlotMut<'__a>),
            ) {
                #(#calls_mut)*
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::expand;
    use proc_macro2::TokenStream;
    use quote::quote;

    /// The expansion of `input` as text with single spaces, or the text of the error.
    fn expansion(input: TokenStream) -> Result<String, String> {
        expand(syn::parse2(input).expect("a struct or enum"))
            .map(|tokens| tokens.to_string())
            .map_err(|e| e.to_string())
    }

    /// The fields and names in the order in which `visit` calls them, as `member:name`.
    fn visited(input: TokenStream) -> Vec<String> {
        let text = expansion(input).expect("expands").replace(' ', "");
        let calls = text.split("::visit(&self.").skip(1);
        calls
            .map(|call| {
                let (member, rest) = call.split_once(",name.child(\"").expect("a child");
                format!("{member}:{}", rest.split_once('"').expect("a literal").0)
            })
            .collect()
    }

    #[test]
    fn fields_are_visited_in_the_order_of_their_declaration() {
        let input =
            quote! { struct Mlp { fc1: Linear, layers: Vec<Linear>, norm: Option<Box<Norm>>, heads: [Linear; 4] } };
        assert_eq!(visited(input), ["fc1:fc1", "layers:layers", "norm:norm", "heads:heads"]);
    }

    #[test]
    fn visit_mut_visits_the_same_fields() {
        let text = expansion(quote! { struct Two { a: Linear, #[module(name = "x.1")] b: Linear } }).expect("expands");
        let text = text.replace(' ', "");
        assert!(text.contains("visit_mut(&mutself.a,name.child(\"a\"),f)"), "{text}");
        assert!(text.contains("visit_mut(&mutself.b,name.child(\"x.1\"),f)"), "{text}");
    }

    #[test]
    fn attributes_rename_and_skip() {
        let input = quote! {
            struct Attention {
                #[module(name = "to_out.0")] to_out: Linear,
                #[module(skip)] heads: usize,
                r#type: Linear,
            }
        };
        assert_eq!(visited(input), ["to_out:to_out.0", "r#type:type"]);
    }

    #[test]
    fn tuple_fields_are_called_by_their_index_as_in_sequential() {
        let input = quote! { struct Sequential(Linear, #[module(skip)] f32, Linear); };
        assert_eq!(visited(input), ["0:0", "2:2"]);
    }

    #[test]
    fn type_parameters_of_visited_fields_are_bound() {
        let text = expansion(quote! {
            struct Tree<'t, T, U, B: Backbone, const N: usize> where U: Copy {
                leaf: [T; N],
                children: Vec<Tree<'t, T, U, B, N>>,
                stem: B::Stem,
                #[module(skip)] extra: PhantomData<&'t U>,
            }
        });
        let text = text.expect("expands").replace(' ', "");
        assert!(
            text.contains("impl<'t,T,U,B:Backbone,constN:usize>::glassbox_nn::ModuleforTree<'t,T,U,B,N>"),
            "{text}"
        );
        assert!(text.contains("whereU:Copy,T:::glassbox_nn::Module,"), "{text}");
        assert!(text.contains("B::Stem:::glassbox_nn::Module"), "{text}");
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (
                quote!(
                    enum E {
                        A,
                        B,
                    }
                ),
                "structs only",
            ),
            (quote!(union U { a: u32 }), "structs only"),
            (
                quote!(
                    #[module(skip)]
                    struct S {
                        a: Linear,
                    }
                ),
                "belongs on a field",
            ),
            (
                quote!(
                    struct S {
                        #[module(rename = "b")]
                        a: Linear,
                    }
                ),
                "unknown attribute; `skip`, `flatten` and `name = \"…\"`",
            ),
            (
                quote!(
                    struct S {
                        #[module(name = "")]
                        a: Linear,
                    }
                ),
                "has an empty part",
            ),
            (
                quote!(
                    struct S {
                        #[module(name = "a..b")]
                        a: Linear,
                    }
                ),
                "has an empty part",
            ),
            (
                quote!(
                    struct S {
                        #[module(name = 3)]
                        a: Linear,
                    }
                ),
                "expected string literal",
            ),
            (
                quote!(
                    struct S {
                        #[module(name)]
                        a: Linear,
                    }
                ),
                "expected `=`",
            ),
            (
                quote!(
                    struct S {
                        #[module(skip, skip)]
                        a: Linear,
                    }
                ),
                "`skip` is given twice",
            ),
            (
                quote!(
                    struct S {
                        #[module(name = "b")]
                        #[module(name = "c")]
                        a: Linear,
                    }
                ),
                "`name` is given twice",
            ),
            (
                quote!(
                    struct S {
                        #[module(skip, name = "b")]
                        a: Linear,
                    }
                ),
                "remove `skip` or `name`",
            ),
            (
                quote!(
                    struct S {
                        a: Linear,
                        #[module(name = "a")]
                        b: Linear,
                    }
                ),
                "two fields are called `a`",
            ),
        ];
        for (input, expected) in cases {
            let text = input.to_string();
            let error = expansion(input).expect_err(&text);
            assert!(error.contains(expected), "{text}\n  says: {error}\n  not:  {expected}");
        }
    }
}
