//! How long the choice of a key takes, for every strategy and for small and huge pools.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use keywheel::clock::Clock;
use keywheel::domain::{
    AuthScheme, BaseUrl, Key, KeyId, KeyLimits, Moment, Probe, Provider, ProviderId, Snapshot, SnapshotParts, Strategy, Target,
    Timeouts,
};
use keywheel::rotator::{PickRequest, Rotator};
use serde_json::json;

use crate::Bench;
use crate::report::{Row, Section, Spread};

const SIZES: [usize; 3] = [10, 1_000, 100_000];
const PICKS: usize = 20_000;
const ROUNDS: usize = 15;
/// How much slower than in the smallest pool the choice may be in the largest.
const LIMIT: f64 = 1.2;

/// Measures picks whose lease ends at once, in turn over the sizes of the pool.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Choice of a key");
    let targets = [Target { provider: ProviderId(1), model: "gpt-4o-mini".into(), tier: 1, weight: 1 }];
    let mut now = Clock::start().now();
    for strategy in Strategy::ALL {
        let pools = SIZES.map(|size| pool(size, now));
        let mut rounds = SIZES.map(|_| Vec::new());
        for round in 0..=bench.rounds(ROUNDS) {
            for (pool, figures) in pools.iter().zip(&mut rounds) {
                let began = Instant::now();
                pick_often(pool.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?, &targets, strategy, &mut now)?;
                if round > 0 {
                    figures.push(began.elapsed().as_nanos() as f64 / PICKS as f64);
                }
            }
        }
        let spreads = rounds.map(|figures| Spread::of(figures.into_iter()));
        let ratio = spreads[2].median / spreads[0].median;
        section.rows.push(Row {
            what: format!("`{}`, 10 / 1,000 / 100,000 keys", strategy.as_str()),
            measured: spreads.map(|spread| format!("{:.0}", spread.median)).join(" / ") + " ns",
            beside: format!("largest against smallest: {ratio:.2}"),
            limit: format!("≤ {LIMIT}"),
            holds: Some(ratio <= LIMIT),
        });
        section.figures.insert(strategy.as_str().to_owned(), json!(spreads.map(Spread::to_json)));
    }
    Ok(section)
}

fn pick_often(rotator: &Rotator, targets: &[Target], strategy: Strategy, now: &mut Moment) -> Result<()> {
    let mut request = PickRequest::new(targets, strategy);
    for pick in 0..PICKS {
        // A thousand clients, each with its own affinity; fifty calls a millisecond.
        request.affinity = Some((pick as u64 % 1_000).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if pick % 50 == 0 {
            *now = now.plus_ms(1);
        }
        drop(rotator.pick(&request, *now).context("a pool whose keys are all free")?);
    }
    Ok(())
}

fn pool(size: usize, now: Moment) -> Result<Arc<Rotator>> {
    let provider = Provider {
        id: ProviderId(1),
        name: "bench".to_owned(),
        base_url: BaseUrl::parse("https://provider.example/v1", false)?,
        auth: AuthScheme::Bearer,
        headers: Vec::new(),
        pass_headers: Vec::new(),
        timeouts: Timeouts::default(),
        proxy: None,
        is_default: true,
        allow_private: false,
        attempts: None,
        time_zone: None,
        probe: Probe::default(),
        synced_models: Vec::new(),
        enabled: true,
    };
    let keys = (1..=size as i64).map(|id| {
        Arc::new(Key {
            id: KeyId(id),
            provider: ProviderId(1),
            name: format!("key-{id}"),
            secret: format!("sk-bench-{id:032}").into(),
            tags: Vec::new(),
            weight: 1 + (id % 3) as u32,
            priority: 0,
            models: None,
            limits: KeyLimits::default(),
            account: None,
        })
    });
    let parts = SnapshotParts { providers: vec![Arc::new(provider)], keys: keys.collect(), ..SnapshotParts::default() };
    let rotator = Rotator::new(7);
    rotator.apply(&Snapshot::new(parts), now);
    Ok(rotator)
}
