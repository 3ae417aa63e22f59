//! The functions of capabilities that an agent calls, named once: calls of the bindings in a component, mocks in a
//! native build.
//!
//! Invariant: in a Wasm build nothing is left but the call of the generated binding; the rest exists natively alone.

/// Names the functions that an agent calls of its capabilities, so that its handler also runs in a native test.
///
/// After the module's name stand the path of the bindings that `wit-bindgen` made of the interface, and the interface's
/// name in WIT. Each function is written as the bindings have it; its types are looked up as in the module around, and
/// its arguments have to be `Debug`. In a component the function calls the binding. In a native build, where bindings
/// cannot be called, it calls the mock that the test set on its thread, and panics if there is none; calls are listed
/// by [`testing::calls`](crate::testing::calls). A mock is any `FnMut` of the function's own signature; it stays until it
/// is replaced or cleared by [`testing::reset`](crate::testing::reset).
///
/// Resources are not covered: for those write the handler's logic against a trait, with the bindings behind one
/// implementation and the test's own behind another.
///
/// ```
/// use manes_sdk::{prelude::*, testing};
///
/// manes_sdk::imports! {
///     /// Orders of the shop.
///     pub mod orders = crate::bindings::my::shop::orders, "my:shop/orders" {
///         /// Buys so many, and says under which number.
///         pub fn buy(item: &str, count: u32) -> Result<u64, String>;
///         pub fn price(item: &str) -> Option<f64>;
///     }
/// }
///
/// struct Buyer;
/// impl Agent for Buyer {
///     type Input = String;
///     const INFO: Info = Info::new("buyer", "0.1.0", "Buys what is wanted");
///     fn handle(item: String, _event: &Event) -> Handled {
///         if orders::price(&item).is_none_or(|price| price > 2.0) {
///             return done();
///         }
///         let number = orders::buy(&item, 3).map_err(|reason| retry(reason, 500))?;
///         emit("shop.bought", &number)
///     }
/// }
///
/// orders::mock::price(|_| Some(1.5));
/// orders::mock::buy(|_, count| if count < 10 { Ok(7) } else { Err("too many".to_owned()) });
///
/// let drafts = testing::run::<Buyer>(&testing::event("shop.wanted", "apple")).unwrap();
/// assert_eq!(testing::json(&drafts[0]), 7);
///
/// let calls = testing::take_calls();
/// assert_eq!(calls[0].to_string(), r#"my:shop/orders.price("apple")"#);
/// assert_eq!((calls[1].function, &calls[1].arguments[1]), ("buy", &"3".to_owned()));
/// ```
#[macro_export]
macro_rules! imports {
    ($(
        $(#[$meta:meta])*
        $vis:vis mod $module:ident = $binding:path, $interface:literal {
            $(
                $(#[$note:meta])*
                $reach:vis fn $function:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;
            )*
        }
    )+) => { $(
        $(#[$meta])*
        #[allow(unused_imports, missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
        $vis mod $module {
            use super::*;
            #[cfg(target_arch = "wasm32")]
            use $binding as __binding;

            $(
                $(#[$note])*
                #[cfg_attr(not(target_arch = "wasm32"), track_caller)]
                $reach fn $function($($argument: $type),*) $(-> $result)? {
                    #[cfg(target_arch = "wasm32")]
                    return __binding::$function($($argument),*);
                    #[cfg(not(target_arch = "wasm32"))]
                    return $crate::testing::mock::call(
                        &$crate::testing::mock::Function {
                            interface: $interface,
                            module: stringify!($module),
                            name: stringify!($function),
                            parameters: &[$(stringify!($argument)),*],
                        },
                        ::std::vec![$(::std::format!("{:?}", &$argument)),*],
                        |mock: &mut ::std::boxed::Box<dyn FnMut($($type),*) $(-> $result)?>| mock($($argument),*),
                    );
                }
            )*

            // A type with functions, not a module: one more module would be one more place to look types up in.
            /// What the functions of this module answer in a native test.
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(non_camel_case_types)]
            pub enum mock {}

            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code, reason = "a build without tests sets no mocks")]
            impl mock {
                $(
                    #[doc = concat!("Answers calls of `", stringify!($function), "` on this thread from now on.")]
                    pub fn $function(mock: impl FnMut($($type),*) $(-> $result)? + 'static) {
                        let mock: ::std::boxed::Box<dyn FnMut($($type),*) $(-> $result)?> = ::std::boxed::Box::new(mock);
                        $crate::testing::mock::set($interface, stringify!($function), mock);
                    }
                )*
            }
        }
    )+ };
}
