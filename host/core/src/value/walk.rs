//! Looking into a value: its size, its handles.

use super::{Handle, Value};

impl Value {
    /// Bytes of text and byte lists inside: never more than the encoding takes, and known without making it.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) | Self::Tuple(items) => items.iter().map(Self::payload_bytes).sum(),
            Self::Record(fields) => fields.iter().map(|(_, v)| v.payload_bytes()).sum(),
            Self::Variant(_, Some(v)) | Self::Option(Some(v)) | Self::Result(Ok(Some(v)) | Err(Some(v))) => {
                v.payload_bytes()
            }
            _ => 0,
        }
    }

    /// Calls `visit` on each handle inside, in the order of the encoding's declaration.
    pub fn handles<'a>(&'a self, visit: &mut dyn FnMut(&'a Handle)) {
        match self {
            Self::Handle(handle) => visit(handle),
            Self::List(items) | Self::Tuple(items) => items.iter().for_each(|v| v.handles(visit)),
            Self::Record(fields) => fields.iter().for_each(|(_, v)| v.handles(visit)),
            Self::Variant(_, Some(v)) | Self::Option(Some(v)) | Self::Result(Ok(Some(v)) | Err(Some(v))) => {
                v.handles(visit)
            }
            _ => {}
        }
    }

    /// The same value with each handle replaced by what `name` makes of it; `None` where it makes nothing of one.
    #[must_use]
    pub fn with_handles(&self, name: &dyn Fn(&Handle) -> Option<Handle>) -> Option<Self> {
        self.with_leaves(&|leaf| match leaf {
            Self::Handle(handle) => name(handle).map(Self::Handle),
            plain => Some(plain.clone()),
        })
    }

    /// The same value with each part that has no parts replaced by what `change` makes of it; `None` where it makes
    /// nothing of one.
    #[must_use]
    pub fn with_leaves(&self, change: &dyn Fn(&Self) -> Option<Self>) -> Option<Self> {
        let one = |value: &Self| value.with_leaves(change);
        let all = |items: &[Self]| items.iter().map(one).collect::<Option<Vec<_>>>();
        let boxed = |value: &Option<Box<Self>>| match value.as_deref() {
            Some(value) => one(value).map(|value| Some(Box::new(value))),
            None => Some(None),
        };
        Some(match self {
            Self::List(items) => Self::List(all(items)?),
            Self::Tuple(items) => Self::Tuple(all(items)?),
            Self::Record(fields) => {
                let field = |(key, value): &(String, Self)| Some((key.clone(), one(value)?));
                Self::Record(fields.iter().map(field).collect::<Option<_>>()?)
            }
            Self::Variant(case, value) => Self::Variant(case.clone(), boxed(value)?),
            Self::Option(value) => Self::Option(boxed(value)?),
            Self::Result(Ok(value)) => Self::Result(Ok(boxed(value)?)),
            Self::Result(Err(value)) => Self::Result(Err(boxed(value)?)),
            leaf => change(leaf)?,
        })
    }
}
