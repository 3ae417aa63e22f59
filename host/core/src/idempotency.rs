//! Keys by which a write is known in every attempt of its activation.
//!
//! Equal in all of them: the same function with the same arguments, facts in the place of handles, for the same time.
//! A provider that takes the key does nothing twice; a host that finds it in the record does not ask again.

use crate::cursor::encode_args;
use crate::function::FunctionId;
use crate::ids::{ActivationId, Digest, hash};
use crate::lens::Lens;
use crate::value::Value;
use std::collections::HashMap;

/// Counts the writes of one guest in one attempt.
#[derive(Debug, Clone, Default)]
pub struct Occurrences(HashMap<Digest, u64>);

impl Occurrences {
    /// The key of the next write: H(`idem`, activation, principal, function, portable arguments, occurrence from 1 as
    /// 8 little-endian bytes). The principal is empty for an agent's own calls.
    pub fn key(
        &mut self,
        activation: &ActivationId,
        principal: &str,
        function: &FunctionId,
        args: &[Value],
        lens: &Lens,
    ) -> Digest {
        let portable: Vec<Value> = args.iter().map(|arg| lens.portable(arg)).collect();
        let (function, args) = (function.to_string(), encode_args(&portable));
        let parts = [&activation.0[..], principal.as_bytes(), function.as_bytes(), &args];
        let occurrence = self.0.entry(Digest(hash("idem", &parts))).or_default();
        *occurrence += 1;
        let [activation, principal, function, args] = parts;
        Digest(hash("idem", &[activation, principal, function, args, &occurrence.to_le_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(activation: u8, calls: &[(&str, &str)]) -> Vec<Digest> {
        let (mut occurrences, lens) = (Occurrences::default(), Lens::new());
        let key = |(name, text): &(&str, &str)| {
            let function = FunctionId::new("my:shop/orders@0.1.0", name);
            let args = [Value::String((*text).to_owned())];
            occurrences.key(&ActivationId([activation; 32]), "", &function, &args, &lens)
        };
        calls.iter().map(key).collect()
    }

    #[test]
    fn the_same_write_has_the_same_key_in_every_attempt_and_no_other_has_it() {
        let calls = [("buy", "a"), ("buy", "b"), ("buy", "a"), ("sell", "a"), ("buy", "a")];
        let first = keys(1, &calls);
        assert_eq!(keys(1, &calls), first);
        let distinct: std::collections::HashSet<&Digest> = first.iter().collect();
        assert_eq!(distinct.len(), calls.len(), "two writes have one key");
        // Others in between change nothing: what counts is how often this very write came before.
        assert_eq!(keys(1, &[("sell", "x"), ("buy", "a"), ("sell", "y"), ("buy", "a")])[3], first[2]);
        assert!(keys(2, &calls).iter().all(|key| !first.contains(key)), "another activation has the same key");
    }
}
