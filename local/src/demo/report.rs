//! What the demo prints: a line per delivery, a summary, and the reason where something failed.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) file: String,
    pub(super) r#type: String,
    pub(super) dialect: String,
    pub(super) endpoint: String,
    pub(super) status: String,
    pub(super) attempts: u64,
    pub(super) elapsed_ms: Option<i64>,
    /// Why it is not as it should be.
    pub(super) fault: Option<String>,
}

/// What the demo has to say.
pub(crate) struct Report {
    /// The table and a line of summary.
    pub(crate) text: String,
    /// Whether every event was delivered and every signature verified.
    pub(crate) is_good: bool,
}

/// Sums the outcomes up.
pub(super) fn report(outcomes: &[Outcome]) -> Report {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "event",
        "type",
        "dialect",
        "endpoint",
        "status",
        "attempts",
        "ms",
        "signature",
    ]);
    for outcome in outcomes {
        let signature = match (&outcome.fault, outcome.elapsed_ms) {
            (None, Some(_)) => "verified",
            (Some(_), Some(_)) => "not verified",
            (_, None) => "",
        };
        table.add_row([
            outcome.file.as_str(),
            &outcome.r#type,
            &outcome.dialect,
            &outcome.endpoint,
            &outcome.status,
            &outcome.attempts.to_string(),
            &outcome
                .elapsed_ms
                .map(|ms| ms.to_string())
                .unwrap_or_default(),
            signature,
        ]);
    }
    let faults: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.fault.is_some())
        .collect();
    let delivered = outcomes
        .iter()
        .filter(|outcome| outcome.status == "delivered")
        .count();
    let skipped = outcomes
        .iter()
        .filter(|outcome| outcome.status == "skipped")
        .count();
    let mut text = format!(
        "{table}\n{delivered} delivered, {skipped} skipped, {} at fault\n",
        faults.len()
    );
    for outcome in &faults {
        let reason = outcome.fault.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "{} to {}: {}: {reason}\n",
            outcome.file, outcome.endpoint, outcome.status
        ));
    }
    Report {
        text,
        is_good: faults.is_empty() && delivered > 0,
    }
}
