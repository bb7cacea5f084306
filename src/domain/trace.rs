//! A call's place in a trace, as W3C Trace Context tells it.

use super::ids::CallId;

/// The odd number next to 2^64 divided by the golden ratio: its multiples are far from each other.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A call's place in a trace that is recorded. No id is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace: the caller's, else the call's own id, so that `x-request-id` finds it.
    pub trace_id: u128,
    /// The caller's span; `None`: the trace begins with the call.
    pub parent: Option<u64>,
    /// The call's span.
    pub span: u64,
}

impl TraceContext {
    /// The place of a call. `traceparent` is the caller's header, which counts only when it is valid; `span` is random.
    /// `None`: the caller says that the trace is not recorded.
    pub fn of_call(traceparent: Option<&str>, call: CallId, span: u64) -> Option<Self> {
        let span = span.max(1);
        match traceparent.and_then(parse) {
            Some(caller) if !caller.is_sampled => None,
            Some(caller) => Some(TraceContext { trace_id: caller.trace_id, parent: Some(caller.span), span }),
            None => Some(TraceContext { trace_id: call.0.as_u128(), parent: None, span }),
        }
    }

    /// The span of an attempt, by its place among the attempts of the call, from 0.
    pub fn attempt_span(&self, place: usize) -> u64 {
        self.span.wrapping_add(STEP.wrapping_mul(place as u64 + 1)).max(1)
    }

    /// The `traceparent` that an attempt carries to its provider.
    pub fn traceparent(&self, place: usize) -> String {
        format!("00-{:032x}-{:016x}-01", self.trace_id, self.attempt_span(place))
    }
}

/// What a caller's `traceparent` says.
struct Caller {
    trace_id: u128,
    span: u64,
    is_sampled: bool,
}

/// Reads a header of version 00, or of a later one, which may say more at its end.
fn parse(text: &str) -> Option<Caller> {
    let (known, more) = text.split_at_checked(55)?;
    let parts: Vec<&str> = known.split('-').collect();
    let [version, trace_id, span, flags] = parts[..] else { return None };
    let may_say_more = version != "00" && more.starts_with('-');
    if version == "ff" || !(more.is_empty() || may_say_more) {
        return None;
    }
    hexadecimal(version, 2)?;
    let caller = Caller {
        trace_id: hexadecimal(trace_id, 32)?,
        span: hexadecimal(span, 16)? as u64,
        is_sampled: hexadecimal(flags, 2)? & 1 == 1,
    };
    (caller.trace_id != 0 && caller.span != 0).then_some(caller)
}

/// A number of exactly so many digits; capitals are none.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits = text.len() == digits && text.bytes().all(is_digit);
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn call() -> CallId {
        CallId::new(1_764_064_800_123, [7; 10])
    }

    #[test]
    fn a_valid_caller_is_followed() {
        let later = format!("cc{}-what-comes", &CALLER[2..]);
        for caller in [CALLER, &later] {
            let trace = TraceContext::of_call(Some(caller), call(), 9).unwrap();
            assert_eq!(trace.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
            assert_eq!((trace.parent, trace.span), (Some(0x00f0_67aa_0ba9_02b7), 9));
        }
        assert_eq!(TraceContext::of_call(Some(&CALLER.replace("-01", "-00")), call(), 9), None, "not recorded");
        assert!(TraceContext::of_call(Some(&CALLER.replace("-01", "-03")), call(), 9).is_some());
    }

    #[test]
    fn an_invalid_caller_is_none() {
        let wrong = [
            "",
            "00-1-2-01",
            &CALLER.to_ascii_uppercase(),
            &format!("ff{}", &CALLER[2..]),
            &format!("{CALLER}-more"),
            &format!("{CALLER} "),
            &format!("cc{}x", &CALLER[2..]),
            &CALLER.replace("00f067aa0ba902b7", "0000000000000000"),
            &CALLER.replace("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
            &CALLER.replace("4bf9", "4bgz"),
            &CALLER.replace('-', "_"),
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "ééééééééééééééééééééééééééééééééé",
        ];
        for caller in wrong {
            let trace = TraceContext::of_call(Some(caller), call(), 0).unwrap();
            assert_eq!((trace.trace_id, trace.parent, trace.span), (call().0.as_u128(), None, 1), "{caller}");
        }
    }

    #[test]
    fn each_attempt_has_a_span_of_its_own() {
        let trace = TraceContext::of_call(Some(CALLER), call(), u64::MAX).unwrap();
        let mut spans: Vec<u64> = (0..100).map(|place| trace.attempt_span(place)).chain([trace.span]).collect();
        spans.sort_unstable();
        spans.dedup();
        assert_eq!(spans.len(), 101);
        assert!(!spans.contains(&0));
        let header = trace.traceparent(3);
        assert_eq!(header, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-01", trace.attempt_span(3)));
        assert!(parse(&header).is_some());
    }
}
