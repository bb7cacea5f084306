//! Deliveries that wait: when each is due, and what becomes of it.

use std::collections::{BTreeMap, HashSet};

use super::message::{message_of, shorten};
use super::quiet::held_until;
use super::send::Outcome;
use crate::domain::{
    Alert, AlertChannel, AlertChannelId, AlertDelivery, AlertEvent, AlertMessage, AlertRule, AlertRuleId, DeliveryState, Moment,
};

/// Deliveries that wait at most; beyond, the oldest is given up.
const MOST_WAITING: usize = 1_000;
/// Longest wait between two attempts.
const LONGEST_RETRY_MS: u64 = 3_600_000;

/// Deliveries that wait or are on their way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: BTreeMap<i64, AlertDelivery>,
    sending: HashSet<i64>,
    last_id: i64,
}

impl Outbox {
    /// An outbox that goes on where a former one ended.
    pub(super) fn restored(waiting: Vec<AlertDelivery>, last_id: i64) -> Self {
        let waiting = waiting.into_iter().map(|delivery| (delivery.id, delivery)).collect();
        Outbox { waiting, sending: HashSet::new(), last_id }
    }

    /// Makes a delivery that is due now. The answer is what has changed: the delivery, and one that had to give way.
    pub(super) fn add(
        &mut self,
        channel: &AlertChannel,
        rule: Option<AlertRuleId>,
        message: AlertMessage,
        now: Moment,
    ) -> Vec<AlertDelivery> {
        self.last_id += 1;
        let delivery = AlertDelivery {
            id: self.last_id,
            channel: channel.id,
            channel_name: channel.name.clone(),
            rule,
            message,
            state: DeliveryState::Waiting,
            attempts: 0,
            error: None,
            created_ms: now.unix_ms,
            next_ms: now.unix_ms,
            finished_ms: None,
        };
        let mut changed = vec![delivery.clone()];
        self.waiting.insert(delivery.id, delivery);
        if self.waiting.len() > MOST_WAITING
            && let Some((_, oldest)) = self.waiting.pop_first()
        {
            changed.push(ended(oldest, DeliveryState::Failed, Some("too many deliveries waited".to_owned()), now));
        }
        changed
    }

    /// Tells a channel that alerts are over. Those that it was not told of yet are taken out of what waits instead.
    pub(super) fn resolve(
        &mut self,
        channel: &AlertChannel,
        rule: &AlertRule,
        alerts: &[Alert],
        now: Moment,
    ) -> Vec<AlertDelivery> {
        let mut untold: HashSet<i64> = alerts.iter().map(|alert| alert.id).collect();
        let mut withdrawn = HashSet::new();
        let mut changed = Vec::new();
        let unsent = |delivery: &AlertDelivery| {
            delivery.channel == channel.id && delivery.attempts == 0 && delivery.message.event == AlertEvent::Opened
        };
        let sending = &self.sending;
        for delivery in self.waiting.values_mut().filter(|delivery| unsent(delivery) && !sending.contains(&delivery.id)) {
            let gone = delivery.message.alerts.extract_if(.., |line| untold.remove(&line.id));
            let gone: Vec<i64> = gone.map(|line| line.id).collect();
            if !gone.is_empty() {
                withdrawn.extend(gone);
                shorten(&mut delivery.message);
                changed.push(delivery.clone());
            }
        }
        for delivery in changed.iter_mut().filter(|delivery| delivery.message.alerts.is_empty()) {
            self.waiting.remove(&delivery.id);
            let why = Some("it was over before it was told".to_owned());
            *delivery = ended(delivery.clone(), DeliveryState::Withdrawn, why, now);
        }
        let told: Vec<&Alert> = alerts.iter().filter(|alert| !withdrawn.contains(&alert.id)).collect();
        if !told.is_empty() {
            changed.extend(self.add(channel, Some(rule.id), message_of(rule, AlertEvent::Resolved, &told, now), now));
        }
        changed
    }

    /// Takes out what is to be sent now, in the order of each channel and rule. What falls into quiet hours is put off, and
    /// what is for a channel that is gone is withdrawn; both are in the second list.
    pub(super) fn take_due<'a>(
        &mut self,
        channel_of: impl Fn(AlertChannelId) -> Option<&'a AlertChannel>,
        now: Moment,
    ) -> (Vec<AlertDelivery>, Vec<AlertDelivery>) {
        let (mut due, mut changed) = (Vec::new(), Vec::new());
        let mut behind = HashSet::new();
        for delivery in self.waiting.values_mut() {
            let is_first = behind.insert((delivery.channel, delivery.rule));
            if !is_first || self.sending.contains(&delivery.id) || delivery.next_ms > now.unix_ms {
                continue;
            }
            let Some(channel) = channel_of(delivery.channel).filter(|channel| channel.enabled) else {
                let why = Some("the channel is switched off or gone".to_owned());
                changed.push(ended(delivery.clone(), DeliveryState::Withdrawn, why, now));
                continue;
            };
            let quiet = channel.quiet.as_ref().filter(|_| delivery.message.event != AlertEvent::Test);
            if let Some(until) = held_until(quiet, delivery.message.severity, now.unix_ms) {
                delivery.next_ms = until;
                changed.push(delivery.clone());
                continue;
            }
            self.sending.insert(delivery.id);
            due.push(delivery.clone());
        }
        for delivery in changed.iter().filter(|delivery| delivery.state != DeliveryState::Waiting) {
            self.waiting.remove(&delivery.id);
        }
        (due, changed)
    }

    /// Notes how an attempt ended; a failed one is tried again later, up to the channel's number of attempts.
    pub(super) fn finish(&mut self, id: i64, channel: &AlertChannel, outcome: Outcome, now: Moment) -> Option<AlertDelivery> {
        self.sending.remove(&id);
        let delivery = self.waiting.get_mut(&id)?;
        delivery.attempts += 1;
        let state = match outcome {
            Outcome::Delivered => {
                delivery.error = None;
                DeliveryState::Delivered
            }
            Outcome::Failed { error, is_final } => {
                delivery.error = Some(error);
                if !is_final && delivery.attempts < channel.attempts && delivery.message.event != AlertEvent::Test {
                    let doubled = channel.retry_ms.saturating_mul(1 << (delivery.attempts - 1).min(20));
                    delivery.next_ms = now.unix_ms + doubled.min(LONGEST_RETRY_MS) as i64;
                    return Some(delivery.clone());
                }
                DeliveryState::Failed
            }
        };
        let delivery = self.waiting.remove(&id)?;
        let error = delivery.error.clone();
        Some(ended(delivery, state, error, now))
    }

    /// Takes a delivery for sending that is not to wait for its turn.
    pub(super) fn take(&mut self, id: i64) {
        self.sending.insert(id);
    }
}

fn ended(delivery: AlertDelivery, state: DeliveryState, error: Option<String>, now: Moment) -> AlertDelivery {
    AlertDelivery { state, error, finished_ms: Some(now.unix_ms), ..delivery }
}
