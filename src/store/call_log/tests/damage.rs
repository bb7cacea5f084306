//! Files that cannot be used: refused, untouched, and in nobody's way.

use super::*;

#[tokio::test]
async fn a_segment_that_is_refused_stays_untouched_and_the_others_work() {
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 3] = [
        ("is not a SQLite database", |path| fs::write(path, "no database at all, however long it may be").unwrap()),
        ("newer Keywheel", |path| {
            rusqlite::Connection::open(path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        }),
        ("not Keywheel's call log", |path| {
            rusqlite::Connection::open(path).unwrap().execute_batch("PRAGMA application_id = 5").unwrap();
        }),
    ];
    for (expected, spoil) in spoil {
        let folder = tempfile::tempdir().unwrap();
        let entropy = Entropy::from_seed(6);
        let records = [call(NOW_MS - DAY_MS, &entropy), call(NOW_MS, &entropy)];
        let (_, mut writer) = open(&folder);
        write(&mut writer, &records);
        writer.close(NOW_MS).unwrap();
        let path = folder.path().join("calls").join(format!("{}.db", Day::at(NOW_MS - DAY_MS)));
        spoil(&path);
        let before = fs::read(&path).unwrap();
        let (log, mut writer) = open(&folder);
        let page = log.list(CallQuery::default()).await.unwrap();
        assert_eq!(page.calls, [CallSummary::from(&records[1])]);
        assert_eq!(page.unreadable.len(), 1);
        assert_eq!(page.unreadable[0].0, Day::at(NOW_MS - DAY_MS));
        assert!(page.unreadable[0].1.contains(expected), "{}", page.unreadable[0].1);
        assert!(log.get(records[0].id).await.unwrap_err().to_string().contains(expected));
        assert_eq!(log.get(records[1].id).await.unwrap().as_ref(), Some(&records[1]));
        let late = LogEntry::Call(Box::new(call(NOW_MS - DAY_MS, &entropy)));
        assert!(writer.write(late.day(), &[late], NOW_MS).unwrap_err().to_string().contains(expected));
        write(&mut writer, &[call(NOW_MS, &entropy)]);
        assert_eq!(fs::read(&path).unwrap(), before, "{expected}");
    }
}

#[tokio::test]
async fn a_disk_that_is_full_undoes_the_batch_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(7);
    let (log, mut writer) = open(&folder);
    write(&mut writer, &[call(NOW_MS, &entropy)]);
    writer.limit_pages(Day::at(NOW_MS), 1);
    let batch: Vec<_> = (0..2_000)
        .map(|at| CallRecord { model_asked: Some(format!("new-{at}").into()), ..call(NOW_MS, &entropy) })
        .map(|record| LogEntry::Call(Box::new(record)))
        .collect();
    assert!(matches!(writer.write(Day::at(NOW_MS), &batch, NOW_MS), Err(DatabaseError::DiskFull)));
    assert_eq!(log.list(CallQuery::default()).await.unwrap().calls.len(), 1);
    writer.limit_pages(Day::at(NOW_MS), u32::MAX);
    // Names that the failed batch had given numbers get new ones.
    writer.write(Day::at(NOW_MS), &batch[1_000..], NOW_MS).unwrap();
    let page = log.list(CallQuery { limit: 5_000, ..CallQuery::default() }).await.unwrap();
    assert_eq!(page.calls.len(), 1_001);
    for entry in &batch[1_000..] {
        let LogEntry::Call(record) = entry else { continue };
        assert!(page.calls.contains(&CallSummary::from(&**record)));
    }
    writer.commit_rollups(NOW_MS).unwrap();
    let axis = Axis::new(MIDNIGHT_MS, NOW_MS + 1, None, "UTC", NOW_MS).unwrap();
    assert_eq!(statistics::total(&log, &axis).await.calls, 1_001);
}

#[tokio::test]
async fn a_segment_that_is_damaged_inside_does_not_end_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(8);
    let newest = call(NOW_MS, &entropy);
    let oldest = call(NOW_MS - 2 * DAY_MS, &entropy);
    let (_, mut writer) = open(&folder);
    write(&mut writer, &[oldest.clone(), newest.clone()]);
    for _ in 0..200 {
        write(&mut writer, &[call(NOW_MS - DAY_MS, &entropy)]);
    }
    writer.close(NOW_MS).unwrap();
    let path = folder.path().join("calls").join(format!("{}.db", Day::at(NOW_MS - DAY_MS)));
    let mut bytes = fs::read(&path).unwrap();
    bytes[3 * 4096..].fill(0xAA);
    fs::write(&path, bytes).unwrap();
    let (log, _writer) = open(&folder);
    let page = log.list(CallQuery { limit: 1_000, ..CallQuery::default() }).await.unwrap();
    assert_eq!(page.calls.first(), Some(&CallSummary::from(&newest)));
    assert_eq!(page.calls.last(), Some(&CallSummary::from(&oldest)));
    assert_eq!(page.unreadable.iter().map(|(day, _)| *day).collect::<Vec<_>>(), [Day::at(NOW_MS - DAY_MS)]);
}
