//! What a release order is, from its sum to the bank's entry.

use serde::{Deserialize, Serialize};

/// Where an order stands. Settled it becomes by the bank's entry alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display, strum::EnumString, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Calculated,
    Approved,
    Sent,
    BankAck,
    Settled,
    Rejected,
}

impl State {
    /// As people read it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            State::Calculated => ("待批准", "To be approved"),
            State::Approved => ("待发出", "To be sent"),
            State::Sent => ("已发银行", "Sent to the bank"),
            State::BankAck => ("银行已收", "Received by the bank"),
            State::Settled => ("已划拨", "Released"),
            State::Rejected => ("已退回", "Rejected"),
        }
    }

    /// Where `act` leads from here; `None` when it cannot be done.
    pub fn after(self, act: Act) -> Option<State> {
        match (self, act) {
            (State::Calculated, Act::Approve) => Some(State::Approved),
            (State::Approved, Act::Send) => Some(State::Sent),
            (State::Calculated | State::Approved | State::Sent, Act::Reject) => Some(State::Rejected),
            _ => None,
        }
    }

    /// What can be done from here.
    pub fn acts(self) -> Vec<Act> {
        [Act::Approve, Act::Send, Act::Reject].into_iter().filter(|act| self.after(*act).is_some()).collect()
    }
}

/// What an official does about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Act {
    Approve,
    /// Hand it to the bank.
    Send,
    /// With a reason; the bank's refusal of an order that was sent is one.
    Reject,
}

#[cfg(test)]
mod tests {
    use super::{Act::*, State::*};

    #[test]
    fn an_order_is_approved_then_sent_and_what_is_settled_stays() {
        for (from, act, to) in [
            (Calculated, Approve, Some(Approved)),
            (Calculated, Send, None),
            (Approved, Send, Some(Sent)),
            (Approved, Approve, None),
            (Sent, Reject, Some(Rejected)),
            (BankAck, Reject, None),
            (Settled, Reject, None),
            (Rejected, Approve, None),
        ] {
            assert_eq!(from.after(act), to, "{from} {act}");
        }
        assert_eq!(Settled.acts(), []);
        assert_eq!(Calculated.acts(), [Approve, Reject]);
    }
}
