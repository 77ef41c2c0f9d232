//! The attribute `#[handler]`: an export for a function that takes a context or an input. It writes as little as it can, and
//! leaves what types mean to the traits of `alyx-functions`; what it must say itself is what a signature cannot be.

use proc_macro::TokenStream;
use proc_macro2::{Ident, Span, TokenStream as Tokens};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Result, ReturnType, Signature, Type, Visibility};

/// Exports a function under its own name; the function itself stays as it is. See `alyx_functions::handler`.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let original = Tokens::from(item);
    match expand(arguments.into(), original.clone()) {
        Ok(export) => quote!(#original #export).into(),
        Err(error) => {
            // The function is kept, so that its callers do not fail as well.
            let error = error.into_compile_error();
            quote!(#original #error).into()
        }
    }
}

/// A function whose body is nobody's business here.
struct Function {
    signature: Signature,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let start = input.span();
        let signature = input.parse().map_err(|_| {
            Error::new(start, "#[handler] stands before a function: `fn handler(ctx: Context) -> Result<T, Error>`")
        })?;
        input.parse::<Tokens>()?;
        Ok(Self { signature })
    }
}

/// Exports that mean something else to the host.
const RESERVED: [&str; 6] = ["_initialize", "_start", "alyx_event", "hs_init", "memory", "__wasm_call_ctors"];

fn expand(arguments: Tokens, item: Tokens) -> Result<Tokens> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "#[handler] takes no arguments: the export has the function's name"));
    }
    let Function { signature } = syn::parse2(item)?;
    let types = arguments_of(&signature)?;
    let output = output_of(&signature)?;
    let name = &signature.ident;
    let export = name.to_string();
    let export = export.trim_start_matches("r#");
    if RESERVED.contains(&export) {
        return Err(Error::new_spanned(
            name,
            format!("an export named \"{export}\" means something else to the host: choose another name"),
        ));
    }
    // With the place of the type that it is about, so that the compiler complains there.
    let kit = |at: Span| quote_spanned!(at=> ::alyx_functions::__private);
    let take = |ty: &Type, role: &str| {
        let (at, role) = (ty.span(), Ident::new(role, ty.span()));
        let kit = kit(at);
        quote_spanned!(at=> <#ty as #kit::#role>::take(&__alyx_ctx)?)
    };
    let taken: Vec<Tokens> = match types.as_slice() {
        [first, second] => vec![take(first, "First"), take(second, "Argument")],
        types => types.iter().map(|ty| take(ty, "Argument")).collect(),
    };
    let returned = kit(output.span());
    let settle = quote_spanned!(output.span()=> #returned::Returned::settle);
    let run = kit(Span::call_site());
    Ok(quote! {
        const _: () = {
            // Names that no handler has. On other targets nobody calls it, and it keeps the function from looking unused.
            #[allow(dead_code, unsafe_code)]
            #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #export))]
            extern "C" fn __alyx_export() -> i32 {
                #run::run(|__alyx_ctx| #settle(#name(#(#taken),*)))
            }
        };
    })
}

/// The types of what it takes, when they can be taken.
fn arguments_of(signature: &Signature) -> Result<Vec<&Type>> {
    let refuse = |tokens: &dyn quote::ToTokens, why: &str| Err(Error::new_spanned(tokens.to_token_stream(), why));
    if let Some(word) = &signature.asyncness {
        return refuse(word, "a handler is not async: every call of the host returns its result at once, so leave `async` and `.await` out");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi, "a handler is a plain `fn`: the attribute makes the export; for a scalar function leave the attribute out and write #[no_mangle]");
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return refuse(
            &signature.generics,
            "a handler has no generic parameters: the host calls one function, so name the types, as in `input: Order`",
        );
    }
    let mut types = Vec::new();
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(this) => {
                return refuse(this, "a handler is a free function without `self`: move it out of the `impl`")
            }
            FnArg::Typed(typed) => match &*typed.ty {
                Type::Reference(_) => {
                    return refuse(
                        &typed.ty,
                        "a handler takes its arguments by value: `ctx: Context` or `input: Order`",
                    )
                }
                Type::ImplTrait(_) => {
                    return refuse(
                        &typed.ty,
                        "a handler has no generic parameters: name the type, as in `input: Order`",
                    )
                }
                ty => types.push(ty),
            },
        }
    }
    match signature.inputs.iter().nth(2) {
        Some(third) => refuse(third, "a handler takes a context, an input, or both: `fn handler(ctx: Context, input: Order)`; put further values into the input's struct"),
        None => Ok(types),
    }
}

fn output_of(signature: &Signature) -> Result<&Type> {
    match &signature.output {
        ReturnType::Default => Err(Error::new_spanned(
            &signature.ident,
            "a handler returns `Result<T, Error>`, where T is what can be written as JSON, or `Outcome`; `Result<(), Error>` for nothing",
        )),
        ReturnType::Type(_, ty) => match &**ty {
            Type::ImplTrait(_) => Err(Error::new_spanned(ty, "a handler names the type that it returns: `Result<T, Error>`")),
            ty => Ok(ty),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(arguments: &str, item: &str) -> Result<String> {
        expand(arguments.parse().unwrap(), item.parse().unwrap()).map(|export| export.to_string())
    }

    #[test]
    fn wrong_signatures_are_told_what_to_do() {
        for (item, said) in [
            ("async fn f(ctx: Context) -> Result<(), Error> {}", "leave `async` and `.await` out"),
            ("fn f<T>(input: T) -> Result<(), Error> {}", "name the types"),
            ("fn f(input: Order) -> Result<(), Error> where Order: Clone {}", "name the types"),
            ("fn f(input: impl Read) -> Result<(), Error> {}", "name the type"),
            ("fn f(&self) -> Result<(), Error> {}", "move it out of the `impl`"),
            ("fn f(ctx: &Context) -> Result<(), Error> {}", "by value"),
            ("fn f(a: A, b: B, c: C) -> Result<(), Error> {}", "a context, an input, or both"),
            ("extern \"C\" fn f(a: i64) -> i64 {}", "#[no_mangle]"),
            ("fn f(ctx: Context) {}", "returns `Result<T, Error>`"),
            ("fn f(ctx: Context) -> impl Serialize {}", "names the type that it returns"),
            ("fn memory() -> Result<(), Error> {}", "choose another name"),
            ("struct Order;", "stands before a function"),
        ] {
            let refusal = expanded("", item).unwrap_err().to_string();
            assert!(refusal.contains(said), "{item}: {refusal}");
        }
        let refusal = expanded("name = \"x\"", "fn f() -> Result<(), Error> {}").unwrap_err().to_string();
        assert!(refusal.contains("takes no arguments"), "{refusal}");
    }

    #[test]
    fn a_function_is_exported_under_its_own_name() {
        for (item, name) in [
            ("pub(crate) fn place(order: Order) -> Result<(), Error> { anything at all }", "place"),
            ("#[allow(unused)] fn r#match() -> Result<(), Error> {}", "match"),
        ] {
            let export = expanded("", item).unwrap();
            assert!(export.contains(&format!("export_name = \"{name}\"")), "{export}");
        }
    }
}
