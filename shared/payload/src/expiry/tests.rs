use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn days(days: &[u64]) -> ReminderDays {
    days.to_vec().try_into().unwrap()
}

const END: &str = "2028-03-31T00:00:00Z";

fn announced(notice: Notice) -> Option<Announced> {
    let expires_at = at(END);
    Some(Announced { expires_at, notice })
}

fn expiry(reminders: &ReminderDays, announced: Option<Announced>) -> Expiry<'_> {
    Expiry {
        at: at(END),
        reminders,
        announced,
    }
}

#[test]
fn days_are_read_in_any_order_and_refused_beyond_their_bounds() {
    assert_eq!(days(&[1, 30, 7, 30]), ReminderDays::default());
    assert_eq!(days(&[]).days(), [0_u16; 0]);
    assert_eq!(days(&(1..=10).collect::<Vec<_>>()).days().len(), 10);
    for wrong in [vec![0], vec![3_651], vec![u64::MAX], (1..=11).collect()] {
        assert_eq!(ReminderDays::try_from(wrong), Err(InvalidReminderDays));
    }
    let text = serde_json::to_string(&ReminderDays::default()).unwrap();
    assert_eq!(text, "[30,7,1]");
    assert_eq!(
        serde_json::from_str::<ReminderDays>(&text).unwrap(),
        days(&[1, 7, 30])
    );
    assert!(serde_json::from_str::<ReminderDays>("[0]").is_err());
}

#[test]
fn each_is_due_so_many_times_24_hours_before_the_end() {
    for (notice, due) in [
        (Notice::Expired, END),
        // Over the end of a month and a leap day.
        (Notice::from(1), "2028-03-30T00:00:00Z"),
        (Notice::from(31), "2028-02-29T00:00:00Z"),
        (Notice::from(32), "2028-02-28T00:00:00Z"),
        (Notice::from(366), "2027-03-31T00:00:00Z"),
    ] {
        assert_eq!(notice.due_at(at(END)), at(due));
    }
    // Clocks are changed on 26 March 2028 in Lisbon: an end at midnight there has its reminder at 23:00.
    let lisbon = TimeZone::get("Europe/Lisbon").unwrap();
    let end = date(2028, 3, 31).to_zoned(lisbon.clone()).unwrap();
    let due = Notice::from(7).due_at(end.timestamp());
    let local = due.to_zoned(lisbon);
    assert_eq!((local.day(), local.hour()), (23, 23));
    assert_eq!(Notice::from(1).due_at(Timestamp::MIN), Timestamp::MIN);
}

#[test]
fn of_several_that_are_due_the_nearest_is_announced_and_none_again() {
    let usual = ReminderDays::default();
    for (now, before, due, look_at) in [
        (
            "2028-02-29T23:59:59Z",
            None,
            None,
            Some("2028-03-01T00:00:00Z"),
        ),
        (
            "2028-03-01T00:00:00Z",
            None,
            Some(Notice::from(30)),
            Some("2028-03-01T00:00:00Z"),
        ),
        (
            "2028-03-02T00:00:00Z",
            Some(Notice::from(30)),
            None,
            Some("2028-03-24T00:00:00Z"),
        ),
        (
            "2028-03-30T12:00:00Z",
            None,
            Some(Notice::from(1)),
            Some("2028-03-01T00:00:00Z"),
        ),
        (
            "2028-03-30T12:00:00Z",
            Some(Notice::from(1)),
            None,
            Some(END),
        ),
        (END, Some(Notice::from(1)), Some(Notice::Expired), Some(END)),
        (
            "2029-01-01T00:00:00Z",
            None,
            Some(Notice::Expired),
            Some("2028-03-01T00:00:00Z"),
        ),
        ("2029-01-01T00:00:00Z", Some(Notice::Expired), None, None),
    ] {
        let expiry = expiry(&usual, before.and_then(announced));
        assert_eq!(expiry.due(at(now)), due, "{now} {before:?}");
        assert_eq!(expiry.look_at(), look_at.map(at), "{now} {before:?}");
    }
}

#[test]
fn what_was_announced_of_another_end_does_not_count() {
    let usual = ReminderDays::default();
    let other = Announced {
        expires_at: at("2027-01-01T00:00:00Z"),
        notice: Notice::Expired,
    };
    let expiry = expiry(&usual, Some(other));
    assert_eq!(
        expiry.due(at("2028-03-24T00:00:00Z")),
        Some(Notice::from(7))
    );
}

#[test]
fn what_was_announced_of_another_time_of_that_day_counts() {
    let usual = ReminderDays::default();
    let before = announced(Notice::from(7));
    let later = Expiry {
        at: at("2028-03-31T23:59:59.999999Z"),
        ..expiry(&usual, before)
    };
    assert_eq!(later.due(at("2028-03-30T00:00:00Z")), None);
    let next_day = Expiry {
        at: at("2028-04-01T00:00:00Z"),
        ..later
    };
    assert_eq!(
        next_day.due(at("2028-03-30T00:00:00Z")),
        Some(Notice::from(7))
    );
}

#[test]
fn an_organization_without_reminders_still_hears_of_the_end() {
    let none = days(&[]);
    let expiry = expiry(&none, None);
    assert_eq!(expiry.look_at(), Some(at(END)));
    assert_eq!(expiry.due(at(END)), Some(Notice::Expired));
}

#[test]
fn a_notice_is_late_when_a_daily_run_has_missed_it() {
    for (now, late) in [
        (END, false),
        ("2028-04-01T01:00:00Z", false),
        ("2028-04-01T01:00:01Z", true),
    ] {
        assert_eq!(Notice::Expired.is_late(at(END), at(now)), late, "{now}");
    }
}

#[test]
fn a_reminder_of_no_days_is_the_nearest_one_and_not_the_end() {
    for (days, notice) in [
        (0, Some(Notice::from(1))),
        (1, Some(Notice::from(1))),
        (7, Some(Notice::from(7))),
        (65_535, Some(Notice::from(u16::MAX))),
        (65_536, None),
    ] {
        assert_eq!(Notice::of_reminder(days), notice, "{days}");
    }
    let usual = ReminderDays::default();
    let expiry = expiry(&usual, Notice::of_reminder(0).and_then(announced));
    assert_eq!(expiry.look_at(), Some(at(END)));
    assert_eq!(expiry.due(at(END)), Some(Notice::Expired));
}

#[test]
fn what_was_announced_reads_back_as_it_was_written() {
    for expires_at in [END, "2028-03-31T23:59:59.999999Z"] {
        for notice in [Notice::Expired, Notice::from(7)] {
            let expires_at = at(expires_at);
            let announced = Announced { expires_at, notice };
            let text = serde_json::to_string(&announced).unwrap();
            assert_eq!(serde_json::from_str::<Announced>(&text).unwrap(), announced);
        }
    }
}

proptest! {
    #[test]
    fn at_any_time_there_is_one_to_announce_exactly_when_it_is_time_to_look(
        end in 0..4_000_000_000_i64, now in 0..4_000_000_000_i64,
        reminders in prop::collection::vec(1..=3_650_u64, 0..=10), before in prop::option::of(0..=3_650_u16),
    ) {
        let (end, now) = (Timestamp::from_second(end).unwrap(), Timestamp::from_second(now).unwrap());
        let reminders: ReminderDays = reminders.try_into().unwrap();
        let announced = before.map(|days| Announced { expires_at: end, notice: days.into() });
        let expiry = Expiry { at: end, reminders: &reminders, announced };
        let due = expiry.due(now);
        prop_assert_eq!(due.is_some(), expiry.look_at().is_some_and(|at| at <= now));
        if let Some(notice) = due {
            prop_assert!(notice.due_at(end) <= now);
            prop_assert!(before.is_none_or(|days| notice < days.into()));
            let after = Expiry { announced: Some(Announced { expires_at: end, notice }), ..expiry };
            prop_assert_eq!(after.due(now), None);
            prop_assert!(after.look_at() > expiry.look_at() || after.look_at().is_none());
        }
    }
}
