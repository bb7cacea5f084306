//! What Keywheel learns by itself: owners of objects, lists of models.

use super::*;

#[tokio::test]
async fn owners_are_known_at_once_and_after_a_restart() {
    let mut folder = Folder::new();
    let owner = ObjectOwner {
        provider: ProviderId(1),
        key: KeyId(2),
        account: Some("org".into()),
        client: Some(ClientId(3)),
        call: CallId::new(NOW, [1; 10]),
        model: Some("m".into()),
        awaits_usage: true,
    };
    folder.store().owners().remember("resp_1", owner.clone(), NOW);
    assert_eq!(folder.store().owners().recent("resp_1").as_deref(), Some(&owner));
    folder.reopen();
    let owners = folder.store().owners();
    assert_eq!(owners.recent("resp_1"), None);
    assert!(!owners.claim_usage("resp_1"), "not in memory: it must be found first");
    assert_eq!(owners.find("resp_1").await.unwrap().as_deref(), Some(&owner));
    assert_eq!(owners.find("resp_2").await.unwrap(), None);
    assert!(owners.claim_usage("resp_1"));
    assert!(!owners.claim_usage("resp_1"), "billed once");
    folder.reopen();
    assert!(!folder.store().owners().find("resp_1").await.unwrap().unwrap().awaits_usage);
    assert_eq!(folder.store().owners().forget_before(NOW + 1).await.unwrap(), 1);
}

#[tokio::test]
async fn lists_of_models_are_merged_over_keys() {
    let mut folder = Folder::new();
    let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
    folder.edit(move |edit| edit.create(key(p, "a", "sk-a"))).unwrap();
    folder.edit(move |edit| edit.create(key(p, "b", "sk-b"))).unwrap();
    let sync = |folder: &Folder, lists: &[(i64, &[&str])], acceptance: Acceptance| {
        let list = |models: &[&str]| Arc::new(models.iter().map(|model| (*model).to_owned()).collect());
        let lists: Vec<_> = lists.iter().map(|(key, models)| (KeyId(*key), list(models))).collect();
        folder.edit(move |edit| edit.accept_models(p, &lists, &acceptance)).unwrap()
    };
    let all = Acceptance::default;
    let shown = |folder: &Folder| folder.store().catalog().get::<Provider>(p).unwrap().value.synced_models.join(" ");
    let first = sync(&folder, &[(1, &["m1", "m2"]), (2, &["m2", "m3"]), (9, &["of another provider"])], all());
    assert_eq!(first.added, ["m1", "m2", "m3"]);
    assert_eq!(shown(&folder), "m1 m2 m3");
    folder.edit(move |edit| edit.remove_synced_model(p, "m2", true)).unwrap();
    assert_eq!(sync(&folder, &[(1, &["m2"])], all()).vanished, ["m1"]);
    assert_eq!(shown(&folder), "m3", "what the operator removed does not come back");
    folder.reopen();
    assert_eq!(shown(&folder), "m3");
    let models = folder.store().synced_models(p).await.unwrap();
    assert_eq!((&*models[0].model, models[0].vanished_ms, models[0].keys.len()), ("m1", Some(NOW), 0));
    assert_eq!((&*models[1].model, models[1].removed_ms, models[1].keys.len()), ("m2", Some(NOW), 2));
    folder.edit(move |edit| edit.remove_synced_model(p, "m2", false)).unwrap();
    assert_eq!(shown(&folder), "m2 m3");
    let some = Acceptance { added: Some(Default::default()), vanished: Some(["m2".to_owned()].into()), ..all() };
    let outcome = sync(&folder, &[(1, &["m1", "m4"]), (2, &[])], Acceptance { refused: ["m4".to_owned()].into(), ..some });
    assert_eq!((outcome.vanished, outcome.refused), (vec!["m2".to_owned()], vec!["m4".to_owned()]));
    assert_eq!(shown(&folder), "m3", "what is not accepted stays as it is kept");
    assert_eq!(sync(&folder, &[(1, &["m1", "m4"]), (2, &[])], all()).added, ["m1"], "what is refused is offered no more");
    folder.reopen();
    let provider = folder.store().catalog().get::<Provider>(p).unwrap().value.clone();
    assert_eq!((provider.synced_models.join(" "), provider.models_synced_ms), ("m1".to_owned(), Some(NOW)));
}

#[test]
fn a_price_of_a_provider_is_kept_and_dated() {
    let mut folder = Folder::new();
    let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
    let price = |input| Some(Price { input: Some(Rate(input)), source: "operator".into(), ..Price::default() });
    folder.edit(move |edit| edit.price_model(p, "vendor/m", price(7))).unwrap();
    folder.edit(move |edit| edit.price_model(p, "n", price(8))).unwrap();
    folder.edit(move |edit| edit.price_model(p, "n", None)).unwrap();
    assert!(folder.edit(move |edit| edit.price_model(p, "", price(1))).is_err());
    folder.reopen();
    let stored = folder.store().catalog().get::<Provider>(p).unwrap().value.clone();
    assert_eq!(stored.model_prices.len(), 1);
    let kept = &stored.model_prices["vendor/m"];
    assert_eq!((kept.input, kept.since_ms, &*kept.source), (Some(Rate(7)), Some(NOW), "operator"));
    folder.edit(move |edit| edit.delete::<Provider>(p, None)).unwrap();
    let back = folder.edit(move |edit| edit.restore::<Provider>(p).map(drop));
    back.unwrap();
    let stored = folder.store().catalog().get::<Provider>(p).unwrap().value.clone();
    assert_eq!(stored.model_prices.len(), 1, "it comes back with its provider");
}
