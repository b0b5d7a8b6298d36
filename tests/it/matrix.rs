//! What each sample becomes in each dialect when nothing is known but the event itself.

use payload::dialect::Dialect;

use crate::samples::{self, Sample};

/// A cell of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// `=`: the received bytes.
    Received,
    /// `●`: all facts are there; identifiers may be surrogates.
    Whole,
    /// `◐`: with a documented fallback.
    Nearly,
    /// `-`: the dialect has no event of this type.
    NoSuchType,
    /// These facts are missing, in order.
    Missing(Vec<&'static str>),
}

impl Cell {
    /// Whether there is something to send.
    pub(crate) fn is_said(&self) -> bool {
        matches!(self, Self::Received | Self::Whole | Self::Nearly)
    }
}

/// What nobody but Toolzz knows of a course, `course` in the table.
const COURSE: &str = "activity.completed_at activity.pass_threshold activity.started_at \
    activity.workload credential.kind recipient.national_id school";

/// For each sample, in the order of [`Dialect::ALL`]: canonical, thatsme, toolzz, vec, certdirectory,
/// beedeez. A cell that is no sign names the missing facts.
const TABLE: [(&str, [&str; 6]); 26] = [
    (
        "beedeez.certificate_completed",
        [
            "●",
            "achievement.name activity.name recipient.email recipient.name",
            "course activity.name recipient.email recipient.name",
            "credential.title recipient.email",
            "recipient.email",
            "=",
        ],
    ),
    (
        "beedeez.certificate_expired",
        [
            "●",
            "activity.name recipient.email",
            "-",
            "-",
            "recipient.email",
            "=",
        ],
    ),
    // Who adds to an application or registers says less than the dialect asks for.
    (
        "canonical.application.rejected",
        ["=", "-", "-", "credential.title", "-", "-"],
    ),
    (
        "canonical.credential.expiring",
        ["=", "-", "-", "-", "-", "-"],
    ),
    (
        "canonical.credential.issued",
        [
            "=",
            "activity.name",
            "activity.completed_at activity.name activity.pass_threshold activity.started_at \
         activity.workload recipient.national_id school",
            "◐",
            "●",
            "◐",
        ],
    ),
    (
        "canonical.credential.revoked",
        ["=", "-", "-", "-", "achievement.id recipient.email", "-"],
    ),
    (
        "canonical.issuance_batch.completed",
        ["=", "-", "-", "-", "●", "-"],
    ),
    (
        "canonical.recipient.registered",
        ["=", "recipient.profile_url", "-", "-", "-", "-"],
    ),
    (
        "certdirectory.bulk_issuance.completed",
        ["●", "-", "-", "-", "=", "-"],
    ),
    (
        "certdirectory.credential.claimed",
        [
            "●",
            "achievement.name activity.name credential.hash credential.issued_at credential.url",
            "-",
            "-",
            "=",
            "-",
        ],
    ),
    // The sample names the date of issue, which the source's documents do not promise.
    (
        "certdirectory.credential.expired",
        ["●", "activity.name", "-", "-", "=", "◐"],
    ),
    (
        "certdirectory.credential.issued",
        [
            "●",
            "achievement.name activity.name recipient.name",
            "course activity.name recipient.name",
            "credential.title",
            "=",
            "◐",
        ],
    ),
    (
        "certdirectory.credential.renewed",
        ["●", "-", "-", "-", "=", "-"],
    ),
    (
        "certdirectory.credential.revoked",
        ["●", "-", "-", "-", "=", "-"],
    ),
    (
        "thatsme.certificate.accepted",
        ["●", "=", "-", "-", "●", "-"],
    ),
    (
        "thatsme.certificate.expired",
        ["●", "=", "-", "-", "◐", "credential.issued_at"],
    ),
    (
        "thatsme.certificate.issued",
        ["●", "=", "course", "◐", "●", "◐"],
    ),
    (
        "thatsme.certificate.rejected",
        ["●", "=", "-", "-", "-", "-"],
    ),
    (
        "thatsme.recipient.registered",
        ["●", "=", "-", "-", "-", "-"],
    ),
    (
        "toolzz.activities.certificate.issued",
        ["●", "◐", "=", "◐", "●", "◐"],
    ),
    (
        "vec.certificate_application.approved",
        [
            "●",
            "activity.name recipient.name",
            "course activity.name recipient.name",
            "=",
            "◐",
            "◐",
        ],
    ),
    (
        "vec.certificate_application.created",
        ["●", "-", "-", "=", "-", "-"],
    ),
    (
        "vec.certificate_application.failed",
        ["●", "-", "-", "=", "-", "-"],
    ),
    (
        "vec.certificate_application.processing",
        ["●", "-", "-", "=", "-", "-"],
    ),
    (
        "vec.certificate_application.rejected",
        ["●", "-", "-", "=", "-", "-"],
    ),
    (
        "vec.certificate_application.retried",
        ["●", "-", "-", "=", "-", "-"],
    ),
];

/// Every sample, with what it becomes in each dialect.
pub(crate) fn all() -> Vec<(Sample, Vec<(Dialect, Cell)>)> {
    let samples = samples::all();
    assert_eq!(samples.len(), TABLE.len(), "every sample has its line");
    let cells = |sample: &Sample| {
        let line = TABLE.iter().find(|(name, _)| *name == sample.name);
        let (_, cells) = line.unwrap_or_else(|| panic!("{} is not in the table", sample.name));
        let cells = cells.iter().map(|text| read(text));
        Dialect::ALL.into_iter().zip(cells).collect()
    };
    samples
        .into_iter()
        .map(|sample| {
            let cells = cells(&sample);
            (sample, cells)
        })
        .collect()
}

fn read(text: &'static str) -> Cell {
    match text {
        "=" => Cell::Received,
        "●" => Cell::Whole,
        "◐" => Cell::Nearly,
        "-" => Cell::NoSuchType,
        facts => {
            let mut missing: Vec<&str> = facts
                .split(' ')
                .flat_map(|fact| if fact == "course" { COURSE } else { fact }.split(' '))
                .filter(|fact| !fact.is_empty())
                .collect();
            missing.sort_unstable();
            Cell::Missing(missing)
        }
    }
}
