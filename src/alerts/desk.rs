//! The desk that everything about alerts goes over: the task that observes, the one that delivers, and operators.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::book::{Book, Change};
use super::message::{message_of, test_message};
use super::observation::Observation;
use super::outbox::Outbox;
use super::send::Outcome;
use crate::domain::{Alert, AlertChannel, AlertChannelId, AlertDelivery, AlertEvent, AlertRule, Moment};

/// Open alerts and waiting deliveries.
#[derive(Debug, Default)]
pub struct AlertDesk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    book: Book,
    outbox: Outbox,
    unsaved: Unsaved,
}

/// What has changed and is not in the database yet, by id.
#[derive(Clone, Debug, Default)]
pub struct Unsaved {
    /// Alerts.
    pub alerts: BTreeMap<i64, Alert>,
    /// Deliveries.
    pub deliveries: BTreeMap<i64, AlertDelivery>,
}

impl Unsaved {
    /// Whether there is nothing to save.
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty() && self.deliveries.is_empty()
    }

    fn alert(&mut self, alert: Alert) {
        self.alerts.insert(alert.id, alert);
    }

    fn deliveries(&mut self, deliveries: impl IntoIterator<Item = AlertDelivery>) {
        self.deliveries.extend(deliveries.into_iter().map(|delivery| (delivery.id, delivery)));
    }
}

impl AlertDesk {
    /// A desk that goes on where a former one ended: what is open, what waits, and the greatest ids so far.
    pub fn restored(open: Vec<Alert>, waiting: Vec<AlertDelivery>, last_alert: i64, last_delivery: i64, now: Moment) -> Self {
        let book = Book::restored(open, last_alert, now);
        let outbox = Outbox::restored(waiting, last_delivery);
        AlertDesk { state: Mutex::new(State { book, outbox, unsaved: Unsaved::default() }) }
    }

    /// Holds an observation against every rule: alerts open or are over, and channels are told.
    pub fn observe(&self, rules: &[&AlertRule], channels: &[&AlertChannel], seen: &Observation, now: Moment) {
        let mut state = self.state.lock();
        let gone = state.book.forget_rules(|id| rules.iter().any(|rule| rule.id == id), now);
        gone.into_iter().for_each(|alert| state.unsaved.alert(alert));
        for rule in rules {
            let change = state.book.step(rule, seen, now);
            state.tell(rule, channels, change, now);
        }
    }

    /// Open alerts, the oldest first.
    pub fn open(&self) -> Vec<Alert> {
        self.state.lock().book.open()
    }

    /// How many alerts are open.
    pub fn open_count(&self) -> usize {
        self.state.lock().book.len()
    }

    /// Notes that somebody has seen an alert. `None`: it is not open.
    pub fn acknowledge(&self, id: i64, by: &str, now: Moment) -> Option<Alert> {
        let mut state = self.state.lock();
        let alert = state.book.change(id, |alert| alert.acknowledged = Some((by.to_owned(), now.unix_ms)))?;
        state.unsaved.alert(alert.clone());
        Some(alert)
    }

    /// Makes a delivery that tests a channel; it is for whoever asks to be sent at once.
    pub fn test(&self, channel: &AlertChannel, now: Moment) -> AlertDelivery {
        let mut state = self.state.lock();
        let changed = state.outbox.add(channel, None, test_message(now), now);
        let delivery = changed[0].clone();
        state.outbox.take(delivery.id);
        state.unsaved.deliveries(changed);
        delivery
    }

    /// Takes out the deliveries that are to be sent now; each must be given back by [`AlertDesk::finish`].
    pub fn take_due<'a>(
        &self,
        channel_of: impl Fn(AlertChannelId) -> Option<&'a AlertChannel>,
        now: Moment,
    ) -> Vec<AlertDelivery> {
        let mut state = self.state.lock();
        let (due, changed) = state.outbox.take_due(channel_of, now);
        state.unsaved.deliveries(changed);
        due
    }

    /// Notes how an attempt ended. The answer is the delivery as it is now.
    pub fn finish(&self, id: i64, channel: &AlertChannel, outcome: Outcome, now: Moment) -> Option<AlertDelivery> {
        let mut state = self.state.lock();
        let delivery = state.outbox.finish(id, channel, outcome, now)?;
        state.unsaved.deliveries([delivery.clone()]);
        Some(delivery)
    }

    /// What has changed since the last time.
    pub fn take_unsaved(&self) -> Unsaved {
        std::mem::take(&mut self.state.lock().unsaved)
    }

    /// Gives back what could not be saved; what has changed meanwhile is newer.
    pub fn keep_unsaved(&self, unsaved: Unsaved) {
        let mut state = self.state.lock();
        let newer = std::mem::replace(&mut state.unsaved, unsaved);
        state.unsaved.alerts.extend(newer.alerts);
        state.unsaved.deliveries.extend(newer.deliveries);
    }
}

impl State {
    fn tell(&mut self, rule: &AlertRule, channels: &[&AlertChannel], change: Change, now: Moment) {
        let Change { mut opened, resolved } = change;
        let is_muted = rule.muted_until_ms.is_some_and(|until| until > now.unix_ms);
        let is_news = !opened.is_empty() && !is_muted;
        for channel in channels.iter().filter(|channel| is_news && hears(channel, rule)) {
            opened.iter_mut().for_each(|alert| alert.told.push(channel.id));
            let all: Vec<&Alert> = opened.iter().collect();
            let changed = self.outbox.add(channel, Some(rule.id), message_of(rule, AlertEvent::Opened, &all, now), now);
            self.unsaved.deliveries(changed);
        }
        for alert in opened {
            self.book.change(alert.id, |open| open.told = alert.told.clone());
            self.unsaved.alert(alert);
        }
        for channel in channels {
            let told: Vec<Alert> = resolved.iter().filter(|alert| alert.told.contains(&channel.id)).cloned().collect();
            if !told.is_empty() {
                let changed = self.outbox.resolve(channel, rule, &told, now);
                self.unsaved.deliveries(changed);
            }
        }
        resolved.into_iter().for_each(|alert| self.unsaved.alert(alert));
    }
}

/// Whether a channel is told what a rule finds.
fn hears(channel: &AlertChannel, rule: &AlertRule) -> bool {
    let is_named = rule.channels.as_ref().is_none_or(|channels| channels.contains(&channel.id));
    channel.enabled && is_named && rule.severity >= channel.least
}
