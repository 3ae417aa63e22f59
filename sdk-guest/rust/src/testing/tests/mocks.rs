//! Declared imports and their mocks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::panic_of;
use crate::{context, log, testing};

/// A type that the declared functions find in the module around.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    name: String,
}

crate::imports! {
    /// Orders of the shop.
    mod orders = crate::bindings::my::shop::orders, "my:shop/orders" {
        /// Buys.
        pub fn buy(item: &str, count: u32) -> Result<u64, String>;
        pub fn price(item: &Item) -> Option<f64>;
        pub fn forget(items: &[&str]);
        pub fn stock() -> Vec<Item>;
        pub fn put(item: Item, more: Vec<Item>,) -> bool;
    }

    mod clock = crate::bindings::my::shop::clock, "my:shop/clock@0.2.0" {
        pub fn now() -> u64;
    }
}

fn item(name: &str) -> Item {
    Item { name: name.to_owned() }
}

#[test]
fn a_mock_answers_with_what_it_keeps() {
    let mut sold = 0;
    orders::mock::buy(move |item, count| {
        sold += u64::from(count);
        if item == "pear" { Err("no pears".to_owned()) } else { Ok(sold) }
    });
    orders::mock::stock(|| vec![item("apple")]);
    orders::mock::put(|item, more| more.contains(&item));
    assert_eq!(orders::buy("apple", 3), Ok(3));
    assert_eq!(orders::buy("pear", 1), Err("no pears".to_owned()));
    assert_eq!(orders::buy("apple", 4), Ok(8));
    assert_eq!(orders::stock(), [item("apple")]);
    assert!(orders::put(item("apple"), orders::stock()));
    orders::mock::buy(|_, _| Ok(0));
    assert_eq!(orders::buy("apple", 3), Ok(0), "the last one set answers");
}

#[test]
fn calls_are_listed_in_order_with_their_arguments() {
    orders::mock::price(|_| Some(1.5));
    orders::mock::forget(|_| ());
    clock::mock::now(|| 12);
    assert_eq!(orders::price(&item("apple")), Some(1.5));
    orders::forget(&["apple", "pear"]);
    assert_eq!(clock::now(), 12);
    assert_eq!(testing::calls().len(), 3);
    let calls = testing::take_calls();
    assert_eq!((calls[0].interface, calls[0].function), ("my:shop/orders", "price"));
    assert_eq!(calls[0].arguments, [r#"Item { name: "apple" }"#]);
    assert_eq!(calls[1].to_string(), r#"my:shop/orders.forget(["apple", "pear"])"#);
    assert_eq!(calls[2].to_string(), "my:shop/clock@0.2.0.now()");
    assert!(testing::calls().is_empty());
}

#[test]
fn a_call_without_a_mock_says_how_to_set_one() {
    let message = panic_of(|| orders::buy("apple", 3));
    assert!(message.contains(r#"my:shop/orders.buy("apple", 3) has no mock"#), "{message}");
    assert!(message.contains("orders::mock::buy(|item, count| …)"), "{message}");
    assert_eq!(testing::calls().len(), 1, "it was called all the same");
    orders::mock::buy(|_, _| Ok(1));
    let elsewhere = std::thread::spawn(|| panic_of(clock::now)).join().unwrap();
    assert!(elsewhere.contains("my:shop/clock@0.2.0.now() has no mock on this thread"), "{elsewhere}");
}

#[test]
fn a_mock_may_do_whatever_a_handler_may() {
    testing::set_config(&[("shop", "corner")]);
    orders::mock::price(|item| (item.name == "apple").then_some(2.0));
    orders::mock::buy(|name, count| {
        log::info!("bought {name}"; shop = context::config("shop").unwrap_or_default());
        let price = orders::price(&item(name)).ok_or("no price")?;
        // Takes the place of the one that runs, which still ends.
        orders::mock::buy(|_, _| Err("closed".to_owned()));
        Ok(price as u64 * u64::from(count))
    });
    assert_eq!(orders::buy("apple", 3), Ok(6));
    assert_eq!(orders::buy("apple", 3), Err("closed".to_owned()));
    assert_eq!(testing::take_logs()[0].fields, [("shop".to_owned(), "corner".to_owned())]);
    let functions: Vec<&str> = testing::take_calls().iter().map(|call| call.function).collect();
    assert_eq!(functions, ["buy", "price", "buy"]);
}

#[test]
fn a_mock_that_calls_itself_is_told_so_and_stays() {
    let deep = Rc::new(Cell::new(true));
    let deeper = deep.clone();
    orders::mock::buy(move |item, count| if deep.get() { orders::buy(item, count + 1) } else { Ok(5) });
    let message = panic_of(|| orders::buy("apple", 3));
    assert!(message.contains(r#"my:shop/orders.buy("apple", 4) was called by its own mock"#), "{message}");
    deeper.set(false);
    assert_eq!(orders::buy("apple", 3), Ok(5));
}

#[test]
fn reset_makes_the_thread_as_new() {
    let kept = Rc::new(RefCell::new(0));
    let inside = kept.clone();
    clock::mock::now(move || {
        *inside.borrow_mut() += 1;
        // Even by a mock, while it runs.
        testing::reset();
        7
    });
    testing::set_config(&[("a", "b")]);
    testing::set_attempt(3);
    log::info!("a line");
    assert_eq!(clock::now(), 7);
    assert_eq!((*kept.borrow(), Rc::strong_count(&kept)), (1, 1));
    assert_eq!((context::config("a"), context::attempt()), (None, 1));
    assert!(testing::calls().is_empty() && testing::take_logs().is_empty());
    assert!(panic_of(clock::now).contains("has no mock"));
}
