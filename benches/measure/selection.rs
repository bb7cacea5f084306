//! How long the choice of a key takes, for every strategy and for small and huge pools.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use keywheel::clock::Clock;
use keywheel::domain::{
    AuthScheme, BaseUrl, Key, KeyId, Moment, Provider, ProviderId, Snapshot, SnapshotParts, Strategy, Target,
};
use keywheel::rotator::{PickRequest, Rotator};
use serde_json::json;

use crate::Bench;
use crate::report::{Row, Section, Spread};

const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// Picks with cold caches.
const COLD_PICKS: u64 = 400;
/// Picks of a round one after another.
const WARM_PICKS: u64 = 2_000;
const ROUNDS: usize = 7;
/// How much slower than in the smallest pool the choice may be in the largest.
const LIMIT: f64 = 1.2;
/// Words of a cache line.
const LINE: usize = 8;
/// What is read to make caches cold: more than they hold.
const COLD_BYTES: usize = 48 << 20;

/// Measures picks with cold caches, as a call on a quiet machine finds them, and one after another. A huge pool does not stay in
/// the caches, so that the second differs by the memory's speed where the first shows whether the work itself grows.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Choice of a key");
    let mut now = Clock::start().now();
    let other = vec![1; COLD_BYTES / size_of::<u64>()];
    for strategy in Strategy::ALL {
        let pools = SIZES.iter().map(|size| pool(*size, now)).collect::<Result<Vec<_>>>()?;
        let mut cold = SIZES.map(|_| Vec::new());
        let mut warm = SIZES.map(|_| Vec::new());
        // Pools take turns, so that what slows the machine down for a while touches all of them.
        for pick in 0..bench.calls(COLD_PICKS) {
            now = now.plus_ms(1);
            for (times, pool) in cold.iter_mut().zip(&pools) {
                black_box(other.iter().step_by(LINE).fold(0, |sum: u64, word| sum.wrapping_add(*word)));
                times.push(time_pick(pool, strategy, pick, now)?);
            }
        }
        for _ in 0..bench.rounds(ROUNDS) {
            for (times, pool) in warm.iter_mut().zip(&pools) {
                for pick in 0..WARM_PICKS {
                    // Fifty calls a millisecond.
                    if pick % 50 == 0 {
                        now = now.plus_ms(1);
                    }
                    times.push(time_pick(pool, strategy, pick, now)?);
                }
            }
        }
        let spread = |times: Vec<u64>| Spread::of(times.into_iter().map(|time| time as f64));
        let (cold, warm) = (cold.map(spread), warm.map(spread));
        let ratio = cold[2].median / cold[0].median;
        let text = |spreads: [Spread; 3]| spreads.map(|spread| format!("{:.0}", spread.median)).join(" / ") + " ns";
        section.add(Row {
            what: format!("`{}`, 10 / 1,000 / 100,000 keys, cold caches", strategy.as_str()),
            measured: text(cold),
            beside: format!("largest against smallest: {ratio:.2}; one after another {}", text(warm)),
            limit: format!("≤ {LIMIT}"),
            holds: Some(ratio <= LIMIT),
        });
        let figures = json!({ "cold_ns": cold.map(Spread::to_json), "warm_ns": warm.map(Spread::to_json) });
        section.figures.insert(strategy.as_str().to_owned(), figures);
    }
    Ok(section)
}

/// Times the pick of one call, in nanoseconds, for one of a thousand clients.
fn time_pick(rotator: &Rotator, strategy: Strategy, call: u64, now: Moment) -> Result<u64> {
    let targets = [Target { provider: ProviderId(1), model: "gpt-4o-mini".into(), tier: 1, weight: 1 }];
    let mut request = PickRequest::new(&targets, strategy);
    request.affinity = Some((call % 1_000).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let began = Instant::now();
    let lease = rotator.pick(&request, now).context("a pool whose keys are all free")?;
    let took = began.elapsed();
    drop(lease);
    Ok(took.as_nanos() as u64)
}

fn pool(size: usize, now: Moment) -> Result<Arc<Rotator>> {
    let base_url = BaseUrl::parse("https://provider.example/v1", false)?;
    let provider =
        Provider { id: ProviderId(1), is_default: true, ..Provider::new("bench".to_owned(), base_url, AuthScheme::Bearer) };
    let keys = (1..=size as i64).map(|id| {
        let secret = format!("sk-bench-{id:032}");
        Arc::new(Key { id: KeyId(id), weight: 1 + (id % 3) as u32, ..Key::new(ProviderId(1), format!("key-{id}"), secret) })
    });
    let parts = SnapshotParts { providers: vec![Arc::new(provider)], keys: keys.collect(), ..SnapshotParts::default() };
    let rotator = Rotator::new(7);
    rotator.apply(&Snapshot::new(parts), now);
    Ok(rotator)
}
