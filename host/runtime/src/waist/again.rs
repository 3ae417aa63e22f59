//! Writes that an earlier attempt made or announced: used again, made again, or asked about.

use super::Ended;
use super::call::{UNKNOWN, Waist, decode};
use crate::component::Function;
use crate::earlier::Write;
use crate::journal::{CallEnd, CallRecord};
use manes_core::function::FunctionId;
use manes_core::lens::{Facts, Seen};
use manes_core::policy::OnUnknown;
use manes_core::value::Value;

impl Waist {
    /// A write that an earlier attempt announced. Its outcome, if it succeeded and can be used again; nothing, if it is
    /// to be made now, which `call` then says.
    pub(super) fn again(
        &self,
        function: &Function,
        call: &mut CallRecord<'_>,
        seen: &Seen,
        args: &[Value],
    ) -> Result<Option<Option<Value>>, Ended> {
        let Some(write) = self.journal().earlier(call) else { return Ok(None) };
        let (leaf, came) = match write {
            Write::Returned { leaf, outcome: Some(bytes) } => {
                let outcome = function.signature.result.as_ref().map(|shape| decode(shape, &bytes)).transpose()?;
                // What failed did nothing, or says that it may be tried again.
                if matches!(outcome, Some(Value::Result(Err(_)))) {
                    return Ok(None);
                }
                // What was done to a resource of the last attempt was not done to this one's.
                let mut handles = false;
                args.iter().for_each(|arg| arg.handles(&mut |_| handles = true));
                outcome.iter().for_each(|value| value.handles(&mut |_| handles = true));
                if !handles {
                    call.earlier = Some(leaf);
                    self.journal().outcome(call, None, &CallEnd::Reused(outcome.as_ref()))?;
                    return Ok(Some(outcome));
                }
                // A handle died with its attempt: to go on, the call has to be made again.
                (leaf, "what it returned died with that attempt")
            }
            Write::Answered { leaf } => {
                call.earlier = Some(leaf);
                return Ok(None);
            }
            Write::Returned { leaf, outcome: None } => (leaf, "what it returned was not kept"),
            Write::Unknown { leaf } => (leaf, UNKNOWN),
        };
        call.earlier = Some(leaf);
        self.may_repeat(&function.id, call, seen, came)?;
        Ok(None)
    }

    /// Whether a write may be made again of which nobody knows what came.
    pub(super) fn may_repeat(
        &self,
        function: &FunctionId,
        call: &CallRecord<'_>,
        seen: &Seen,
        came: &'static str,
    ) -> Result<(), Ended> {
        let choice = self.grants().map(|grants| grants.on_unknown(&seen.facts)).max_by_key(|choice| choice.caution());
        let (advice, asks) = match choice.unwrap_or_default() {
            OnUnknown::Repeat => return Ok(()),
            OnUnknown::Ask => {
                ("look there, then say with `manes answer` whether it is made again".to_owned(), call.earlier)
            }
            OnUnknown::Fail => match seen.facts {
                Facts::Capability { .. } | Facts::Http { .. } => {
                    let section = self.section();
                    (
                        format!(
                            "if it may be made again, say so in its grant in {section} with: on-unknown = \"repeat\""
                        ),
                        None,
                    )
                }
                _ => ("look there, then requeue the activation to have all of it done once more".to_owned(), None),
            },
        };
        let what = format!("({}), and {came}; {advice}", seen.facts);
        let ended = Ended::Unknown { function: function.to_string(), what, asks };
        self.journal().outcome(call, None, &CallEnd::Ended(&ended))?;
        Err(ended)
    }
}
