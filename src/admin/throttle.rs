//! The throttle of signing in: failures cost, by name and by address, and are paid off as time goes by.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use parking_lot::Mutex;

use super::error::ApiError;

/// Attempts at once, and the time that pays one off, in milliseconds.
struct Pace {
    burst: u64,
    each_ms: u64,
}

/// One person who mistypes.
const NAME_AND_ADDRESS: Pace = Pace { burst: 5, each_ms: 30_000 };
/// One machine that tries many names; a whole office may share an address.
const ADDRESS: Pace = Pace { burst: 30, each_ms: 10_000 };
/// Many machines that try one name: wide, so that strangers cannot lock somebody out easily.
const NAME: Pace = Pace { burst: 100, each_ms: 5_000 };
/// Most accounts that are kept; those that are nearly paid off go first.
const MOST_ACCOUNTS: usize = 20_000;
/// Longest name that has an account of its own: no user has a longer one.
const LONGEST_NAME: usize = 800;

/// Who is charged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Account {
    Address(Option<IpAddr>),
    Name(Box<str>),
    NameAndAddress(Box<str>, Option<IpAddr>),
}

impl Account {
    fn pace(&self) -> Pace {
        match self {
            Account::Address(_) => ADDRESS,
            Account::Name(_) => NAME,
            Account::NameAndAddress(..) => NAME_AND_ADDRESS,
        }
    }
}

/// What has been charged, as the monotonic time at which each account is paid off (the generic cell rate algorithm).
#[derive(Debug, Default)]
pub(super) struct Throttle {
    paid_off_ms: Mutex<HashMap<Account, u64>>,
}

/// An attempt that was charged in advance, so that many at once gain nothing.
#[must_use = "an attempt that succeeds is to be refunded"]
pub(super) struct Attempt(Vec<Account>);

impl Throttle {
    /// Charges an attempt before it is made. Without a name: a link was used.
    ///
    /// # Errors
    /// Too many attempts have failed; says when to try again.
    pub(super) fn charge(&self, name: Option<&str>, address: Option<IpAddr>, now_ms: u64) -> Result<Attempt, ApiError> {
        let address = address.map(network);
        let mut accounts = vec![Account::Address(address)];
        if let Some(name) = name.filter(|name| name.len() <= LONGEST_NAME) {
            let name: Box<str> = name.to_ascii_lowercase().into();
            accounts.push(Account::Name(name.clone()));
            accounts.push(Account::NameAndAddress(name, address));
        }
        let mut paid_off = self.paid_off_ms.lock();
        let mut wait_ms = 0;
        for account in &accounts {
            let Pace { burst, each_ms } = account.pace();
            let debt_ms = paid_off.get(account).map_or(0, |at| at.saturating_sub(now_ms));
            wait_ms = wait_ms.max((debt_ms + each_ms).saturating_sub(burst * each_ms));
        }
        if wait_ms > 0 {
            return Err(ApiError::too_many_attempts(wait_ms.div_ceil(1_000)));
        }
        if paid_off.len() + accounts.len() > MOST_ACCOUNTS {
            make_room(&mut paid_off, now_ms);
        }
        for account in &accounts {
            let at = paid_off.entry(account.clone()).or_default();
            *at = (*at).max(now_ms) + account.pace().each_ms;
        }
        Ok(Attempt(accounts))
    }

    /// Takes back what an attempt cost that succeeded; what the person mistyped before is forgiven.
    pub(super) fn refund(&self, attempt: Attempt) {
        let mut paid_off = self.paid_off_ms.lock();
        for account in attempt.0 {
            match (&account, paid_off.get_mut(&account)) {
                (Account::NameAndAddress(..), _) => drop(paid_off.remove(&account)),
                (_, Some(at)) => *at = at.saturating_sub(account.pace().each_ms),
                (_, None) => {}
            }
        }
    }
}

fn make_room(paid_off: &mut HashMap<Account, u64>, now_ms: u64) {
    paid_off.retain(|_, at| *at > now_ms);
    if paid_off.len() < MOST_ACCOUNTS / 2 {
        return;
    }
    let mut times: Vec<u64> = paid_off.values().copied().collect();
    let middle = times.len() / 2;
    let median = *times.select_nth_unstable(middle).1;
    paid_off.retain(|_, at| *at > median);
}

/// One customer of an IPv6 network has all addresses of a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(throttle: &Throttle, name: Option<&str>, address: &str, now_ms: u64) -> Result<(), u64> {
        let charged = throttle.charge(name, Some(address.parse().unwrap()), now_ms);
        charged.map(drop).map_err(|error| error.retry_after_s.unwrap())
    }

    #[test]
    fn somebody_who_mistypes_waits_and_others_do_not() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(fail(&throttle, Some("anna"), "203.0.113.9", 1_000), Ok(()));
        }
        assert_eq!(fail(&throttle, Some("Anna"), "203.0.113.9", 1_000), Err(30), "in any case of the letters");
        assert_eq!(fail(&throttle, Some("anna"), "203.0.113.9", 30_999), Err(1));
        assert_eq!(fail(&throttle, Some("bert"), "203.0.113.9", 1_000), Ok(()));
        assert_eq!(fail(&throttle, Some("anna"), "203.0.113.8", 1_000), Ok(()));
        assert_eq!(fail(&throttle, Some("anna"), "203.0.113.9", 31_000), Ok(()));
        assert_eq!(fail(&throttle, Some("anna"), "203.0.113.9", 31_000), Err(30));
    }

    #[test]
    fn success_costs_nothing_and_forgives() {
        let throttle = Throttle::default();
        for _ in 0..200 {
            let attempt = throttle.charge(Some("anna"), None, 0).unwrap();
            throttle.refund(attempt);
        }
        for round in 0..4 {
            for _ in 0..4 {
                assert!(throttle.charge(Some("anna"), None, 0).is_ok(), "{round}");
            }
            throttle.refund(throttle.charge(Some("anna"), None, 0).unwrap());
        }
    }

    #[test]
    fn an_address_that_tries_many_names_waits() {
        let throttle = Throttle::default();
        for at in 0..30 {
            assert_eq!(fail(&throttle, Some(&format!("user{at}")), &format!("2001:db8::{at:x}"), 0), Ok(()));
        }
        assert_eq!(fail(&throttle, Some("another"), "2001:db8::ffff", 0), Err(10));
        assert_eq!(fail(&throttle, None, "2001:db8::ffff", 0), Err(10), "links are guessed no faster");
        assert_eq!(fail(&throttle, Some("another"), "2001:db8:1::", 0), Ok(()));
    }

    #[test]
    fn many_addresses_that_try_one_name_wait() {
        let throttle = Throttle::default();
        for at in 0..100 {
            assert_eq!(fail(&throttle, Some("anna"), &format!("198.51.100.{at}"), 0), Ok(()));
        }
        assert_eq!(fail(&throttle, Some("anna"), "203.0.113.9", 0), Err(5));
    }

    #[test]
    fn memory_is_bounded_and_the_deepest_debts_stay() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(fail(&throttle, Some("anna"), "203.0.113.9", 0), Ok(()));
        }
        for at in 0..MOST_ACCOUNTS as u32 {
            let address = IpAddr::from((u128::from(at) << 64).to_be_bytes());
            drop(throttle.charge(None, Some(address), 0));
            assert!(throttle.paid_off_ms.lock().len() <= MOST_ACCOUNTS);
        }
        assert_eq!(fail(&throttle, Some("anna"), "203.0.113.9", 0), Err(30));
    }
}
