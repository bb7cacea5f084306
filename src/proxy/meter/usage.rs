//! Usage objects of many providers, read into one: what was stated, and what it means.

use crate::domain::{Usage, UsageQuality};
use crate::proxy::json::{self, Members};

/// Longest usage object that is kept with a record, in bytes.
const LONGEST_RAW: usize = 8 * 1024;

/// What a provider stated so far. Each member keeps its last stated value; null and negative numbers state nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached_read: Option<u64>,
    cache_write: Option<u64>,
    /// The cached tokens were spelt as the messages API does, where they stand beside the input.
    cached_spelt_beside: bool,
    reasoning: Option<u64>,
    audio_input: Option<u64>,
    audio_output: Option<u64>,
    image_input: Option<u64>,
    image_output: Option<u64>,
    audio_ms: Option<u64>,
    first_raw: Option<Box<[u8]>>,
    last_raw: Option<Box<[u8]>>,
}

impl Stated {
    /// Takes a usage object. False when it is none, or states nothing.
    pub fn take(&mut self, usage: &[u8]) -> bool {
        let Some(members) = Members::open(usage, 0) else { return false };
        let mut stated = false;
        for member in members.map_while(Result::ok) {
            stated |= self.take_member(member.name, &usage[member.value]);
        }
        if stated {
            let former = self.last_raw.replace(usage.into());
            if self.first_raw.is_none() {
                self.first_raw = former;
            }
        }
        stated
    }

    /// Whether anything was stated.
    pub fn is_some(&self) -> bool {
        self.last_raw.is_some()
    }

    /// The total, when it is all that was stated, as where there is no output.
    pub fn total(&self) -> Option<u64> {
        self.total.filter(|_| self.output.is_none())
    }

    /// Sets the length of the audio, in seconds, when no usage object stated it.
    pub fn take_duration(&mut self, seconds: &[u8]) {
        self.audio_ms = self.audio_ms.or_else(|| milliseconds(seconds));
    }

    fn take_member(&mut self, name: &[u8], value: &[u8]) -> bool {
        if value.starts_with(b"{") {
            return match name {
                b"prompt_tokens_details" | b"input_tokens_details" | b"input_token_details" => self.take_input_details(value),
                b"completion_tokens_details" | b"output_tokens_details" | b"output_token_details" => {
                    self.take_output_details(value)
                }
                b"cache_creation" => self.take_cache_creation(value),
                _ => false,
            };
        }
        if matches!(name, b"seconds" | b"duration_seconds" | b"prompt_audio_seconds") {
            return set(&mut self.audio_ms, milliseconds(value));
        }
        let place = match name {
            b"prompt_tokens" | b"input_tokens" | b"promptTokenCount" | b"prompt_eval_count" => &mut self.input,
            b"completion_tokens" | b"output_tokens" | b"candidatesTokenCount" | b"eval_count" => &mut self.output,
            b"total_tokens" | b"totalTokenCount" => &mut self.total,
            b"cache_read_input_tokens" | b"cache_creation_input_tokens" => {
                self.cached_spelt_beside = true;
                if name.starts_with(b"cache_r") { &mut self.cached_read } else { &mut self.cache_write }
            }
            b"prompt_cache_hit_tokens" | b"cached_tokens" | b"cachedContentTokenCount" | b"num_cached_tokens" => {
                &mut self.cached_read
            }
            b"reasoning_tokens" | b"thoughtsTokenCount" => &mut self.reasoning,
            _ => return false,
        };
        set(place, json::as_u64(value))
    }

    fn take_input_details(&mut self, details: &[u8]) -> bool {
        take_details(details, |name, value| match name {
            b"cached_tokens" | b"cache_read_tokens" => set(&mut self.cached_read, value),
            b"cache_write_tokens" | b"cache_creation_tokens" | b"cached_creation_tokens" => set(&mut self.cache_write, value),
            b"audio_tokens" => set(&mut self.audio_input, value),
            b"image_tokens" => set(&mut self.image_input, value),
            _ => false,
        })
    }

    fn take_output_details(&mut self, details: &[u8]) -> bool {
        take_details(details, |name, value| match name {
            b"reasoning_tokens" => set(&mut self.reasoning, value),
            b"audio_tokens" => set(&mut self.audio_output, value),
            b"image_tokens" => set(&mut self.image_output, value),
            _ => false,
        })
    }

    /// Writes by how long they are kept, for providers that leave out the sum.
    fn take_cache_creation(&mut self, parts: &[u8]) -> bool {
        let members = Members::open(parts, 0).into_iter().flatten().map_while(Result::ok);
        let sum = members.filter_map(|member| json::as_u64(&parts[member.value])).reduce(u64::saturating_add);
        self.cached_spelt_beside = true;
        if self.cache_write.is_none() {
            self.cache_write = sum;
        }
        sum.is_some()
    }

    /// What the figures mean: all input with cached tokens, all output with reasoning.
    pub fn usage(&self) -> Usage {
        let (cached_beside, reasoning_beside) = self.what_stands_beside();
        let cached = self.cached();
        let input = self.input.map(|input| if cached_beside { input.saturating_add(cached) } else { input });
        let output = self
            .output
            .map(|output| if reasoning_beside { output.saturating_add(self.reasoning.unwrap_or(0)) } else { output });
        Usage {
            input,
            cached_read: self.cached_read,
            cache_write: self.cache_write,
            output,
            reasoning: self.reasoning,
            audio_input: self.audio_input,
            audio_output: self.audio_output,
            image_input: self.image_input,
            image_output: self.image_output,
            audio_ms: self.audio_ms,
            quality: if self.is_some() { UsageQuality::Exact } else { UsageQuality::Unknown },
            raw: self.raw(),
            ..Usage::default()
        }
    }

    fn cached(&self) -> u64 {
        self.cached_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0))
    }

    /// Whether cached and reasoning tokens stand beside the others. The total tells; without one that fits, a part that is
    /// larger than the whole cannot be inside, and the messages API counts cached tokens beside.
    fn what_stands_beside(&self) -> (bool, bool) {
        let (input, output) = (self.input.unwrap_or(0), self.output.unwrap_or(0));
        let (cached, reasoning) = (self.cached(), self.reasoning.unwrap_or(0));
        let fits = |cached_beside: bool, reasoning_beside: bool| {
            let beside = [(cached_beside, cached), (reasoning_beside, reasoning)];
            let extra: u64 =
                beside.into_iter().filter(|(beside, _)| *beside).map(|(_, count)| count).fold(0, u64::saturating_add);
            let possible = (cached_beside || cached <= input) && (reasoning_beside || reasoning <= output);
            possible && self.total == Some(input.saturating_add(output).saturating_add(extra))
        };
        let ways = [(false, false), (false, true), (true, false), (true, true)];
        ways.into_iter()
            .find(|(cached_beside, reasoning_beside)| fits(*cached_beside, *reasoning_beside))
            .unwrap_or((cached > input || (self.cached_spelt_beside && self.total.is_none()), reasoning > output))
    }

    /// The usage object as it stood, without white space; of several, the first completed by the last.
    fn raw(&self) -> Option<Box<str>> {
        let last = json::compact(self.last_raw.as_deref()?)?;
        let raw = match self.first_raw.as_deref() {
            Some(first) => merged(first, &last)?,
            None => last,
        };
        (raw.len() <= LONGEST_RAW).then(|| raw.into())
    }
}

fn merged(first: &[u8], last: &str) -> Option<String> {
    let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(first).ok()?;
    members.extend(serde_json::from_str::<serde_json::Map<_, _>>(last).ok()?);
    serde_json::to_string(&members).ok()
}

fn take_details(details: &[u8], mut take: impl FnMut(&[u8], Option<u64>) -> bool) -> bool {
    let mut stated = false;
    for member in Members::open(details, 0).into_iter().flatten().map_while(Result::ok) {
        stated |= take(member.name, json::as_u64(&details[member.value]));
    }
    stated
}

fn set(place: &mut Option<u64>, value: Option<u64>) -> bool {
    if value.is_some() {
        *place = value;
    }
    value.is_some()
}

fn milliseconds(seconds: &[u8]) -> Option<u64> {
    let seconds: f64 = std::str::from_utf8(seconds).ok()?.trim_matches('"').parse().ok()?;
    (seconds.is_finite() && (0.0..1e9).contains(&seconds)).then(|| (seconds * 1000.0).round() as u64)
}
