//! Reading a JSON object member by member, noting every fault and keeping what nobody asked for.
//!
//! A getter that finds a fault notes it and returns an empty value, so that a parser can go on and
//! report all faults together; what it built is discarded when [`Faults::check`] fails.

use std::cell::RefCell;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::fault::{Faults, escape};
use crate::timestamp;

/// Longest identifier: it becomes part of a table's key, which DynamoDB limits to 1,024 bytes.
pub const MAX_IDENTIFIER: usize = 512;

/// Longest name that people give to a thing, bytes.
pub const MAX_NAME: usize = 255;

/// An object being read. Members are taken out; [`Fields::rest`] returns the others.
pub struct Fields<'f> {
    members: Map<String, Value>,
    pointer: String,
    faults: &'f RefCell<Faults>,
}

/// Reads an object that is ours to define: a member that `read` does not take is a fault.
///
/// # Errors
/// Every fault.
pub fn read_strictly<T>(
    members: Map<String, Value>,
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> Result<T, Faults> {
    let faults = RefCell::default();
    let mut fields = Fields::root(members, &faults);
    let value = read(&mut fields);
    for name in fields.members.keys() {
        fields.fault(name, "unknown member");
    }
    faults.into_inner().check()?;
    Ok(value)
}

impl<'f> Fields<'f> {
    /// Reads the members of the root object of a body.
    pub fn root(members: Map<String, Value>, faults: &'f RefCell<Faults>) -> Self {
        Self {
            members,
            pointer: String::new(),
            faults,
        }
    }

    /// Notes a fault at a member.
    pub fn fault(&self, name: &str, reason: &str) {
        self.faults.borrow_mut().add(self.pointer_to(name), reason);
    }

    fn pointer_to(&self, name: &str) -> String {
        [&*self.pointer, "/", &*escape(name)].concat()
    }

    /// Takes a member as it is; `null` is the same as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.members
            .shift_remove(name)
            .filter(|value| !value.is_null())
    }

    /// Whether a member is there and `null`, where that is not the same as absent.
    pub fn is_null(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_null)
    }

    /// Takes a member that `read` understands; anything else is a fault.
    fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        let read = read(self.take(name)?);
        if read.is_none() {
            self.fault(name, expected);
        }
        read
    }

    /// A value that was found, or its empty form and the fault that it is required.
    fn require<T: Default>(&self, name: &str, found: Option<T>) -> T {
        found.unwrap_or_else(|| {
            // An earlier, more exact fault at this place stays.
            self.fault(name, "required");
            T::default()
        })
    }

    /// A text or nothing.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, "must be a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// A text that must be there and not blank.
    pub fn required_text(&mut self, name: &str) -> String {
        let text = self.text(name);
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            self.fault(name, "must not be empty");
        }
        self.require(name, text)
    }

    /// An identifier: a text of at most [`MAX_IDENTIFIER`] bytes, or a whole number taken as text.
    pub fn identifier(&mut self, name: &str) -> Option<String> {
        let expected = "must be a string of 1 to 512 bytes or a whole number";
        self.read(name, expected, |value| match value {
            Value::String(text) => {
                (!text.trim().is_empty() && text.len() <= MAX_IDENTIFIER).then_some(text)
            }
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            _ => None,
        })
    }

    /// An identifier that must be there.
    pub fn required_identifier(&mut self, name: &str) -> String {
        let identifier = self.identifier(name);
        self.require(name, identifier)
    }

    /// Notes a fault at a member whose text is longer than `max` bytes.
    pub fn check_length(&self, name: &str, text: &str, max: usize) {
        if text.len() > max {
            self.fault(name, &format!("must have at most {max} bytes"));
        }
    }

    /// A text out of a few.
    pub fn one_of(&mut self, name: &str, allowed: &[&str]) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if allowed.contains(&&*text) => Some(text),
            _ => {
                self.fault(name, &format!("must be one of: {}", allowed.join(", ")));
                None
            }
        }
    }

    /// An RFC 3339 instant or nothing.
    pub fn timestamp(&mut self, name: &str) -> Option<Timestamp> {
        self.timestamp_by(
            name,
            "must be an RFC 3339 date-time with an offset",
            timestamp::parse,
        )
    }

    /// An instant in the writing that `parse` knows, or nothing.
    pub fn timestamp_by(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<Timestamp>,
    ) -> Option<Timestamp> {
        self.read(name, expected, |value| parse(value.as_str()?))
    }

    /// An RFC 3339 instant that must be there.
    pub fn required_timestamp(&mut self, name: &str) -> Timestamp {
        let timestamp = self.timestamp(name);
        self.require(name, timestamp)
    }

    /// An instant that must be there, in the writing that `parse` knows.
    pub fn required_timestamp_by(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<Timestamp>,
    ) -> Timestamp {
        let timestamp = self.timestamp_by(name, expected, parse);
        self.require(name, timestamp)
    }

    /// `true`, `false` or nothing.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        self.read(name, "must be true or false", |value| value.as_bool())
    }

    /// `true` or `false`, which must be there.
    pub fn required_boolean(&mut self, name: &str) -> bool {
        let boolean = self.boolean(name);
        self.require(name, boolean)
    }

    /// A whole number of at least 0, or nothing.
    pub fn count(&mut self, name: &str) -> Option<u64> {
        self.read(name, "must be a whole number, 0 or more", |value| {
            value.as_u64()
        })
    }

    /// A whole number of at least 0, which must be there.
    pub fn required_count(&mut self, name: &str) -> u64 {
        let count = self.count(name);
        self.require(name, count)
    }

    /// A number, also one written as text, or nothing.
    pub fn number(&mut self, name: &str) -> Option<f64> {
        self.read(name, "must be a number", |value| match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            _ => None,
        })
    }

    /// An object taken whole.
    pub fn map(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.read(name, "must be an object", |value| match value {
            Value::Object(map) => Some(map),
            _ => None,
        })
    }

    /// A list of texts or whole numbers.
    pub fn identifiers(&mut self, name: &str) -> Option<Vec<String>> {
        self.read(name, "must be a list of strings", |value| match value {
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(text),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        self.read(name, "must be a list of strings", |value| match value {
            Value::Array(items) => items
                .into_iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        })
    }

    /// The objects of a list; a single object counts as a list of one.
    pub fn objects(&mut self, name: &str) -> Vec<Fields<'f>> {
        let items = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(item) => vec![item],
        };
        let pointer = self.pointer_to(name);
        let mut objects = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            match item {
                Value::Object(members) => objects.push(Fields {
                    members,
                    pointer,
                    faults: self.faults,
                }),
                _ => self.faults.borrow_mut().add(pointer, "must be an object"),
            }
        }
        objects
    }

    /// An object to be read member by member, or nothing.
    pub fn object(&mut self, name: &str) -> Option<Fields<'f>> {
        let members = self.map(name)?;
        Some(Fields {
            members,
            pointer: self.pointer_to(name),
            faults: self.faults,
        })
    }

    /// An object that must be there; an empty one, when it is not, so that its own required members are named too.
    pub fn required_object(&mut self, name: &str) -> Fields<'f> {
        let members = self.map(name);
        let members = self.require(name, members);
        Fields {
            members,
            pointer: self.pointer_to(name),
            faults: self.faults,
        }
    }

    /// Notes a fault at `inner`, a member or an index, of the member `name`.
    pub fn fault_within(&self, name: &str, inner: &str, reason: &str) {
        let pointer = format!("{}/{}", self.pointer_to(name), escape(inner));
        self.faults.borrow_mut().add(pointer, reason);
    }

    /// Takes an object that has a parser of its own, whose faults are noted at their places within it.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(Map<String, Value>) -> Result<T, Faults>,
    ) -> Option<T> {
        let faults = match parse(self.map(name)?) {
            Ok(value) => return Some(value),
            Err(faults) => faults,
        };
        let pointer = self.pointer_to(name);
        for (inner, reason) in faults.iter() {
            let pointer = format!("{pointer}{inner}");
            self.faults.borrow_mut().add(pointer, reason);
        }
        None
    }

    /// What nobody took.
    pub fn rest(self) -> Map<String, Value> {
        self.members
    }

    /// Keeps what nobody took under `name` in `ext`.
    pub fn keep_rest(self, name: &str, ext: &mut Map<String, Value>) {
        if !self.members.is_empty() {
            ext.insert(name.to_owned(), Value::Object(self.members));
        }
    }
}
