//! Our own base interfaces: log and context.

use super::{Answer, Base, unknown};
use manes_core::function::FunctionId;
use manes_core::value::Value;

impl Base {
    /// Never fails. The record holds the line in any case; the budget bounds what is passed on to the host's log.
    pub(super) fn log(&mut self, args: &[Value]) -> Option<Value> {
        let [level, message, fields] = args else { return None };
        let (level, message) = (level.as_str().unwrap_or("info"), message.as_str().unwrap_or_default());
        let fields = match fields {
            Value::List(items) if !items.is_empty() => format!(" {}", manes_core::diff::show(fields)),
            _ => String::new(),
        };
        // Fields are shown cut, and what is shown is charged.
        let line = format!("{message}{fields}");
        let line = self.streams.budget(&line)?.to_owned();
        // Guest text is shown escaped: a log line must not steer a terminal.
        let (agent, text) = (&self.surroundings.name, line.escape_debug());
        match level {
            "error" => tracing::error!(target: "guest", %agent, "{text}"),
            "warn" => tracing::warn!(target: "guest", %agent, "{text}"),
            "info" => tracing::info!(target: "guest", %agent, "{text}"),
            "debug" => tracing::debug!(target: "guest", %agent, "{text}"),
            _ => tracing::trace!(target: "guest", %agent, "{text}"),
        }
        None
    }

    pub(super) fn context(&self, function: &FunctionId, args: &[Value]) -> Answer {
        Ok(Some(match (function.name.as_str(), args) {
            ("config", [Value::String(key)]) => {
                let value = self.surroundings.config.get(key);
                Value::Option(value.map(|value| Box::new(Value::String(value.clone()))))
            }
            ("attempt", []) => Value::U32(self.surroundings.attempt),
            _ => return Err(unknown(function)),
        }))
    }
}
