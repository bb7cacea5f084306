//! Identifiers. Row ids are never reused, so a record of the past always names the thing it meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

row_id!(
    /// Row id of a provider in the catalog.
    ProviderId
);
row_id!(
    /// Row id of a provider key in the catalog.
    KeyId
);
row_id!(
    /// Row id of a model route in the catalog.
    ModelId
);
row_id!(
    /// Row id of a client in the catalog.
    ClientId
);
row_id!(
    /// Row id of a user in the catalog.
    UserId
);
row_id!(
    /// Row id of an admin token in the catalog.
    AdminTokenId
);
row_id!(
    /// Row id of a saved conversation.
    ChatId
);
row_id!(
    /// Row id of a message in a saved conversation.
    MessageId
);
row_id!(
    /// Row id of an alert rule in the catalog.
    AlertRuleId
);
row_id!(
    /// Row id of an alert channel in the catalog.
    AlertChannelId
);

/// A call's id: UUID version 7, so that ids sort by time and an id names its day's segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub Uuid);

impl CallId {
    /// Builds an id from unix milliseconds and 80 bits that tell it from others (6 of them are overwritten by version and variant).
    pub fn new(unix_ms: i64, random: [u8; 10]) -> Self {
        CallId(uuid::Builder::from_unix_timestamp_millis(unix_ms.max(0) as u64, &random).into_uuid())
    }

    /// Unix milliseconds inside the id.
    pub fn unix_ms(self) -> i64 {
        (self.0.as_u128() >> 80) as i64
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(out)
    }
}

impl FromStr for CallId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(CallId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_carries_its_time() {
        let id = CallId::new(1_764_064_800_123, [7; 10]);
        assert_eq!(id.unix_ms(), 1_764_064_800_123);
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.to_string().parse::<CallId>().unwrap(), id);
    }
}
