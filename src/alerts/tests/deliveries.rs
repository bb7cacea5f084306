//! Who is told what, when, and how often.

use super::*;
use crate::alerts::Outcome;
use crate::alerts::send::{dingtalk_url, signature};
use crate::domain::{DeliveryState, QuietHours};

fn failed(is_final: bool) -> Outcome {
    Outcome::Failed { error: "no".to_owned(), is_final }
}

#[test]
fn what_one_rule_finds_at_one_time_is_one_message() {
    let (desk, rule, channels) = (AlertDesk::default(), rule(AlertKind::KeyDisabled), [channel(1), channel(2)]);
    let all: Vec<_> = channels.iter().collect();
    desk.observe(&[&rule], &all, &with_disabled(&[1, 2, 3]), at(0));
    let told = due(&desk, &channels, at(0));
    let title = "The key openai/k1 was switched off, and 2 more".to_owned();
    assert_eq!(said(&told), [("opened", title.clone()), ("opened", title)]);
    assert_eq!(told[0].message.alerts.len(), 3);
    assert_eq!(due(&desk, &channels, at(0)), [], "what is on its way is not sent again");
}

#[test]
fn only_channels_that_a_rule_names_and_that_want_to_know_are_told() {
    let desk = AlertDesk::default();
    let mut channels = [channel(1), channel(2), channel(3), channel(4)];
    channels[1].least = Severity::Critical;
    channels[2].enabled = false;
    let rule = AlertRule {
        channels: Some(vec![AlertChannelId(1), AlertChannelId(2), AlertChannelId(3)]),
        ..rule(AlertKind::KeyDisabled)
    };
    let all: Vec<_> = channels.iter().collect();
    desk.observe(&[&rule], &all, &with_disabled(&[1]), at(0));
    let told: Vec<_> = due(&desk, &channels, at(0)).into_iter().map(|delivery| delivery.channel.0).collect();
    assert_eq!(told, [1]);
}

#[test]
fn nobody_is_told_by_a_muted_rule() {
    let (desk, channels) = (AlertDesk::default(), [channel(1)]);
    let muted = AlertRule { muted_until_ms: Some(at(5).unix_ms), ..rule(AlertKind::KeyDisabled) };
    desk.observe(&[&muted], &[&channels[0]], &with_disabled(&[1]), at(0));
    assert_eq!(desk.open_count(), 1);
    desk.observe(&[&muted], &[&channels[0]], &with_disabled(&[]), at(6));
    assert_eq!(due(&desk, &channels, at(6)), [], "its end is not told either");
    desk.observe(&[&muted], &[&channels[0]], &with_disabled(&[1]), at(7));
    assert_eq!(due(&desk, &channels, at(7)).len(), 1);
}

#[test]
fn failures_are_tried_again_with_doubling_waits() {
    let (desk, rule, channels) = (AlertDesk::default(), rule(AlertKind::KeyDisabled), [channel(1)]);
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[1]), at(0));
    let take = |second| due(&desk, &channels, at(second));
    let id = take(0)[0].id;
    let after = desk.finish(id, &channels[0], failed(false), at(0)).unwrap();
    assert_eq!((after.state, after.attempts, after.next_ms), (DeliveryState::Waiting, 1, at(1).unix_ms));
    assert_eq!(take(0), []);
    assert_eq!(take(1).len(), 1);
    let after = desk.finish(id, &channels[0], failed(false), at(1)).unwrap();
    assert_eq!((after.state, after.attempts, after.next_ms), (DeliveryState::Waiting, 2, at(3).unix_ms));
    assert_eq!(take(3).len(), 1);
    let after = desk.finish(id, &channels[0], failed(false), at(3)).unwrap();
    assert_eq!((after.state, after.attempts, after.error.as_deref()), (DeliveryState::Failed, 3, Some("no")));
    assert_eq!(take(100), []);
}

#[test]
fn what_would_fail_again_is_not_tried_again() {
    let (desk, rule, channels) = (AlertDesk::default(), rule(AlertKind::KeyDisabled), [channel(1)]);
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[1]), at(0));
    let id = due(&desk, &channels, at(0))[0].id;
    let after = desk.finish(id, &channels[0], failed(true), at(0)).unwrap();
    assert_eq!((after.state, after.attempts), (DeliveryState::Failed, 1));
}

#[test]
fn an_end_never_overtakes_its_beginning() {
    let (desk, rule, channels) = (AlertDesk::default(), rule(AlertKind::KeyDisabled), [channel(1)]);
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[1]), at(0));
    let opened = due(&desk, &channels, at(0)).remove(0);
    desk.finish(opened.id, &channels[0], failed(false), at(0));
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[]), at(0).plus_ms(500));
    assert_eq!(due(&desk, &channels, at(0).plus_ms(600)), []);
    assert_eq!(said(&due(&desk, &channels, at(1)))[0].0, "opened");
    desk.finish(opened.id, &channels[0], Outcome::Delivered, at(1));
    assert_eq!(said(&due(&desk, &channels, at(1)))[0].0, "resolved");
}

#[test]
fn quiet_hours_hold_back_what_then_is_over_untold() {
    let (desk, rule) = (AlertDesk::default(), rule(AlertKind::KeyDisabled));
    let mut channels = [channel(1)];
    // The tests begin at 10:00 UTC.
    channels[0].quiet = Some(QuietHours { from: 9 * 60, to: 11 * 60, zone: "UTC".to_owned(), critical_too: false });
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[1, 2]), at(0));
    assert_eq!(due(&desk, &channels, at(0)), []);
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[2]), at(60));
    assert_eq!(due(&desk, &channels, at(3599)), []);
    let told = due(&desk, &channels, at(3600));
    assert_eq!(said(&told), [("opened", "The key openai/k2 was switched off".to_owned())]);
    desk.finish(told[0].id, &channels[0], Outcome::Delivered, at(3600));
    assert_eq!(due(&desk, &channels, at(3600)), []);
    let critical = AlertRule { severity: Severity::Critical, id: AlertRuleId(2), ..rule.clone() };
    desk.observe(&[&rule, &critical], &[&channels[0]], &with_disabled(&[2]), at(60));
    assert_eq!(due(&desk, &channels, at(60)).len(), 1, "critical alerts pass");
}

#[test]
fn all_of_it_over_in_quiet_hours_is_withdrawn() {
    let (desk, rule) = (AlertDesk::default(), rule(AlertKind::KeyDisabled));
    let mut channels = [channel(1)];
    channels[0].quiet = Some(QuietHours { from: 9 * 60, to: 11 * 60, zone: "UTC".to_owned(), critical_too: false });
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[1]), at(0));
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[]), at(60));
    let states: Vec<_> = desk.take_unsaved().deliveries.into_values().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Withdrawn]);
    assert_eq!(due(&desk, &channels, at(7200)), []);
}

#[test]
fn a_channel_that_is_gone_gets_nothing() {
    let (desk, rule, channels) = (AlertDesk::default(), rule(AlertKind::KeyDisabled), [channel(1)]);
    desk.observe(&[&rule], &[&channels[0]], &with_disabled(&[1]), at(0));
    assert_eq!(due(&desk, &[], at(0)), []);
    let states: Vec<_> = desk.take_unsaved().deliveries.into_values().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Withdrawn]);
}

#[test]
fn what_cannot_be_saved_is_kept_and_never_older_than_what_came_later() {
    let (desk, rule) = (AlertDesk::default(), rule(AlertKind::KeyDisabled));
    desk.observe(&[&rule], &[], &with_disabled(&[1]), at(0));
    let unsaved = desk.take_unsaved();
    desk.observe(&[&rule], &[], &with_disabled(&[]), at(1));
    desk.keep_unsaved(unsaved);
    let alerts = desk.take_unsaved().alerts;
    assert_eq!(alerts.into_values().map(|alert| alert.resolved_ms).collect::<Vec<_>>(), [Some(at(1).unix_ms)]);
}

#[test]
fn a_test_is_sent_once_and_never_waits() {
    let (desk, channels) = (AlertDesk::default(), [channel(1)]);
    let test = desk.test(&channels[0], at(0));
    assert_eq!(due(&desk, &channels, at(0)), [], "whoever asked sends it");
    let after = desk.finish(test.id, &channels[0], failed(false), at(0)).unwrap();
    assert_eq!(after.state, DeliveryState::Failed);
}

/// The values are from Python's `hmac`.
#[test]
fn signatures_are_those_of_the_receivers() {
    let expected = "sha256=5ddffbd33d1d3106382bb46a265a7116979c15016425d8907b4758bad153a137";
    assert_eq!(signature("secret", 1_764_064_800, "{}"), expected);
    let expected = "https://oapi.example/robot/send?access_token=a&timestamp=1764064800000&sign=ZDReARUxFOYVyLFPkkm3Tl8qsM5jcp3LmmXJlHDCyU8%3D";
    assert_eq!(dingtalk_url("https://oapi.example/robot/send?access_token=a", "SECabc", 1_764_064_800_000), expected);
    assert_eq!(dingtalk_url("https://oapi.example/robot/send", "", 1), "https://oapi.example/robot/send");
}
