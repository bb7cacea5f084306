//! Client limits through the room's door.

use super::*;
use crate::domain::{BudgetPeriod, ClientLimits};

/// 2026-11-25T18:00:00Z, one hour after the start.
const NOW: Moment = Moment { mono_ms: 3_600_000, unix_ms: 1_795_629_600_000 };
const SIX_DAYS_MS: u64 = 6 * 86_400_000;

fn at(ms: u64) -> Moment {
    NOW.plus_ms(ms)
}

fn client(limits: ClientLimits) -> Client {
    Client { id: ClientId(1), limits, ..Client::new("app", [0; 32], "") }
}

fn dollars(amount: f64) -> Nanodollars {
    Nanodollars::from_dollars(amount)
}

fn tokens(tokens: u64) -> Estimate {
    Estimate { tokens, cost: None }
}

fn costing(amount: f64) -> Estimate {
    Estimate { tokens: 0, cost: Some(dollars(amount)) }
}

fn spent(amount: f64) -> Spent {
    Spent { money: dollars(amount), tokens: 0 }
}

fn month(remaining: &Remaining) -> (Nanodollars, Option<Nanodollars>) {
    (remaining.spent[1].money, remaining.money_left[1])
}

fn budget(amount: f64) -> Client {
    client(ClientLimits { budget_month: Some(dollars(amount)), ..ClientLimits::default() })
}

#[test]
fn a_client_without_limits_is_always_admitted() {
    let (quota, client) = (Quota::new(), client(ClientLimits::default()));
    let held: Vec<_> = (0..1_000).map(|_| quota.admit(&client, tokens(1_000_000), NOW).unwrap()).collect();
    assert!(held.iter().all(|reservation| !reservation.is_unenforced()));
    let remaining = quota.remaining(&client, NOW);
    assert_eq!((remaining.requests, remaining.tokens, remaining.in_flight), (None, None, 1_000));
    assert_eq!((remaining.money_left, remaining.tokens_left), ([None; 3], [None; 3]));
}

#[test]
fn requests_a_minute() {
    let (quota, client) = (Quota::new(), client(ClientLimits { rpm: Some(2), ..ClientLimits::default() }));
    for ms in [0, 20_000] {
        drop(quota.admit(&client, tokens(0), at(ms)).unwrap());
    }
    assert_eq!(quota.remaining(&client, at(30_000)).requests, Some(0));
    let error = quota.admit(&client, tokens(0), at(30_000)).unwrap_err();
    assert_eq!(error, QuotaError { limit: Limit::Rpm, allowed: 2, retry_after_ms: Some(30_001) });
    assert_eq!(error.to_string(), "the client's limit rpm of 2 is reached");
    assert!(quota.admit(&client, tokens(0), at(60_001)).is_ok());
}

#[test]
fn tokens_a_minute_are_settled_or_given_back() {
    let (quota, client) = (Quota::new(), client(ClientLimits { tpm: Some(50_000), ..ClientLimits::default() }));
    let picture = quota.admit(&client, tokens(1_500), NOW).unwrap();
    picture.settle(Some(1_108), Cost::Unknown);
    assert_eq!(quota.remaining(&client, NOW).tokens, Some(48_892));
    let unsaid = quota.admit(&client, tokens(892), NOW).unwrap();
    unsaid.settle(None, Cost::Unknown);
    assert_eq!(quota.remaining(&client, NOW).tokens, Some(48_000), "an estimate stands where nobody says more");
    drop(quota.admit(&client, tokens(48_000), NOW).unwrap());
    assert_eq!(quota.remaining(&client, NOW).tokens, Some(48_000), "a call that failed gives back");
    let error = quota.admit(&client, tokens(50_001), NOW).unwrap_err();
    assert_eq!(error, QuotaError { limit: Limit::Tpm, allowed: 50_000, retry_after_ms: None }, "it never fits");
    let error = quota.admit(&client, tokens(49_000), at(10_000)).unwrap_err();
    assert_eq!(error.retry_after_ms, Some(50_001));
}

#[test]
fn calls_in_flight() {
    let (quota, client) = (Quota::new(), client(ClientLimits { concurrency: Some(2), ..ClientLimits::default() }));
    let mut held = vec![quota.admit(&client, tokens(0), NOW).unwrap(), quota.admit(&client, tokens(0), NOW).unwrap()];
    assert_eq!(quota.admit(&client, tokens(0), NOW).unwrap_err().limit, Limit::Concurrency);
    held.pop().unwrap().settle(Some(0), Cost::Unknown);
    let again = quota.admit(&client, tokens(0), NOW).unwrap();
    drop(held);
    drop(again);
    assert_eq!(quota.remaining(&client, NOW).in_flight, 0);
}

#[test]
fn a_refused_call_counts_for_nothing() {
    let limits = ClientLimits { rpm: Some(5), tpm: Some(100), ..ClientLimits::default() };
    let (quota, client) = (Quota::new(), client(limits));
    assert!((0..10).all(|_| quota.admit(&client, tokens(101), NOW).is_err()));
    let remaining = quota.remaining(&client, NOW);
    assert_eq!((remaining.requests, remaining.tokens, remaining.in_flight), (Some(5), Some(100), 0));
}

#[test]
fn zero_is_none_allowed() {
    let zero = ClientLimits::default();
    for (limits, limit) in [
        (ClientLimits { rpm: Some(0), ..zero.clone() }, Limit::Rpm),
        (ClientLimits { tpm: Some(0), ..zero.clone() }, Limit::Tpm),
        (ClientLimits { concurrency: Some(0), ..zero.clone() }, Limit::Concurrency),
        (ClientLimits { budget_month: Some(Nanodollars(0)), ..zero }, Limit::Money(BudgetPeriod::Month)),
    ] {
        let error = Quota::new().admit(&client(limits), tokens(1), NOW).unwrap_err();
        assert_eq!((error.limit, error.retry_after_ms), (limit, None));
    }
}

#[test]
fn twenty_calls_at_once_against_a_budget() {
    let (quota, client) = (Quota::new(), budget(0.25));
    let admitted = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| match quota.admit(&client, costing(0.1), NOW) {
                Ok(reservation) => admitted.lock().push(reservation),
                Err(error) => assert_eq!((error.limit, error.retry_after_ms), (Limit::Money(BudgetPeriod::Month), None)),
            });
        }
    });
    let admitted = admitted.into_inner();
    assert_eq!(admitted.len(), 2);
    assert_eq!(month(&quota.remaining(&client, NOW)).1, Some(dollars(0.05)));
    for reservation in admitted {
        reservation.settle(Some(10), Cost::Known(dollars(0.12)));
    }
    let remaining = quota.remaining(&client, NOW);
    assert_eq!(month(&remaining), (dollars(0.24), Some(dollars(0.01))));
    let last = quota.admit(&client, costing(0.1), NOW).unwrap();
    assert!(quota.admit(&client, costing(0.001), NOW).is_err(), "one call at a time buys with what is left");
    last.settle(Some(10), Cost::Known(dollars(0.1)));
    let error = quota.admit(&client, costing(0.1), NOW).unwrap_err();
    assert_eq!(error.retry_after_ms, Some(SIX_DAYS_MS - 18 * 3_600_000), "until December");
    assert!(quota.admit(&client, costing(0.1), at(SIX_DAYS_MS)).is_ok());
}

#[test]
fn a_failed_call_gives_its_money_back() {
    let (quota, client) = (Quota::new(), budget(1.0));
    drop(quota.admit(&client, costing(0.9), NOW).unwrap());
    assert_eq!(month(&quota.remaining(&client, NOW)).1, Some(dollars(1.0)));
}

#[test]
fn unknown_free_and_priced_are_three_things() {
    let (quota, client) = (Quota::new(), budget(0.5));
    assert!(quota.admit(&client, tokens(5), NOW).unwrap().is_unenforced());
    assert!(!quota.admit(&client, costing(0.0), NOW).unwrap().is_unenforced());
    quota.add_late(client.id, spent(0.5), NOW);
    assert!(quota.admit(&client, tokens(5), NOW).is_err(), "an unpriced call passes no empty budget");
    assert!(quota.admit(&client, costing(0.0), NOW).is_ok(), "a free one does");
}

#[test]
fn what_was_spent_survives_a_restart_and_ends_with_the_month() {
    let (old, client) = (Quota::new(), budget(2.0));
    old.admit(&client, costing(1.0), NOW).unwrap().settle(None, Cost::Known(dollars(1.5)));
    assert_eq!(month(&old.remaining(&client, NOW)).0, dollars(1.5));
    let new = Quota::new();
    new.add_late(client.id, spent(0.25), at(10));
    new.restore(BudgetPeriod::Month, [(client.id, spent(1.5))], at(20));
    assert_eq!(month(&new.remaining(&client, at(20))), (dollars(1.75), Some(dollars(0.25))));
    assert_eq!(month(&new.remaining(&client, at(SIX_DAYS_MS))), (Nanodollars(0), Some(dollars(2.0))));
    assert_eq!(new.remaining(&client, at(SIX_DAYS_MS)).spent[2].money, dollars(0.25), "what is for all time stays");
}

#[test]
fn every_period_has_its_own_budget_in_money_and_in_tokens() {
    let use_up = |limits: ClientLimits| {
        let (quota, client) = (Quota::new(), client(limits));
        let both = Estimate { tokens: 60, cost: Some(dollars(0.6)) };
        quota.admit(&client, both, NOW).unwrap().settle(Some(100), Cost::Known(dollars(1.0)));
        let error = quota.admit(&client, both, NOW).unwrap_err();
        let again = [1, SIX_DAYS_MS / 6, SIX_DAYS_MS].map(|later| quota.admit(&client, both, at(later)).is_ok());
        (error.limit.as_str(), error.retry_after_ms.is_some(), again)
    };
    let none = ClientLimits::default();
    let (money, tokens) = (Some(dollars(1.0)), Some(100));
    for (limits, expected) in [
        (ClientLimits { budget_day: money, ..none.clone() }, ("budget_usd_day", true, [false, true, true])),
        (ClientLimits { budget_month: money, ..none.clone() }, ("budget_usd_month", true, [false, false, true])),
        (ClientLimits { budget_total: money, ..none.clone() }, ("budget_usd_total", false, [false, false, false])),
        (ClientLimits { tokens_day: tokens, ..none.clone() }, ("budget_tokens_day", true, [false, true, true])),
        (ClientLimits { tokens_month: tokens, ..none.clone() }, ("budget_tokens_month", true, [false, false, true])),
        (ClientLimits { tokens_total: tokens, ..none }, ("budget_tokens_total", false, [false, false, false])),
    ] {
        assert_eq!(use_up(limits), expected);
    }
}

#[test]
fn calls_in_flight_reserve_tokens_of_a_budget() {
    let (quota, client) = (Quota::new(), client(ClientLimits { tokens_day: Some(100), ..ClientLimits::default() }));
    let first = quota.admit(&client, tokens(70), NOW).unwrap();
    assert_eq!(quota.remaining(&client, NOW).tokens_left[0], Some(30));
    assert!(quota.admit(&client, tokens(40), NOW).is_err(), "together they would not fit");
    let second = quota.admit(&client, tokens(30), NOW).unwrap();
    drop(first);
    second.settle(Some(20), Cost::Unknown);
    assert_eq!(quota.remaining(&client, NOW).tokens_left[0], Some(80), "what was not used is given back");
}

#[test]
fn no_limit_is_exceeded_by_64_threads() {
    let limits = ClientLimits { rpm: Some(100), tpm: Some(5_000), concurrency: Some(9), ..ClientLimits::default() };
    let (quota, client) = (Quota::new(), client(limits));
    let admitted = Mutex::new((0u64, 0u64));
    std::thread::scope(|scope| {
        for thread in 0..64u64 {
            let (quota, client, admitted) = (&quota, &client, &admitted);
            scope.spawn(move || {
                for round in 0..100 {
                    let estimate = tokens(20 + (thread + round) % 60);
                    let Ok(reservation) = quota.admit(client, estimate, at(round)) else { continue };
                    assert!(quota.remaining(client, at(round)).in_flight <= 9);
                    let mut sums = admitted.lock();
                    *sums = (sums.0 + 1, sums.1 + estimate.tokens);
                    drop(sums);
                    reservation.settle(None, Cost::Unknown);
                }
            });
        }
    });
    let (requests, tokens) = admitted.into_inner();
    assert!(requests <= 100 && tokens <= 5_000, "{requests} {tokens}");
    assert!(requests == 100 || tokens > 4_900, "{requests} {tokens}");
}
