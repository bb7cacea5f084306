//! When alerts open and are over.

use proptest::prelude::*;

use super::*;

#[test]
fn an_alert_opens_once_and_is_over_once() {
    let (desk, rule) = (AlertDesk::default(), rule(AlertKind::KeyDisabled));
    for second in 0..5 {
        desk.observe(&[&rule], &[], &with_disabled(&[3]), at(second));
        assert_eq!(desk.open().len(), 1);
    }
    assert_eq!(desk.take_unsaved().alerts.len(), 1);
    desk.observe(&[&rule], &[], &with_disabled(&[]), at(5));
    assert_eq!(desk.open_count(), 0);
    let over = desk.take_unsaved().alerts.into_values().next().unwrap();
    assert_eq!((over.opened_ms, over.resolved_ms), (at(0).unix_ms, Some(at(5).unix_ms)));
    desk.observe(&[&rule], &[], &with_disabled(&[]), at(6));
    assert!(desk.take_unsaved().is_empty());
}

#[test]
fn it_must_hold_before_it_opens_and_stay_away_before_it_is_over() {
    let desk = AlertDesk::default();
    let rule = AlertRule { hold_s: 10, clear_s: 20, ..rule(AlertKind::KeyDisabled) };
    let open = |disabled: &[i64], second| {
        desk.observe(&[&rule], &[], &with_disabled(disabled), at(second));
        desk.open_count()
    };
    assert_eq!((open(&[3], 0), open(&[3], 9), open(&[], 10)), (0, 0, 0), "it did not hold");
    assert_eq!((open(&[3], 11), open(&[3], 20), open(&[3], 21)), (0, 0, 1));
    assert_eq!((open(&[], 30), open(&[3], 35), open(&[], 54)), (1, 1, 1), "it came back meanwhile");
    assert_eq!(open(&[], 55), 0);
}

#[test]
fn a_rule_that_is_switched_off_or_gone_has_no_open_alerts() {
    let desk = AlertDesk::default();
    let on = AlertRule { clear_s: 600, ..rule(AlertKind::KeyDisabled) };
    desk.observe(&[&on], &[], &with_disabled(&[3]), at(0));
    let off = AlertRule { enabled: false, ..on.clone() };
    desk.observe(&[&off], &[], &with_disabled(&[3]), at(1));
    assert_eq!(desk.open_count(), 0);
    desk.observe(&[&on], &[], &with_disabled(&[3]), at(2));
    assert_eq!(desk.open_count(), 1);
    desk.observe(&[], &[], &with_disabled(&[3]), at(3));
    assert_eq!(desk.open_count(), 0);
}

#[test]
fn open_alerts_survive_a_restart_and_are_not_told_again() {
    let (first, rule, channels) = (AlertDesk::default(), rule(AlertKind::KeyDisabled), [channel(1)]);
    let all: Vec<_> = channels.iter().collect();
    first.observe(&[&rule], &all, &with_disabled(&[3]), at(0));
    for delivery in due(&first, &channels, at(0)) {
        first.finish(delivery.id, &channels[0], crate::alerts::Outcome::Delivered, at(0));
    }
    let second = AlertDesk::restored(first.open(), Vec::new(), 1, 1, at(10));
    second.observe(&[&rule], &all, &with_disabled(&[3]), at(11));
    assert_eq!(due(&second, &channels, at(11)), []);
    second.observe(&[&rule], &all, &with_disabled(&[]), at(12));
    assert_eq!(said(&due(&second, &channels, at(12)))[0].0, "resolved");
}

#[test]
fn whoever_has_seen_an_alert_is_remembered() {
    let (desk, rule) = (AlertDesk::default(), rule(AlertKind::KeyDisabled));
    desk.observe(&[&rule], &[], &with_disabled(&[3]), at(0));
    let id = desk.open()[0].id;
    desk.take_unsaved();
    assert_eq!(desk.acknowledge(id + 1, "anna", at(1)), None);
    let seen = desk.acknowledge(id, "anna", at(1)).unwrap();
    assert_eq!(seen.acknowledged, Some(("anna".to_owned(), at(1).unix_ms)));
    assert_eq!(desk.take_unsaved().alerts[&id], seen);
    assert_eq!(desk.open(), [seen]);
}

proptest! {
    /// Whatever comes and goes: openings and ends of a subject take turns, and what is found now is open now.
    #[test]
    fn openings_and_ends_take_turns(rounds in prop::collection::vec(prop::collection::btree_set(0_i64..5, 0..5), 1..60)) {
        let (desk, rule, channels) = (AlertDesk::default(), rule(AlertKind::KeyDisabled), [channel(1)]);
        let mut told = std::collections::BTreeMap::<String, i32>::new();
        for (second, disabled) in rounds.iter().enumerate() {
            let now = at(second as u64);
            let disabled: Vec<i64> = disabled.iter().copied().collect();
            desk.observe(&[&rule], &[&channels[0]], &with_disabled(&disabled), now);
            prop_assert_eq!(desk.open_count(), disabled.len());
            loop {
                let deliveries = due(&desk, &channels, now);
                if deliveries.is_empty() {
                    break;
                }
                for delivery in deliveries {
                    let step = if delivery.message.event.as_str() == "opened" { 1 } else { -1 };
                    for line in &delivery.message.alerts {
                        let balance = told.entry(line.subject.clone()).or_default();
                        *balance += step;
                        prop_assert!((0..=1).contains(balance), "{} was told twice", line.subject);
                    }
                    desk.finish(delivery.id, &channels[0], crate::alerts::Outcome::Delivered, now);
                }
            }
        }
        prop_assert_eq!(told.values().sum::<i32>() as usize, desk.open_count());
    }
}
