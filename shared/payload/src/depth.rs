//! How deep JSON may be nested.
//!
//! A body is looked at before it is read: what reads it, here and at a receiver, goes one call deeper for
//! each object and list within another.

/// Most objects and lists within each other.
pub const MAX_DEPTH: usize = 64;

/// Where a body first is deeper than [`MAX_DEPTH`]: 1-based line and column, in bytes as parsers count.
///
/// The body need not be JSON: what is none is told so by whoever reads it.
pub fn too_deep(body: &[u8]) -> Option<(usize, usize)> {
    let mut depth = 0_usize;
    let mut is_text = false;
    let mut is_escaped = false;
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(place(body, at));
                }
            }
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn place(body: &[u8], at: usize) -> (usize, usize) {
    let before = body.get(..at).unwrap_or_default();
    let line_start = before.iter().rposition(|byte| *byte == b'\n');
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    (lines + 1, at - line_start.map_or(0, |start| start + 1) + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn depth(value: &Value) -> usize {
        let inner = |depth: Option<usize>| 1 + depth.unwrap_or_default();
        match value {
            Value::Array(items) => inner(items.iter().map(depth).max()),
            Value::Object(members) => inner(members.values().map(depth).max()),
            _ => 0,
        }
    }

    fn nested(depth: usize) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(7)),
            "[\\[{\"\\\\}\\]a\n]{0,8}".prop_map(Value::from)
        ];
        let wrap = prop::collection::vec((any::<bool>(), "[\\[{\"\\\\a]{0,4}"), depth);
        (leaf, wrap).prop_map(|(leaf, wraps)| {
            wraps.into_iter().fold(leaf, |inner, (is_list, name)| {
                if is_list {
                    json!(["[", inner, "{\""])
                } else {
                    json!({"}": "]", name: inner})
                }
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_too_deep_is_what_a_parser_finds_too_deep(value in (0..100_usize).prop_flat_map(nested)) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let found = too_deep(text.as_bytes());
                prop_assert_eq!(found.is_some(), depth(&value) > MAX_DEPTH);
            }
        }

        #[test]
        fn any_bytes_are_looked_at_without_harm(body in prop::collection::vec(any::<u8>(), 0..300)) {
            too_deep(&body);
        }
    }

    #[test]
    fn the_place_is_told_as_a_parser_tells_it() {
        let text = |start: &str| format!("{start}{}", "[".repeat(MAX_DEPTH + 1));
        assert_eq!(too_deep(text("").as_bytes()), Some((1, MAX_DEPTH + 1)));
        assert_eq!(too_deep(text("\n\n ").as_bytes()), Some((3, MAX_DEPTH + 2)));
        assert_eq!(too_deep("[".repeat(MAX_DEPTH).as_bytes()), None);
    }
}
