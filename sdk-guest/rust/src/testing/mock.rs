//! What stands behind [`imports!`](crate::imports) in a native build: the mocks of this thread and the calls they got.
//!
//! Invariant: nothing of this module is borrowed while a mock runs, so that it may log, call what else is mocked and set
//! mocks; only itself it cannot call.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// Interface, function, and the type of its mock: two declarations of one function share what is set.
type Key = (&'static str, &'static str, TypeId);

thread_local! {
    static MOCKS: RefCell<BTreeMap<Key, Rc<dyn Any>>> = const { RefCell::new(BTreeMap::new()) };
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
}

/// One call of a function that [`imports!`](crate::imports) names; displayed as `my:shop/orders.buy("apple", 3)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The interface, as in WIT.
    pub interface: &'static str,
    /// The function, as in Rust.
    pub function: &'static str,
    /// The `Debug` text of each argument.
    pub arguments: Vec<String>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}({})", self.interface, self.function, self.arguments.join(", "))
    }
}

/// The calls on this thread since the last [`take_calls`], in their order.
#[must_use]
pub fn calls() -> Vec<Call> {
    CALLS.with_borrow(Clone::clone)
}

/// Takes the calls on this thread since the last call of this function.
pub fn take_calls() -> Vec<Call> {
    CALLS.take()
}

/// Forgets mocks and calls.
pub(super) fn reset() {
    // Taken out first: what a mock holds may have a destructor that comes back here.
    drop(MOCKS.take());
    drop(CALLS.take());
}

/// A function as it was declared.
#[doc(hidden)]
#[derive(Debug)]
pub struct Function {
    pub interface: &'static str,
    pub module: &'static str,
    pub name: &'static str,
    pub parameters: &'static [&'static str],
}

/// The body of a mock's setter.
#[doc(hidden)]
pub fn set<F: 'static>(interface: &'static str, function: &'static str, mock: F) {
    let key = (interface, function, TypeId::of::<F>());
    let mock: Rc<dyn Any> = Rc::new(RefCell::new(mock));
    let before = MOCKS.with_borrow_mut(|mocks| mocks.insert(key, mock));
    drop(before);
}

/// The body of a declared function: lists the call, then asks the mock.
///
/// # Panics
///
/// If there is no mock, or the mock itself makes the call.
#[doc(hidden)]
#[track_caller]
#[expect(clippy::panic, reason = "a mistake of the test; the function's own type may have no room for it")]
pub fn call<F: 'static, R>(function: &Function, arguments: Vec<String>, ask: impl FnOnce(&mut F) -> R) -> R {
    let call = Call { interface: function.interface, function: function.name, arguments };
    CALLS.with_borrow_mut(|calls| calls.push(call.clone()));
    let key = (function.interface, function.name, TypeId::of::<F>());
    let found = MOCKS.with_borrow(|mocks| mocks.get(&key).cloned());
    let Some(mock) = found.and_then(|mock| mock.downcast::<RefCell<F>>().ok()) else {
        let (module, name, parameters) = (function.module, function.name, function.parameters.join(", "));
        panic!("{call} has no mock on this thread; set one before: {module}::mock::{name}(|{parameters}| …)");
    };
    let Ok(mut mock) = mock.try_borrow_mut() else {
        panic!(
            "{call} was called by its own mock; a mock may call other functions, but not the one that it answers for"
        );
    };
    ask(&mut mock)
}
