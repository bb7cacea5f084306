//! Feeds last no longer than the right to read them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use subtle::ConstantTimeEq;

use super::{Access, Who, is_in_time, session_in_time};

use crate::admin::AdminContext;
use crate::domain::{AdminToken, AdminTokenId, Role, TokenHash, User};

/// A right is looked at again after each admin write, and at the latest after this time: a command, or the clock, may end
/// it too.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// By what right somebody reads.
enum Right {
    /// The configuration's token: it holds as long as Keywheel runs.
    Configuration,
    Token(AdminTokenId, TokenHash),
    Session(TokenHash),
}

impl Access {
    /// A feed that ends when the session or the token ends that it was asked for with, or lacks the role that it demands.
    pub(in crate::admin) fn lasting<S: Stream>(&self, feed: S) -> impl Stream<Item = S::Item> + use<S> {
        let right = match &self.who {
            Who::ConfiguredToken => Right::Configuration,
            Who::Token(token) => Right::Token(token.id, token.token_hash),
            Who::User(_, session, _) => Right::Session(session.hash),
        };
        feed.take_until(ended(self.context().clone(), right, self.demanded))
    }
}

async fn ended(context: Arc<AdminContext>, right: Right, demanded: Role) {
    let mut writes = context.people.writes.subscribe();
    while right.holds(&context, demanded).await {
        let look = tokio::time::timeout(LOOK_AGAIN, writes.changed());
        if let Ok(Err(_)) = look.await {
            return;
        }
    }
}

impl Right {
    /// A right that cannot be looked up does not hold.
    async fn holds(&self, context: &AdminContext, demanded: Role) -> bool {
        let now_ms = context.clock.now().unix_ms;
        let catalog = context.store().catalog();
        match self {
            Right::Configuration => true,
            Right::Token(id, hash) => catalog.get::<AdminToken>(*id).is_some_and(|row| {
                bool::from(row.value.token_hash.ct_eq(hash)) && is_in_time(&row.value, now_ms) && row.value.role >= demanded
            }),
            Right::Session(hash) => {
                let Ok(Some(session)) = context.store().session(*hash).await else { return false };
                let user = catalog.get::<User>(session.user).map(|row| row.value.clone());
                session_in_time(&session, now_ms) && user.is_some_and(|user| !user.disabled && user.role >= demanded)
            }
        }
    }
}
