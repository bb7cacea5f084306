//! When the calls that match began: from the sums where they can tell it exactly, else by counting the log.

use super::CallLog;
use crate::domain::Outcome;
use crate::store::connection::DatabaseError;
use crate::store::rollups::{self, Axis, Dimension, MemberQuestion};
use crate::store::segments::{self, CallCounts, CallFilter, CountLimits, OutcomeCounts};

impl CallLog {
    /// Counts the calls that match in each bucket of an axis that [`Axis::of_log`] made, by how they ended.
    ///
    /// Time, outcome, and one of model, served model, client, provider and key are told from the sums, however many calls
    /// there are. Anything else is counted call by call, the newest first, within limits; so are the ends of the range,
    /// where they lie inside of what is summed.
    pub async fn histogram(&self, filter: CallFilter, axis: &Axis, limits: CountLimits) -> Result<CallCounts, DatabaseError> {
        let edges = edges_of(axis);
        if let Some(counts) = self.summed(&filter, axis, &edges, limits).await? {
            return Ok(counts);
        }
        self.segments.call(move |readers| segments::count(readers, &filter, &edges, limits)).await
    }

    /// The first unix millisecond of the oldest day in the log.
    pub async fn begins_ms(&self) -> Result<Option<i64>, DatabaseError> {
        let folder = self.folder.clone();
        let oldest = move |_: &mut segments::SegmentReaders| {
            let failed = |source| DatabaseError::Open { path: folder.path().to_owned(), source };
            Ok(folder.days().map_err(failed)?.first().map(|day| day.start_ms()))
        };
        self.segments.call(oldest).await
    }

    /// The counts from the sums, and those of the range's ends from the log; `None`: the sums cannot tell.
    async fn summed(
        &self,
        filter: &CallFilter,
        axis: &Axis,
        edges: &[i64],
        limits: CountLimits,
    ) -> Result<Option<CallCounts>, DatabaseError> {
        let Some(question) = question(filter) else { return Ok(None) };
        let (Some(begins_ms), Some(unit_ms)) = (self.begins_ms().await?, axis.summed_ms()) else { return Ok(None) };
        // What was removed with its day is in the sums still.
        let (from, to) = (axis.from_ms().max(begins_ms), axis.to_ms());
        let is_open = axis.buckets.last().is_some_and(|bucket| bucket.running);
        let inner_from = from + (-from).rem_euclid(unit_ms);
        let inner_to = if is_open { to + (-to).rem_euclid(unit_ms) } else { to - to.rem_euclid(unit_ms) };
        if inner_from >= inner_to {
            return Ok(None);
        }
        let seconds: Vec<i64> = edges.iter().map(|edge| (*edge).clamp(inner_from, inner_to) / 1000).collect();
        let seconds = match seconds.split_last() {
            Some((_, rest)) => rest.iter().copied().chain([inner_to / 1000]).collect::<Vec<_>>(),
            None => return Ok(None),
        };
        let has_minutes = unit_ms == 60_000;
        let read = move |connection: &mut _| rollups::outcomes(connection, &question, &seconds, has_minutes);
        let Some(sums) = self.rollups.call(read).await? else { return Ok(None) };
        let mut told =
            CallCounts { counts: sums.iter().map(|sums| chosen(sums, &filter.outcomes)).collect(), ..CallCounts::default() };
        for (from, to) in [(inner_to, to), (from, inner_from)] {
            if from >= to {
                continue;
            }
            let (filter, within) = (filter.clone(), edges.iter().map(|edge| (*edge).clamp(from, to)).collect::<Vec<_>>());
            let counted = self.segments.call(move |readers| segments::count(readers, &filter, &within, limits)).await?;
            if to == axis.to_ms() && counted.counted_from_ms.is_some() {
                return Ok(None);
            }
            for (sum, more) in told.counts.iter_mut().zip(counted.counts) {
                sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
            told.counted_from_ms = told.counted_from_ms.or(counted.counted_from_ms);
            told.unreadable.extend(counted.unreadable);
        }
        Ok(Some(told))
    }
}

/// The ends of the buckets, in unix milliseconds.
fn edges_of(axis: &Axis) -> Vec<i64> {
    axis.buckets.iter().map(|bucket| bucket.from_ms).chain([axis.to_ms()]).collect()
}

/// Whose calls a filter is about, where it asks for nothing that the sums do not know.
fn question(filter: &CallFilter) -> Option<MemberQuestion> {
    let asked = [
        filter.model_asked.clone().map(|name| MemberQuestion::Name(Dimension::Model, name)),
        filter.model_served.clone().map(|name| MemberQuestion::Name(Dimension::ServedModel, name)),
        filter.client.map(|id| MemberQuestion::Row(Dimension::Client, id.0)),
        filter.provider.map(|id| MemberQuestion::Row(Dimension::Provider, id.0)),
        filter.key.map(|id| MemberQuestion::Row(Dimension::Key, id.0)),
    ];
    let summed = CallFilter {
        from_ms: filter.from_ms,
        to_ms: filter.to_ms,
        outcomes: filter.outcomes.clone(),
        model_asked: filter.model_asked.clone(),
        model_served: filter.model_served.clone(),
        client: filter.client,
        provider: filter.provider,
        key: filter.key,
        // Keywheel records no probes of its own.
        probe: filter.probe.filter(|is_probe| !is_probe),
        ..CallFilter::default()
    };
    let mut asked = asked.into_iter().flatten();
    let first = asked.next().unwrap_or(MemberQuestion::Total);
    (*filter == summed && asked.next().is_none()).then_some(first)
}

fn chosen(sums: &[i64; Outcome::ALL.len()], outcomes: &[Outcome]) -> OutcomeCounts {
    std::array::from_fn(|at| {
        let is_chosen = outcomes.is_empty() || outcomes.contains(&Outcome::ALL[at]);
        if is_chosen { sums[at].max(0).unsigned_abs() } else { 0 }
    })
}
